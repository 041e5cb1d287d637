"""CUDA's driver, as far as a plan needs it: memory, modules, launches.

Guarded memory comes from CUDA's virtual memory, each buffer in pages of its own with unmapped ones on both sides: an
access that leaves the pages ends the context with an error, at full speed and whatever allocator a framework has. The
payload is pushed to the end or to the start of its pages, or lies anywhere within, as a framework's does, so that an
address tells nothing; what is left of the pages holds a pattern that is looked at later.
The start is aligned to 16 bytes, as Triton's specialisation assumes of every allocation, so up to 15 bytes behind a
payload that is pushed to the end are pattern and not unmapped.

Under a sanitizer memory is allocated to the byte instead and not filled: the tools know the size of an allocation and
which of its bytes were written, and both would be hidden by pages that are larger and full.
"""

from __future__ import annotations

import ctypes
import secrets
import struct
from collections.abc import Sequence
from functools import cache
from typing import Any, Final, Literal, Protocol

import numpy as np
import torch
from cuda.bindings import driver

from runners.inside.gpu.expanse import EXPANSE_BYTES, Expanse

Side = Literal["end", "start", "within"]

ALIGNMENT: Final = 16
FRAMEWORK_ALIGNMENT: Final = 512  # of PyTorch's allocations
DEFAULT_SHARED_BYTES: Final = 48 << 10  # what a block gets without asking
WARP: Final = 32
_FORMATS: Final = {
    "i1": "<b", "i8": "<b", "i16": "<h", "i32": "<i", "i64": "<q", "u1": "<B", "u8": "<B", "u16": "<H", "u32": "<I",
    "u64": "<Q", "fp32": "<f", "f32": "<f", "fp64": "<d",
}  # fmt: skip


class DeviceError(Exception):
    """The driver refused or reported an error; the text is its name."""


def called(result: tuple[Any, ...]) -> Any:
    """Returns what a call of the driver gave besides its status.

    Raises:
        DeviceError: it failed.
    """
    status, *values = result
    if status != driver.CUresult.CUDA_SUCCESS:
        raise DeviceError(driver.CUresult(status).name)
    return values[0] if len(values) == 1 else tuple(values)


class Memory(Protocol):
    """`nbytes` of device memory for one buffer of a plan."""

    nbytes: int

    @property
    def pointer(self) -> int:
        """Of the first byte of the payload."""
        ...

    @property
    def payload(self) -> torch.Tensor:
        """uint8 of shape (nbytes,) on the device."""
        ...

    def fill(self, byte: int) -> None:
        """Sets what no plan may rely on."""
        ...

    def surroundings_hold(self, byte: int) -> bool:
        """Whether what is not payload still is what it was filled with."""
        ...

    def free(self) -> None:
        """Gives it back; no tensor on it may be used any more."""
        ...


class ExactMemory:
    """`nbytes` of device memory as the driver allocates it, for the eyes of a sanitizer."""

    def __init__(self, nbytes: int) -> None:
        """Allocates it.

        Raises:
            DeviceError: there is no room.
        """
        self.nbytes = nbytes
        self.pointer = int(called(driver.cuMemAlloc(max(1, nbytes))))

    @property
    def payload(self) -> torch.Tensor:
        """uint8 of shape (nbytes,) on the device."""
        return _bytes_at(self.pointer, self.nbytes)

    def fill(self, byte: int) -> None:
        """Does nothing: a sanitizer tells what was never written from what was."""

    def surroundings_hold(self, byte: int) -> bool:
        """True: nothing of ours is beside it, and the sanitizer looks."""
        return True

    def free(self) -> None:
        """Frees it."""
        called(driver.cuMemFree(self.pointer))


class GuardedMemory:
    """`nbytes` of device memory between unmapped pages; give it back with `free`."""

    def __init__(self, nbytes: int, side: Side, *, apart: bool = False) -> None:
        """Maps it; where `apart`, at an address that is drawn (`runners.inside.gpu.expanse`).

        Raises:
            DeviceError: there is no room.
        """
        properties = driver.CUmemAllocationProp()
        properties.type = driver.CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED
        properties.location.type = driver.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE
        properties.location.id = torch.cuda.current_device()
        minimum = driver.CUmemAllocationGranularity_flags.CU_MEM_ALLOC_GRANULARITY_MINIMUM
        page = called(driver.cuMemGetAllocationGranularity(properties, minimum))
        self._mapped = max(1, -(-nbytes // page)) * page
        self._reserved = self._mapped + 2 * page
        self._is_apart = apart
        self._first = _far_away(self._reserved, page) if apart else _reserved(self._reserved, page)
        self._start = self._first + page
        try:
            self._handle = called(driver.cuMemCreate(self._mapped, properties, 0))
        except DeviceError:
            self._give_back_addresses()
            raise
        called(driver.cuMemMap(self._start, self._mapped, 0, self._handle, 0))
        access = driver.CUmemAccessDesc()
        access.location = properties.location
        access.flags = driver.CUmemAccess_flags.CU_MEM_ACCESS_FLAGS_PROT_READWRITE
        called(driver.cuMemSetAccess(self._start, self._mapped, [access], 1))
        rounded = -(-nbytes // ALIGNMENT) * ALIGNMENT
        slack = self._mapped - rounded
        within = FRAMEWORK_ALIGNMENT * secrets.randbelow(slack // FRAMEWORK_ALIGNMENT + 1)
        self._before = {"end": slack, "start": 0, "within": within}[side]
        self.nbytes = nbytes
        self.pages = _bytes_at(self._start, self._mapped)

    @property
    def pointer(self) -> int:
        """Of the first byte of the payload."""
        return int(self._start + self._before)

    @property
    def payload(self) -> torch.Tensor:
        """uint8 of shape (nbytes,) on the device."""
        return self.pages[self._before : self._before + self.nbytes]

    def fill(self, byte: int) -> None:
        """Sets payload and surroundings."""
        self.pages.fill_(byte)

    def surroundings_hold(self, byte: int) -> bool:
        """Whether what is not payload still is what it was filled with."""
        around = (self.pages[: self._before], self.pages[self._before + self.nbytes :])
        return all(bool((part == byte).all()) for part in around)

    def free(self) -> None:
        """Unmaps it; no tensor on it may be used any more."""
        called(driver.cuMemUnmap(self._start, self._mapped))
        called(driver.cuMemRelease(self._handle))
        self._give_back_addresses()

    def _give_back_addresses(self) -> None:
        if self._is_apart:
            _expanse().give_back(self._first)
        else:
            called(driver.cuMemAddressFree(self._first, self._reserved))


def _far_away(nbytes: int, page: int) -> int:
    start = _expanse().take(nbytes, page)
    if start is None:
        raise DeviceError(f"no {nbytes} addresses are free far from the others")
    return start


@cache
def _expanse() -> Expanse:
    """The addresses that buffers far apart are given; reserved once and for the rest of the process.

    A wanted address is only a hint to the driver, which it did not take.

    Raises:
        DeviceError: the driver gives none.
    """
    return Expanse(_reserved(EXPANSE_BYTES, 0), EXPANSE_BYTES)


def _reserved(nbytes: int, alignment: int) -> int:
    return int(called(driver.cuMemAddressReserve(nbytes, alignment, 0, 0)))


class Launchable(Protocol):
    """A launch with everything in place."""

    def __call__(self) -> None:
        """Launches on torch's current stream.

        Raises:
            DeviceError: the launch was refused.
        """
        ...


class Function:
    """A kernel of a module, ready to be launched."""

    def __init__(self, cubin: bytes, name: str, shared_bytes: int, warps: int) -> None:
        """Loads it.

        Raises:
            DeviceError: it is no machine code of this device, or asks for more than it has.
        """
        self._module = called(driver.cuModuleLoadData(cubin))
        self._function = called(driver.cuModuleGetFunction(self._module, name.encode()))
        self._shared_bytes = shared_bytes
        self._threads = warps * WARP
        attribute = driver.CUfunction_attribute
        self._allow(max(shared_bytes, DEFAULT_SHARED_BYTES))
        self.registers = self._has(attribute.CU_FUNC_ATTRIBUTE_NUM_REGS)
        self.local_bytes = self._has(attribute.CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES)
        self.static_shared_bytes = self._has(attribute.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES)

    def prepare(self, grid: tuple[int, int, int], arguments: Sequence[bytes], *, alone: bool = False) -> Launchable:
        """Returns the launch; an empty grid is none.

        Args:
            arguments: The bytes of each argument, pointers among them.
            alone: Each block takes all the shared memory of a multiprocessor, so that no other runs beside it.

        Raises:
            DeviceError: it can't have that much.
        """
        if 0 in grid:
            return _nothing_to_launch
        shared_bytes = self._shared_bytes
        if alone:
            shared_bytes = max(shared_bytes, shared_bytes_of_a_block() - self.static_shared_bytes)
            self._allow(shared_bytes)
        cells = [ctypes.create_string_buffer(argument, len(argument)) for argument in arguments]
        addresses = (ctypes.c_void_p * max(1, len(cells)))(*(ctypes.addressof(cell) for cell in cells))

        def launch() -> None:
            stream = torch.cuda.current_stream().cuda_stream
            where = ctypes.addressof(addresses) if cells else 0
            size = (*grid, self._threads, 1, 1)
            called(driver.cuLaunchKernel(self._function, *size, shared_bytes, stream, where, 0))

        return launch

    def _allow(self, shared_bytes: int) -> None:
        if shared_bytes > DEFAULT_SHARED_BYTES:
            wanted = driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
            called(driver.cuFuncSetAttribute(self._function, wanted, shared_bytes))

    def _has(self, attribute: Any) -> int:
        return int(called(driver.cuFuncGetAttribute(attribute, self._function)))


def shared_bytes_of_a_block() -> int:
    """How much shared memory one block can have at most."""
    wanted = driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
    return int(called(driver.cuDeviceGetAttribute(wanted, torch.cuda.current_device())))


def _nothing_to_launch() -> None:
    pass


def pointer_bytes(address: int) -> bytes:
    """Returns an address as an argument."""
    return struct.pack("<Q", address)


def scalar_bytes(type_: str, value: bool | int | float) -> bytes:
    """Returns a number as an argument of Triton's type `type_`.

    Raises:
        DeviceError: it does not fit.
    """
    try:
        if type_ == "fp16":
            return np.float16(value).tobytes()
        if type_ == "bf16":
            return torch.tensor(value, dtype=torch.bfloat16).view(torch.int16).numpy().tobytes()
        return struct.pack(_FORMATS[type_], value if type_.startswith("f") else int(value))
    except struct.error:
        raise DeviceError(f"{value} does not fit into {type_}") from None


def wait() -> None:
    """Waits until the device is done.

    Raises:
        DeviceError: a kernel failed; the context is of no use from then on.
    """
    called(driver.cuCtxSynchronize())


class _Interface:
    def __init__(self, address: int, nbytes: int) -> None:
        self.__cuda_array_interface__ = {
            "shape": (nbytes,), "typestr": "|u1", "data": (address, False), "version": 3, "strides": None,
        }  # fmt: skip


def _bytes_at(address: int, nbytes: int) -> torch.Tensor:
    return torch.as_tensor(_Interface(address, nbytes), device="cuda")
