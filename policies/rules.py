"""The rules by id: what each says, and what its reader should do. Ids are stable; waivers and reports name them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: `title` says what is wrong in general, `remedy` what to do about it."""

    id: str
    title: str
    remedy: str


_RULES: Final = (
    Rule("candidate/too-large", "The file is too large", "Deliver one file of at most 256 KiB."),
    Rule("candidate/not-utf8", "The file is not UTF-8 text", "Save the file as UTF-8."),
    Rule("candidate/no-header", "The file has no kernel header",
         "Begin the file with '# /// kernel', '# operator = \"…\"', '# language = \"triton\"', '# ///'."),
    Rule("candidate/bad-header", "The kernel header can't be used", "Keep to operator, language and entry."),
    Rule("candidate/unknown-operator", "The operator is not known", "See 'kernelgate operators' for the names."),
    Rule("candidate/unknown-language", "The language is not supported", "Write the kernel in Triton."),
    Rule("source/syntax-error", "The source does not parse", "Mend the syntax at the line shown."),
    Rule("source/import-not-allowed", "An import is not allowed", "Import only what the policy allows."),
    Rule("source/no-entry", "The function that the header promises is missing",
         "Define a function with the operator's name, or name another with 'entry'."),
    Rule("source/unknown-name", "A name does not exist in the installed Triton or PyTorch",
         "Use the name that the installed version has."),
    Rule("properties/wrong-values", "Results are wrong", "Replay the case and compare the first wrong elements."),
    Rule("properties/nonfinite", "NaN or infinities do not come out as they should",
         "Propagate NaN and ±Inf as the operator declares; look at masks, max and where."),
    Rule("properties/wrong-dtype", "The result has the wrong dtype", "Allocate the result in the declared dtype."),
    Rule("properties/wrong-shape", "The result has the wrong shape", "Allocate the result in the declared shape."),
    Rule("properties/not-contiguous", "The result is not contiguous", "Return a contiguous tensor."),
    Rule("properties/wrong-type", "The function returns the wrong kind of thing",
         "Return one tensor, or the tuple that the operator declares."),
    Rule("properties/input-changed", "An input was changed", "Write to tensors that the candidate allocated."),
    Rule("properties/nondeterministic", "Two runs of one input differ",
         "Make the result independent of program order, uninitialised memory and masked lanes."),
    Rule("properties/no-launch", "No kernel was launched", "Do the arithmetic in a kernel that the file defines."),
    Rule("properties/raised", "The candidate raised", "Mend the error at the line shown."),
    Rule("properties/crashed", "The candidate crashed its process",
         "Look for accesses outside the tensors: masks, strides, grid."),
    Rule("properties/exited", "The candidate left its process", "Return a result; do not exit."),
    Rule("properties/timed-out", "The candidate did not answer in time", "Look for loops that do not end."),
    Rule("properties/out-of-memory", "The candidate used more memory than allowed", "Allocate what the result needs."),
    Rule("properties/protocol-broken", "The candidate's process broke the protocol",
         "Do not write to descriptors that the candidate did not open."),
    Rule("evidence/unsupported", "The interpreter can't run the candidate",
         "Verify it on a GPU, or avoid what the interpreter lacks."),
    Rule("evidence/properties-missing", "The properties check was not made", "Run again when the cause is mended."),
    Rule("evidence/too-few-cases", "Fewer cases were run than the policy asks", "Raise the deadline or speed it up."),
    Rule("evidence/dtype-not-tried", "A dtype that the policy asks for was not tried", "Verify under this policy."),
    Rule("evidence/interpreter-unverified", "The interpreter's repairs are not verified for this Triton",
         "Use a Triton version that the repairs were verified on."),
    Rule("evidence/isolation-missing", "Nothing shows in what the candidate was run", "Run 'kernelgate doctor'."),
    Rule("evidence/limit-not-proven", "A limit of the sandbox was not seen to hold", "Run 'kernelgate doctor'."),
    Rule("evidence/gpu-check-missing", "A check that needs a GPU was not made", "Verify on a machine with a GPU."),
)  # fmt: skip

RULES: Final[Mapping[str, Rule]] = MappingProxyType({rule.id: rule for rule in _RULES})
