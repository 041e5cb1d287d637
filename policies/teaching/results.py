"""What the rules teach about results: what a call gives back, and how a process ends that owes one."""

from __future__ import annotations

from typing import Final

from policies.teaching.model import kernel, words

TEACHINGS: Final = {
    "properties/wrong-values": kernel(
        "The result lies outside the interval that float32 arithmetic around a float64 reference can explain. The case "
        "that is shown is the smallest that was found.",
        "total = tl.sum(tl.where(mask, e, 1.0))  # lanes beyond the row are counted",
        "total = tl.sum(tl.where(mask, e, 0.0))",
    ),
    "properties/nonfinite": kernel(
        "Where NaN and infinities come out is part of what an operator means; users look for them to find faults.",
        "y = tl.where(x > 0, x, 0.0)  # NaN > 0 is false: NaN becomes 0",
        "y = tl.where(x < 0, 0.0, x)",
    ),
    "properties/wrong-dtype": kernel(
        "Who calls the operator goes on computing in the declared dtype; another one costs memory or precision.",
        "y = torch.empty(x.shape, dtype=torch.float32, device=x.device)",
        "y = torch.empty_like(x)",
    ),
    "properties/wrong-shape": kernel(
        "A result of another shape is another result, even with the right elements.",
        "return y.view(-1)",
        "return y",
    ),
    "properties/not-contiguous": kernel(
        "Operators return contiguous tensors unless they say otherwise; code behind them relies on it.",
        "y = torch.empty_like(x.t()).t()",
        "y = torch.empty_like(x)",
    ),
    "properties/wrong-type": kernel(
        "The operator declares one tensor, or a tuple of them, on the device of its inputs.",
        "return [y]",
        "return y",
    ),
    "properties/input-changed": kernel(
        "The caller's tensors are the caller's. Their bytes are compared after the call, gaps between strides "
        "included.",
        "_scale[grid](x, x, n, BLOCK=64)  # in place",
        "_scale[grid](x, y, n, BLOCK=64)",
    ),
    "properties/nondeterministic": kernel(
        "Two runs of one input that differ in a bit depend on something that is not the input: the order of programs, "
        "memory that nobody wrote, a race.",
        "value = tl.load(x_ptr + i, mask=mask)  # what masked lanes hold is anybody's guess\ntotal = tl.sum(value)",
        "value = tl.load(x_ptr + i, mask=mask, other=0.0)\ntotal = tl.sum(value)",
    ),
    "properties/no-launch": words(
        "The gate certifies kernels; a call on a non-empty input that launches none was computed elsewhere.",
        "A candidate under a policy that waives source/no-launch, whose launch stands in a branch that is never taken.",
    ),
    "properties/raised": kernel(
        "An exception on an input that the operator declares is a wrong answer. Beyond the declared sizes a kernel may "
        "refuse. A `tl.assume` or a hint like `tl.multiple_of` that does not hold raises, too: a compiler believes it.",
        "assert x.shape[-1] % 16 == 0",
        "mask = i < n  # and no assertion",
    ),
    "properties/crashed": words(
        "The process died of a signal. On the interpreter that is an access far outside of every tensor.",
        "A kernel whose grid has more programs than rows, without a mask on the rows.",
    ),
    "properties/exited": words(
        "A candidate has no reason to end its process; whoever does may want to be taken for finished.",
        "os._exit(0), under a policy that allows to import os.",
    ),
    "properties/timed-out": kernel(
        "A kernel that does not answer within the case's deadline would hang in production. It was given a second try.",
        "while offset < n:\n    total += tl.load(x_ptr + offset)  # offset never grows",
        "while offset < n:\n    total += tl.load(x_ptr + offset)\n    offset += 1",
    ),
    "properties/out-of-memory": kernel(
        "The runner's memory is limited, and far above what any case needs for inputs, outputs and scratch.",
        "scratch = torch.empty((x.numel(), x.numel()), device=x.device)",
        "scratch = torch.empty((x.numel(),), device=x.device)",
    ),
    "properties/protocol-broken": words(
        "What comes over the channel is no answer of the harness. The candidate shares a process with it and wrote "
        "there.",
        "os.write to a descriptor that the candidate did not open, under a policy that allows to import os.",
    ),
}
