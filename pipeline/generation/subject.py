"""What a kernel is to be written for: the operator as an author may know it, the rules it is held to, and the hardware.

Of an operator that is its signature, what it means, and which inputs it must be right for. Not its reference's source,
nor which sizes and values are tried: an author that knows the cases writes for the cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.generation.hardware import HardwareCard
from policies.policy import Policy
from runners.architectures import ARCHITECTURES
from runners.input_classes import Special
from runners.operators import Operator
from runners.operators.model import CASE_DTYPE, Dim, ScalarInput, TensorInput

_SPECIALS: Final[Mapping[str, frozenset[Special]]] = {
    "NaN": frozenset({"nan", "nan_row", "inf_and_nan"}),
    "+Inf": frozenset({"inf", "inf_and_nan"}),
    "−Inf": frozenset({"-inf", "-inf_row", "-inf_prefix"}),
    "−0": frozenset({"-0"}),
    "denormals": frozenset({"denormal"}),
    "the largest finite value": frozenset({"max"}),
}


@dataclass(frozen=True, slots=True)
class Subject:
    """What one run of generation is about.

    Attributes:
        operator: What the kernel computes.
        policy: What it will be judged by.
        card: The GPU that it shall be fast on.
    """

    operator: Operator
    policy: Policy
    card: HardwareCard

    @property
    def signature(self) -> str:
        """The call, as the gate makes it."""
        return f"{self.operator.name}({', '.join(given.name for given in self.operator.inputs)})"

    @property
    def smallest_shared_bytes(self) -> int:
        """The least that one program may use on any architecture that the policy wants it compiled for."""
        targets = set(self.policy.compile.required_targets) - set(self.operator.not_on)
        return min(ARCHITECTURES[name].shared_bytes for name in targets | {self.card.architecture.name})

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The dtypes in which the policy has it tried."""
        chosen = self.policy.properties.dtypes
        own = tuple(one for one in self.operator.dtypes if one in chosen)
        return own or self.operator.dtypes

    @property
    def arguments(self) -> tuple[str, ...]:
        """A line for each argument."""
        return tuple(map(self._argument, self.operator.inputs))

    @property
    def sizes(self) -> tuple[str, ...]:
        """A line for each dim."""
        return tuple(map(_size, self.operator.dims))

    @property
    def results(self) -> tuple[str, ...]:
        """The dtype of each result."""
        return tuple("the input's" if one == CASE_DTYPE else one for one in self.operator.results)

    def _argument(self, given: TensorInput | ScalarInput) -> str:
        if isinstance(given, ScalarInput):
            kinds = " or ".join(sorted({type(value).__name__ for value in given.values})) or "int"  # or a size's value
            return f"{given.name}: a plain Python {kinds}"
        dtypes = dict.fromkeys(n for one in given.dtypes for n in (self.dtypes if one == CASE_DTYPE else (one,)))
        shapes = " or ".join(
            dict.fromkeys(f"({', '.join(map(str, form.shapes[given.name]))})" for form in self.operator.forms)
        )
        line = f"{given.name}: a tensor of shape {shapes}; dtype {', '.join(dtypes)}"
        if given.whole is not None:
            line += f"; values from {given.whole.lowest} to {given.whole.highest}, both included"
        if given.layouts == ("contiguous",):
            return f"{line}; contiguous"
        specials = [word for word, those in _SPECIALS.items() if those & set(given.specials)]
        return f"{line}; any strides" + (f"; may hold {', '.join(specials)}" if specials else "")


def _size(dim: Dim) -> str:
    line = f"{dim.name}: every size from {min(dim.sizes)} to {dim.largest}"
    return f"{line}, and larger ones up to {dim.long}" if dim.long else line
