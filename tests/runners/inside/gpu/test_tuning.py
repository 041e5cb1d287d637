from __future__ import annotations

from typing import Any, cast

import pytest
import triton
from triton.runtime.autotuner import Autotuner, OutOfResources

from runners.inside.gpu.tuning import configuration

CONFIGS = [triton.Config({"BLOCK": size}, num_warps=warps) for size, warps in ((16, 1), (32, 2), (64, 4))]


class Kernel:
    """What an autotuner holds: it notes the blocks that it was run with, and some do not fit the device."""

    arg_names = ("n", "BLOCK")

    def __init__(self, too_large: tuple[int, ...] = ()) -> None:
        self.fn = test_each_number_takes_its_configuration_for_the_same_key_too  # any function
        self.too_large = too_large
        self.blocks: list[int] = []

    def run(self, *args: Any, BLOCK: int, **kwargs: Any) -> None:  # noqa: N803  # a kernel's own name
        if BLOCK in self.too_large:
            raise OutOfResources(BLOCK, 32, "shared memory")
        self.blocks.append(BLOCK)


def tuned(kernel: Kernel, **options: Any) -> Autotuner:
    return cast("Autotuner", triton.autotune(configs=CONFIGS, key=["n"], **options)(kernel))


def taken(tuner: Autotuner, number: int, n: int = 8) -> int:
    with configuration(number):
        tuner.run(n)
    return int(tuner.best_config.kwargs["BLOCK"])


def test_each_number_takes_its_configuration_for_the_same_key_too() -> None:
    kernel = Kernel()
    tuner = tuned(kernel)
    assert [taken(tuner, number) for number in (0, 1, 2, 3, 1)] == [16, 32, 64, 16, 32]
    assert kernel.blocks == [16, 16, 32, 32, 64, 64, 16, 16, 32, 32]  # each runs once before, as timing would run it


def test_one_that_the_device_can_not_run_leaves_its_place_to_the_next() -> None:
    assert taken(tuned(Kernel(too_large=(32,))), 1) == 64


def test_where_none_can_be_run_the_call_fails_as_it_would() -> None:
    with pytest.raises(OutOfResources):
        taken(tuned(Kernel(too_large=(16, 32, 64))), 1)


def test_only_what_pruning_left_is_taken() -> None:
    def prune(configs: list[triton.Config], named: dict[str, Any], **kwargs: Any) -> list[triton.Config]:
        return [one for one in configs if one.kwargs["BLOCK"] > 16]

    tuner = tuned(Kernel(), prune_configs_by={"early_config_prune": prune})
    assert [taken(tuner, number) for number in (0, 1, 2)] == [32, 64, 32]


def test_afterwards_autotuners_are_as_they_were() -> None:
    before = Autotuner.run, Autotuner.prune_configs, Autotuner._bench
    with pytest.raises(ZeroDivisionError), configuration(0):
        raise ZeroDivisionError
    assert (Autotuner.run, Autotuner.prune_configs, Autotuner._bench) == before
    kernel = Kernel()
    tuner = tuned(kernel, do_bench=lambda call, quantiles: [call() or 1.0] * 3)
    taken(tuner, 2)
    tuner.cache.clear()
    kernel.blocks.clear()
    tuner.run(8)
    assert kernel.blocks == [16, 32, 64, 16]  # all are timed again
