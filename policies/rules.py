"""The rules by id: what each says, why, and what its reader should do. Ids are stable; waivers and reports name them.

Reasons and examples stand in `policies.teaching`, by kind of rule; a rule without them fails a test. Pages are made
from both (`policies.rule_pages`), so that nothing is said twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from policies.teaching import accesses, candidates, evidence, origins, results, sources
from policies.teaching.model import Example


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: `title` says what is wrong in general, `remedy` what to do about it.

    Attributes:
        why: Why it is there.
        example: Something that trips it; None of a rule that a policy defines.
    """

    id: str
    title: str
    remedy: str
    why: str = ""
    example: Example | None = None

    @property
    def page(self) -> str:
        """Where its page is, from the root of the repository; the same for as long as the rule has its id."""
        return f"{PAGES}/{'organisation' if self.id.startswith(ORGANISATION) else self.id}.md"


PAGES: Final = "docs/rules"
ORGANISATION: Final = "organisation/"  # what follows is the name that a policy gives to a rule of its own


_RULES: Final = (
    Rule("candidate/too-large", "The file is too large", "Deliver one file of at most 256 KiB."),
    Rule("candidate/not-utf8", "The file is not UTF-8 text", "Save the file as UTF-8."),
    Rule("candidate/link-elsewhere", "The file is a link that leads elsewhere",
         "Deliver the file itself, or a link to a Python file of the same working tree."),
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
    Rule("source/hidden-character", "A character is there that no reader sees",
         "Take it out; in a string, write it as an escape."),
    Rule("source/too-complex", "The file is larger or deeper than any kernel", "Write shorter and flatter code."),
    Rule("source/star-import", "Everything is imported from a module", "Import the names that are used."),
    Rule("source/unknown-argument", "An argument does not exist in the installed Triton or PyTorch",
         "Use the arguments that the installed version has."),
    Rule("source/statement-not-allowed", "A statement is used that can hide state or control flow",
         "Write plain functions: no try, class, global, del, yield, async or match."),
    Rule("source/private-name", "A private or internal name of Python or a library is used", "Use public names only."),
    Rule("source/reflection", "The code looks into Python itself or runs other code", "Name what is used, directly."),
    Rule("source/rebinding", "A function, kernel or module is given another meaning", "Give each thing its own name."),
    Rule("source/assignment-not-allowed", "An attribute or an element is assigned on the host",
         "Write tensors in kernels, and change no other object."),
    Rule("source/mutable-default", "A default value lives between calls", "Use a plain constant, or no default."),
    Rule("source/module-state", "Something is kept between calls", "Keep constants only, and change none of them."),
    Rule("source/module-code", "Code runs while the file is loaded", "Only import, define and name constants."),
    Rule("source/decorator-not-allowed", "A decorator is not allowed",
         "Use triton.jit, triton.autotune and triton.heuristics, on kernels."),
    Rule("source/hook", "Python code is hooked into a launch", "Launch without hooks."),
    Rule("source/host-call-not-allowed", "Host code calls something that is not on the list",
         "Allocate, view, compute sizes and launch; a policy can allow more calls."),
    Rule("source/host-arithmetic", "A tensor is computed on the host", "Do arithmetic, copies and casts in a kernel."),
    Rule("source/host-data", "The host reads a tensor's elements", "Leave elements to kernels."),
    Rule("source/environment", "The code can tell where or when it runs",
         "Do the same on every machine; what is not supported can be asserted."),
    Rule("source/identity", "The code tells equal inputs apart",
         "Make the result depend on values, shapes, strides and dtypes only."),
    Rule("source/kernel-object", "A kernel or function object is looked into", "Launch kernels with kernel[grid](…)."),
    Rule("source/python-in-kernel", "A kernel holds Python that Triton does not compile",
         "Use Triton's language, jitted functions and tl.constexpr globals."),
    Rule("source/no-launch", "A path returns a result and launches no kernel",
         "Launch on every path, but for empty inputs."),
    Rule("source/result-not-from-kernel", "No kernel can have written the result",
         "Return the tensors that a kernel stores to, or views of them."),
    Rule("properties/wrong-values", "Results are wrong",
         "See which elements are wrong: behind a block's end, look at masks and their fill; along an axis, at the "
         "reduction; a little everywhere, at the accumulation's dtype; in one layout alone, at strides."),
    Rule("properties/nonfinite", "NaN or infinities do not come out as they should",
         "Propagate NaN and ±Inf as the operator declares; look at masks, max and where."),
    Rule("properties/wrong-dtype", "The result has the wrong dtype", "Allocate the result in the declared dtype."),
    Rule("properties/wrong-shape", "The result has the wrong shape", "Allocate the result in the declared shape."),
    Rule("properties/not-contiguous", "The result is not contiguous", "Return a contiguous tensor."),
    Rule("properties/wrong-type", "The function returns the wrong kind of thing",
         "Return one tensor, or the tuple that the operator declares."),
    Rule("memory/out-of-bounds-load", "A load leaves its tensor", "Mask the lanes; look at strides and at the grid."),
    Rule("memory/out-of-bounds-store", "A store leaves its tensor", "Mask the lanes; look at strides and at the grid."),
    Rule("memory/out-of-bounds", "Machine code reaches outside of what it was given",
         "Mask the lanes; look at strides and at the grid."),
    Rule("memory/device-fault", "The GPU stopped a kernel",
         "Look for accesses outside the tensors: masks, strides, grid."),
    Rule("memory/foreign-argument", "A pointer into one tensor is used to reach another",
         "Pass each tensor that the kernel uses as an argument of its own."),
    Rule("memory/uninitialised-read", "A load reads memory that nobody wrote",
         "Write it first, mask the lanes, or allocate with zeros or full."),
    Rule("memory/write-to-input", "A kernel writes to an input", "Write to tensors that the candidate allocated."),
    Rule("memory/aliased-output", "A result shares memory with an input or another result",
         "Allocate each result for itself."),
    Rule("races/double-store", "Two programs or lanes store different values to one element",
         "Let one program own each element, or use atomics."),
    Rule("races/unsynchronised", "A program uses what another one writes, and nothing orders them",
         "Split the kernel in two launches, or synchronise through an atomic that acquires and releases."),
    Rule("races/shared-memory", "Threads of a block use shared memory without waiting for each other",
         "Let Triton place the barriers; look at inline assembly and at what one program does twice. Where one store "
         "races with itself and its line sums products, sum them after the loop, or launch with "
         "enable_fp_fusion=False."),
    Rule("races/barrier", "A barrier is used in a way that the GPU does not define",
         "Let all threads of a block reach each barrier."),
    Rule("replay/not-recorded", "A call can't be told as a launch plan, so its machine code can't be certified",
         "Allocate, fill, view and launch only; take nothing from data on the host."),
    Rule("replay/bad-plan", "What was recorded on the GPU can't be carried out",
         "Return tensors that the call allocated and that its launches write."),
    Rule("benchmark/above-roof", "It was timed faster than the card can be",
         "Look at what the timed call left out; run the benchmark again on an idle card."),
    Rule("origin/copied", "Much of it stands in a reference that may not be copied",
         "Write it anew from what the operator means; renaming and moving lines changes nothing."),
    Rule("origin/reference-licence", "Part of it stands in a reference whose licence the policy does not allow",
         "Write the lines shown anew, or take such lines from a source whose licence the policy allows."),
    Rule("origin/candidate-licence", "It declares a licence that the policy does not allow",
         "Declare one that the policy allows, where that is true, or deliver it elsewhere."),
    Rule("origin/no-licence", "It declares no licence",
         "Say in a comment '# SPDX-License-Identifier: …' which of the allowed licences it has."),
    Rule("origin/not-an-expression", "What it declares as its licence is no SPDX expression",
         "Write a name of SPDX's list, such as Apache-2.0, or several with AND, OR and WITH."),
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
    Rule("compile/error", "A kernel does not compile for a required architecture",
         "Compile it ahead of time for that architecture and mend what Triton says."),
    Rule("compile/out-of-resources", "A kernel needs more than a required architecture has",
         "Use smaller blocks, fewer stages or fewer warps."),
    Rule("compile/crashed", "Triton's compiler died of a kernel",
         "Write the kernel in a way that the compiler survives."),
    Rule("evidence/compile-missing", "Nothing was compiled ahead of time", "Run again when the cause is mended."),
    Rule("evidence/compile-incomplete", "Part of it could not be compiled ahead of time",
         "Launch kernels of the module with plain arguments, or raise the deadline."),
    Rule("mutants/weak-test", "The test does not tell the candidate from changes of it",
         "Read the surviving mutants: strengthen the operator's cases, or take out code that has no effect."),
    Rule("evidence/mutants-missing", "The candidate's mutants were not run", "Run again when the cause is mended."),
    Rule("operator/weak-test", "The operator's own test lets wrong kernels pass",
         "Strengthen its cases until 'kernelgate operators check' calls it strong."),
    Rule("evidence/operator-unchecked", "Nobody has shown that the operator's own test is strong",
         "Run 'kernelgate operators check NAME --record'."),
    Rule("evidence/unsupported", "The interpreter can't run the candidate",
         "Verify it on a GPU, or avoid what the interpreter lacks."),
    Rule("evidence/properties-missing", "The properties check was not made", "Run again when the cause is mended."),
    Rule("evidence/too-few-cases", "Fewer cases were run than the policy asks", "Raise the deadline or speed it up."),
    Rule("evidence/nothing-compared", "In a dtype no element of a result was compared",
         "Raise 'properties.pairwise_cases'."),
    Rule("evidence/dtype-not-tried", "A dtype that the policy asks for was not tried", "Verify under this policy."),
    Rule("evidence/control-missing", "A planted fault was not reported after the candidate ran",
         "Run again; a candidate that changes its process can't be verified."),
    Rule("evidence/interpreter-unverified", "The interpreter's repairs are not verified for this Triton",
         "Use a Triton version that the repairs were verified on."),
    Rule("evidence/origin-missing", "The source was not compared with the policy's references",
         "Verify it under this policy, with the references that the policy names."),
    Rule("isolation/not-accepted", "The candidate was run in a kind of sandbox that the policy does not accept",
         "Verify it in containers of an engine ('make engine' starts one); the embedded sandbox is for development."),
    Rule("evidence/isolation-missing", "Nothing shows in what the candidate was run", "Run 'kernelgate doctor'."),
    Rule("evidence/limit-not-proven", "A limit of the sandbox was not seen to hold", "Run 'kernelgate doctor'."),
    Rule("evidence/layer-missing", "The sandbox lacks a layer that the policy requires",
         "Run 'kernelgate doctor'; another runtime, engine or machine may have it."),
    Rule("evidence/long-axes-missing", "Not every long axis was tried at its full length on a GPU",
         "Run the checks on the GPU again under this policy."),
    Rule("evidence/large-shape-missing", "Sizes beyond 2³¹ elements were not tried on a GPU",
         "Use a GPU with more memory, or a policy without 'gpu.large_shapes' where such sizes never come."),
    Rule("evidence/gpu-check-missing", "A check that needs a GPU was not made", "Verify on a machine with a GPU."),
    Rule("evidence/other-policy", "The evidence was made under a policy that asked for less",
         "Verify under this policy."),
    Rule("waiver/expired", "A waiver is past its date",
         "Mend the candidate and take the waiver out, or renew it with a reason that still holds."),
)  # fmt: skip

_TEACHINGS: Final = {
    **candidates.TEACHINGS, **sources.TEACHINGS, **results.TEACHINGS, **accesses.TEACHINGS, **evidence.TEACHINGS,
    **origins.TEACHINGS,
}  # fmt: skip


def _taught(rule: Rule) -> Rule:
    teaching = _TEACHINGS.get(rule.id)
    return rule if teaching is None else replace(rule, why=teaching.why, example=teaching.example)


RULES: Final[Mapping[str, Rule]] = MappingProxyType({rule.id: _taught(rule) for rule in _RULES})
_OF_AN_ORGANISATION: Final = (
    "An organisation may know more than the gate: which operators it ships, which cards it has, how many bytes may "
    "spill. Its policy says so in CEL, and lets through only what is exactly true. Where the expression has no answer "
    "(a field that is not there, a value that is no boolean) nobody is blamed, and nothing is let through."
)


def rule_of(rule: str) -> Rule | None:
    """Returns the rule with this id, also one that a policy defines; None where there is none."""
    name = rule.removeprefix(ORGANISATION)
    if name != rule and re.fullmatch(r"[a-z][a-z0-9-]{0,39}", name):
        return Rule(
            rule,
            "A rule of the organisation is not true",
            "Do what the finding says; the policy has the rule.",
            _OF_AN_ORGANISATION,
        )
    return RULES.get(rule)
