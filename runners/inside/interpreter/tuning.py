"""`triton.autotune` without a GPU, and the driver that host code asks about the device.

Nothing is timed. Of the configurations that pruning leaves, the first is used in natural order, and one drawn from the
order seed otherwise, so that the runs of a case exercise different ones. As tuning does on a GPU, the first use of a
key in a call rehearses the kernel on the real arguments before the run that counts (with `pre_hook`, `reset_to_zero`
and `restore_value` observed): a kernel that accumulates into its output and does not say so shows it. One rehearsal
stands for the many of a real tuning.

The device that the stand-in driver describes is an H100 but for its three multiprocessors: persistent kernels, which
launch one program a multiprocessor, then have to loop in small cases too. `torch.cuda` is not faked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch
from triton.backends.compiler import GPUTarget
from triton.runtime.autotuner import Autotuner
from triton.runtime.driver import driver

from runners.inside.interpreter.conditions import CURRENT

_PROPERTIES: Final = {
    "max_shared_mem": 232448,
    "max_num_regs": 65536,
    "multiprocessor_count": 3,
    "warpSize": 32,
    "sm_clock_rate": 1980000,
    "mem_clock_rate": 2619000,
    "mem_bus_width": 5120,
}


class StandInUtilities:
    """`driver.active.utils`."""

    def get_device_properties(self, device: int) -> dict[str, int]:
        """Returns properties of the described device (Triton's own shape of them: a dict)."""
        return dict(_PROPERTIES)


class StandInDriver:
    """What `triton.runtime.driver.active` answers; what it lacks is reported as the interpreter's limit."""

    utils = StandInUtilities()

    def get_current_device(self) -> int:
        """Returns 0, the only device."""
        return 0

    def set_current_device(self, device: int) -> None:
        """Does nothing: there is one device."""

    def get_current_stream(self, device: int) -> int:
        """Returns the default stream."""
        return 0

    def get_device_capability(self, device: int = 0) -> tuple[int, int]:
        """Returns the capability of an H100."""
        return (9, 0)

    def get_current_target(self) -> GPUTarget:
        """Returns the target of an H100."""
        return GPUTarget("cuda", 90, 32)

    def get_active_torch_device(self) -> torch.device:
        """Returns the device that the tensors are on."""
        return torch.device("cpu")

    def get_benchmarker(self) -> Callable[..., list[float]]:
        """Returns what runs a kernel once and times nothing."""
        return run_once


def run_once(kernel_call: Callable[[], Any], quantiles: Any = None, **_: Any) -> list[float]:
    """Calls the kernel once; every configuration is equally fast."""
    kernel_call()
    return [1.0, 1.0, 1.0]


def run(self: Autotuner, *args: Any, **named: Any) -> Any:
    """Replaces `Autotuner.run`."""
    self.nargs = dict(zip(self.arg_names, args, strict=False))
    config = self.configs[0]
    if len(self.configs) > 1:
        remaining = self.prune_configs(named)
        config = remaining[CURRENT.run.choice(len(remaining))]
        CURRENT.run.configurations = len(remaining)
        key = (id(self), self_key(self, named))
        if key not in CURRENT.run.tuned:
            CURRENT.run.tuned.add(key)
            if len(remaining) > 1:
                _rehearse(self, config, args, named)
    self.best_config = config
    everything = {**self.nargs, **named, **config.all_kwargs()}
    if config.pre_hook is not None:
        config.pre_hook(everything)
    result = self.fn.run(*args, **named, **config.all_kwargs())
    CURRENT.run.configurations = 0
    self.nargs = None
    return result


def self_key(tuner: Autotuner, named: dict[str, Any]) -> tuple[str, ...]:
    """Returns the key under which a GPU would remember the tuning: the declared arguments, and all dtypes."""
    every = {name: value for name, value in {**tuner.nargs, **named}.items() if name in tuner.arg_names}
    declared = [repr(every[name]) for name in tuner.keys if name in every]
    return (*declared, *(str(value.dtype) for value in every.values() if hasattr(value, "dtype")))


def _rehearse(tuner: Autotuner, config: Any, args: tuple[Any, ...], named: dict[str, Any]) -> None:
    tuner.__dict__["do_bench"] = run_once
    tuner._bench(*args, config=config, **named)
    tuner.pre_hook({**tuner.nargs, **named, **config.all_kwargs()}, reset_only=True)


def install_driver() -> None:
    """Makes the stand-in Triton's active driver."""
    driver.set_active(StandInDriver())
