"""The card of an exported kernel: what it computes, what was found, on what that holds, and how to check it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from pipeline.registry.contract import Attestation, Timing
from runners.operators import Operator

_MARKUP: Final = re.compile(r"[^\w .,:;=+×()/-]")


def card(attestations: Sequence[Attestation], operator: Operator, name: str, licence: str) -> str:
    """Returns the text of README.md."""
    return "\n".join(_lines(attestations, operator, name, licence)) + "\n"


def _lines(attestations: Sequence[Attestation], operator: Operator, name: str, licence: str) -> Iterator[str]:
    first = attestations[0]
    yield from ("---", "library_name: kernels", f"license: {licence}", "tags: [kernels, triton, kernelgate]", "---", "")
    yield from (f"# {name}", "", f"{operator.summary}. A Triton kernel that kernelgate approved.", "")
    yield from (f"- {meaning}" for meaning in operator.meaning)
    yield from ("", "## Verdict", "", "| | |", "|---|---|")
    yield from (f"| kernel, SHA-256 | `{first.digest}` |", f"| operator | `{operator.name}`, as declared in "
                f"`{first.operator_digest}` |")  # fmt: skip
    for one in attestations:
        yield from _verdict(one)
    yield from _limits(attestations)
    yield from _timings(first)
    yield from _use(operator, name)
    yield from _checking()


def _verdict(one: Attestation) -> Iterator[str]:
    platform = one.platform
    yield f"| verdict on {one.architecture} | **{one.tier}** |"
    yield f"| policy | {one.policy}, `{one.policy_digest}` |"
    yield f"| measured on | {platform.device}, torch {platform.torch}, triton {platform.triton} |"
    yield f"| evidence, SHA-256 | `{one.evidence_digest}` |"
    yield f"| signed | {one.signed_at:%Y-%m-%d} by the key `{one.key_id[:12]}` |"
    numbers = one.numbers
    yield (
        f"| cases (not signed) | {numbers.cases} on the interpreter, {numbers.device_cases} on the GPU, of which "
        f"{numbers.replayed} as launch plans; {_plain(', '.join(numbers.dtypes))} |"
    )


def _limits(attestations: Sequence[Attestation]) -> Iterator[str]:
    certified = ", ".join(one.architecture for one in attestations)
    yield from ("", "## Limits", "")
    yield (
        f"- The verdict holds for {certified}, with driver, torch and triton as above. On another platform it is the "
        "same source and other machine code, which nobody has measured."
    )
    yield "- Sizes beyond those that the operator declares may be refused by the kernel, with an exception."
    yield "- There is no backward pass. It is not certified under `torch.compile` or in a CUDA graph."
    yield (
        "- `torch-cpu` runs on Triton's interpreter (`TRITON_INTERPRET=1`), for development: it is slow, and computes "
        "wrong numbers in bfloat16 where it is not repaired."
    )
    yield "- Nothing watches a package that was exported: a later finding revokes the kernel in the registry alone."


def _timings(one: Attestation) -> Iterator[str]:
    if not one.numbers.timings:
        return
    yield from ("", f"## Time on {one.platform.device.partition(',')[0]} (not signed)", "")
    yield from ("| case | dtype | median, ms | baseline | its median, ms |", "|---|---|---|---|---|")
    yield from map(_timing, one.numbers.timings)


def _timing(row: Timing) -> str:
    baseline = "-" if row.baseline_ms is None else f"{row.baseline_ms:.4g}"
    texts = (_plain(row.case), _plain(row.dtype), f"{row.median_ms:.4g}", _plain(row.baseline or "-"), baseline)
    return f"| {' | '.join(texts)} |"


def _plain(text: str) -> str:
    """What the registry says and nobody has signed: text in a cell, and no markup."""
    return _MARKUP.sub("", text)


def _use(operator: Operator, name: str) -> Iterator[str]:
    yield from (
        "",
        "## Use",
        "",
        "```python",
        "from pathlib import Path",
        "",
        "from kernels import get_local_kernel",
        "",
    )
    yield f'kernel = get_local_kernel(Path("{name}"))'
    yield from (f"kernel.{operator.name}({', '.join(given.name for given in operator.inputs)})", "```")


def _checking() -> Iterator[str]:
    yield from ("", "## Check it", "")
    yield (
        "`attestation/` holds, for each architecture, what was signed: two in-toto statements in DSSE envelopes. The "
        "subject `candidate.py` has the digest of `build/torch-*/candidate.py`. Believe them with the public key of "
        "whoever vouches, never with one that came along."
    )
