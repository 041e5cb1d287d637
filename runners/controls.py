"""Positive controls: a monitor that reports nothing says something only where it would have reported a fault.

After a candidate's last case, planted faults (`runners.planted`) run in the same process, with whatever the candidate
left behind there. The judge draws where each fault is when it asks, and the answer must name that place, or hold it in
the results, so that an answer prepared beforehand does not do. A control that did not fire is missing evidence.

A candidate that owns its process can still forge these answers, as it can forge all others; what it can't forge is
results that are right for inputs drawn later. The controls are against monitors that broke or were broken, not against
a simulation of them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import torch

from runners.control_names import ControlName
from runners.conversation import CallResult, Runner, tensor_of
from runners.evidence import ControlEvidence
from runners.materialise import ArgumentValue, ScalarValue, TensorValue
from runners.wire import Conditions, FaultKind, Loaded, Returned

SOURCE: Final = Path(__file__).with_name("planted.py")
SIZE: Final = 64
ROWS: Final = 8
COLUMNS: Final = 16
STRIDE: Final = 21
OFFSET: Final = 2
OUTPUT_CAP_BYTES: Final = 1 << 12
X: Final = 1
Y: Final = 2


class Place(NamedTuple):
    """Where the fault is: an element of y or of fresh memory, and one of x."""

    element: int
    row: int
    column: int


Fires = Callable[[Sequence[CallResult], Sequence[torch.Tensor], Place], bool]


def _reports(kind: FaultKind, argument: int | None, element: Callable[[Place], int]) -> Fires:
    def fires(results: Sequence[CallResult], outputs: Sequence[torch.Tensor], place: Place) -> bool:
        seen = [result.call.faults for result in results if isinstance(result.call, Returned)]
        wanted = (kind, argument, element(place))
        return all(any((one.kind, one.argument, one.element) == wanted for one in faults) for faults in seen)

    return fires


def _differ_there(results: Sequence[CallResult], outputs: Sequence[torch.Tensor], place: Place) -> bool:
    first, second = (output.view(torch.int32) for output in outputs)
    return (first != second).nonzero().flatten().tolist() == [place.element]


def _order_shows(results: Sequence[CallResult], outputs: Sequence[torch.Tensor], place: Place) -> bool:
    natural, shuffled = (output.roll(-place.element).tolist() for output in outputs)
    return natural == list(range(SIZE)) and shuffled != natural and sorted(shuffled) == natural


def _in_x(place: Place) -> int:
    return place.row * STRIDE + place.column


def _element(place: Place) -> int:
    return place.element


CONTROLS: Final[dict[ControlName, Fires]] = {
    "out-of-bounds load": _reports("out_of_bounds_load", X, lambda place: ROWS * STRIDE + place.element),
    "store into a gap": _reports("out_of_bounds_store", X, lambda place: _in_x(place) + COLUMNS),
    "foreign argument": _reports("foreign_argument", Y, _element),
    "uninitialised read": _reports("uninitialised_read", None, _element),
    "write to input": _reports("write_to_input", X, _in_x),
    "aliased output": _reports("aliased_output", Y, _element),
    "double store": _reports("double_store", None, _element),
    "unsynchronised sharing": _reports("unsynchronised", None, _element),
    "unsynchronised lanes": _reports("unsynchronised", None, _element),
    "undefined lane": _differ_there,
    "program order": _order_shows,
    "fresh memory": _differ_there,
}


def run_controls(runner: Runner, load_s: float, run_s: float) -> tuple[ControlEvidence, ...]:
    """Runs every control in the runner as the candidate left it.

    Raises:
        RunnerFault: our side failed.
    """
    loaded = runner.load_control(SOURCE.read_bytes(), "control", load_s)
    if not isinstance(loaded, Loaded):
        return nothing_fired()
    return tuple(
        ControlEvidence(name=name, fired=_fires(runner, number, fires, run_s))
        for number, (name, fires) in enumerate(CONTROLS.items())
    )


def nothing_fired() -> tuple[ControlEvidence, ...]:
    """What is known where no control could be run."""
    return tuple(ControlEvidence(name=name, fired=False) for name in CONTROLS)


def _fires(runner: Runner, number: int, fires: Fires, deadline_s: float) -> bool:
    place = Place(secrets.randbelow(SIZE), secrets.randbelow(ROWS - 1), secrets.randbelow(STRIDE - COLUMNS))
    results = runner.run(_arguments(number, place), _conditions(), OUTPUT_CAP_BYTES, deadline_s, "control")
    if not isinstance(results, tuple):
        return False
    outputs = []
    for result in results:
        if not isinstance(result.call, Returned) or len(result.call.outputs) != 1:
            return False
        output = result.call.outputs[0]
        if output.dtype != "float32" or len(result.data[0]) not in (4, 4 * SIZE) or len(output.shape) != 1:
            return False
        if output.shape[0] * 4 != len(result.data[0]):
            return False
        outputs.append(tensor_of(output, result.data[0]))
    return fires(results, outputs, place)


def _arguments(number: int, place: Place) -> tuple[ArgumentValue, ...]:
    generator = torch.Generator().manual_seed(secrets.randbits(62))
    x = torch.rand(OFFSET + ROWS * STRIDE, generator=generator) + 1.0
    y = torch.rand(SIZE, generator=generator) + 1.0
    return (
        ScalarValue("which", number),
        TensorValue("x", "float32", x, (ROWS, COLUMNS), (STRIDE, 1), OFFSET),
        TensorValue("y", "float32", y, (SIZE,), (1,), 0),
        ScalarValue("place", place.element),
        ScalarValue("row", place.row),
        ScalarValue("column", place.column),
    )


def _conditions() -> tuple[Conditions, Conditions]:
    seed = secrets.randbits(32)
    return (
        Conditions(fresh_byte=0xFF, order_seed=None, choice_seed=0, undefined_lanes=False),
        Conditions(fresh_byte=0x47, order_seed=seed, choice_seed=0, undefined_lanes=True),
    )
