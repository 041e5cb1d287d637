"""Planted faults of device code: what the guards and the sanitizers must report. Run after a candidate's plans.

They are PTX, which the driver compiles: no compiler is needed, and no change of one can mend them. `at` is drawn by the
judge when it asks; of the faults that name a place it is the place.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Final, Literal

from cuda.bindings import driver

from runners.inside.gpu.device import ExactMemory, GuardedMemory, called, wait

FaultName = Literal["write past a guard", "write past an allocation", "uninitialised read", "race in shared memory",
                    "invalid barrier"]  # fmt: skip
BYTES: Final = 1000  # not a multiple of what allocators round to
THREADS: Final = 128
PTX: Final = b"""
.version 7.0
.target sm_70
.address_size 64

.visible .entry planted_write(.param .u64 base, .param .u64 at) {
    .reg .u64 %rd<4>; .reg .u32 %r<2>;
    ld.param.u64 %rd1, [base]; ld.param.u64 %rd2, [at]; cvta.to.global.u64 %rd1, %rd1; add.u64 %rd3, %rd1, %rd2;
    mov.u32 %r1, 1; st.global.u32 [%rd3], %r1; ret;
}

.visible .entry planted_read(.param .u64 base, .param .u64 at) {
    .reg .u64 %rd<4>; .reg .u32 %r<2>;
    ld.param.u64 %rd1, [base]; ld.param.u64 %rd2, [at]; cvta.to.global.u64 %rd1, %rd1; add.u64 %rd3, %rd1, %rd2;
    ld.global.u32 %r1, [%rd3]; st.global.u32 [%rd1], %r1; ret;
}

.visible .entry planted_race(.param .u64 base, .param .u64 at) {
    .shared .align 4 .b8 cells[512];
    .reg .u64 %rd<4>; .reg .u32 %r<8>;
    ld.param.u64 %rd1, [base]; cvta.to.global.u64 %rd1, %rd1;
    mov.u32 %r1, %tid.x; shl.b32 %r2, %r1, 2; mov.u32 %r3, cells; add.u32 %r4, %r3, %r2; st.shared.u32 [%r4], %r1;
    add.u32 %r5, %r1, 32; and.b32 %r5, %r5, 127; shl.b32 %r5, %r5, 2; add.u32 %r5, %r3, %r5; ld.shared.u32 %r6, [%r5];
    cvt.u64.u32 %rd2, %r2; add.u64 %rd3, %rd1, %rd2; st.global.u32 [%rd3], %r6; ret;
}

.visible .entry planted_barrier(.param .u64 base, .param .u64 at) {
    .reg .pred %p1; .reg .u32 %r<2>;
    mov.u32 %r1, %laneid; setp.lt.u32 %p1, %r1, 16; @%p1 bra low; bra end;
low: bar.warp.sync 0xffff0000;
end: ret;
}
"""


def run_planted(name: FaultName, at: int) -> None:
    """Commits one fault.

    Args:
        at: For a write the bytes behind the end of what may be written, for a read the offset of what was not written.

    Raises:
        DeviceError: the device noticed.
    """
    match name:
        case "write past a guard":
            _launch("planted_write", GuardedMemory(BYTES, "end").pointer, BYTES + at, 1)
        case "write past an allocation":
            _launch("planted_write", ExactMemory(BYTES).pointer, BYTES + at, 1)
        case "uninitialised read":
            _launch("planted_read", ExactMemory(BYTES).pointer, at, 1)
        case "race in shared memory":
            _launch("planted_race", ExactMemory(BYTES).pointer, 0, THREADS)
        case "invalid barrier":
            _launch("planted_barrier", 0, 0, THREADS)
    wait()


def known_kernel_is_right() -> bool:
    """Whether a kernel whose result is known gives it."""
    memory = ExactMemory(BYTES)
    memory.payload.zero_()
    _launch("planted_write", memory.pointer, 4, 1)
    wait()
    right = memory.payload.cpu().nonzero().flatten().tolist() == [4] and int(memory.payload[4]) == 1
    memory.free()
    return right


@cache
def _module() -> driver.CUmodule:
    return called(driver.cuModuleLoadData(PTX + b"\0"))


def _launch(name: str, base: int, at: int, threads: int) -> None:
    function = called(driver.cuModuleGetFunction(_module(), name.encode()))
    cells = (ctypes.c_uint64(base), ctypes.c_uint64(at))
    addresses = (ctypes.c_void_p * 2)(*(ctypes.addressof(cell) for cell in cells))
    called(driver.cuLaunchKernel(function, 1, 1, 1, threads, 1, 1, 0, 0, ctypes.addressof(addresses), 0))
