"""The card's clocks, temperature and what holds them back, from the driver's management library."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Final

from runners.wire import Clocks

LIBRARY: Final = "libnvidia-ml.so.1"
SM, MEMORY = 1, 2  # nvmlClockType_t
GPU_SENSOR: Final = 0


def clocks() -> Clocks:
    """Reads them; what can't be read is None."""
    library = _library()
    if library is None:
        return Clocks(sm_mhz=None, memory_mhz=None, celsius=None, throttled=None)
    device = ctypes.c_void_p()
    if library.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(device)) != 0:
        return Clocks(sm_mhz=None, memory_mhz=None, celsius=None, throttled=None)
    held_back = ctypes.c_ulonglong()
    known = library.nvmlDeviceGetCurrentClocksThrottleReasons(device, ctypes.byref(held_back)) == 0
    return Clocks(
        sm_mhz=_number(library.nvmlDeviceGetClockInfo, device, SM),
        memory_mhz=_number(library.nvmlDeviceGetClockInfo, device, MEMORY),
        celsius=_number(library.nvmlDeviceGetTemperature, device, GPU_SENSOR),
        throttled=held_back.value if known else None,
    )


@cache
def _library() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError:
        return None
    return library if library.nvmlInit_v2() == 0 else None


def _number(ask: ctypes._NamedFuncPointer, device: ctypes.c_void_p, which: int) -> int | None:
    value = ctypes.c_uint()
    return value.value if ask(device, which, ctypes.byref(value)) == 0 else None
