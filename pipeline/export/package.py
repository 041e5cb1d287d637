"""What the `kernels` library wants to find (0.17): a folder a variant, with a package, its layers and its metadata.

    build/torch-cuda/   for a PyTorch with CUDA; its metadata names the architectures that were certified, and no others
    build/torch-cpu/    for one without: Triton's interpreter
    build.toml          name, version and licence, as its builder writes them
    attestation/        the two envelopes of each architecture
    README.md           the card

The candidate is there as the bytes that were signed, in a file of its own, and `__init__.py` compares their digest when
it is imported: the library does not. Whoever can change that file can change the other, too; what protects a package
are its envelopes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Final

from pipeline.attestation.run_files import names_of
from pipeline.errors import PromotionDenied
from pipeline.export.card import card
from pipeline.registry.contract import Attestation
from runners.candidate import Unreadable, parse_candidate
from runners.operators import Operator

VERSION: Final = 1
CANDIDATE: Final = "candidate.py"
BACKENDS: Final = ("cuda", "cpu")


def files_of(attestations: Sequence[Attestation], operator: Operator, licence: str) -> Mapping[str, bytes]:
    """Returns the files of a package by their paths.

    Args:
        attestations: Of one kernel, one an architecture, the newest first.
        licence: As an identifier of Hugging Face's; the registry does not know it.

    Raises:
        PromotionDenied: the source is no candidate of this operator.
    """
    first, name = attestations[0], name_of(operator)
    files = {"README.md": card(attestations, operator, name, licence).encode(), "build.toml": _build(name, licence)}
    for attestation in attestations:
        test_result, summary = names_of(attestation.candidate)
        files[f"attestation/{attestation.architecture}/{test_result}"] = attestation.test_result
        files[f"attestation/{attestation.architecture}/{summary}"] = attestation.summary
    for backend in BACKENDS:
        variant = {
            "__init__.py": _init(first, operator, backend).encode(),
            "layers.py": _layers(operator).encode(),
            CANDIDATE: first.source,
        }
        metadata = _metadata(attestations, name, backend, licence, variant)
        files |= {
            f"build/torch-{backend}/{path}": data for path, data in {**variant, "metadata.json": metadata}.items()
        }
    return files


def name_of(operator: Operator) -> str:
    """Returns the package's name, in letters that the library allows."""
    return "kernelgate-" + operator.name.replace("_", "-").lower()


def layer_of(operator: Operator) -> str:
    """Returns what the operator's layer is called: `rms_norm` is `RmsNorm`."""
    return "".join(part.capitalize() for part in operator.name.split("_"))


def _metadata(
    attestations: Sequence[Attestation], name: str, backend: str, licence: str, variant: Mapping[str, bytes]
) -> bytes:
    archs = sorted(_capability(one.architecture) for one in attestations)
    files = {path: base64.b64encode(hashlib.sha256(data).digest()).decode() for path, data in sorted(variant.items())}
    metadata = {
        "name": name,
        "id": f"_{name.replace('-', '_')}_{backend}_{attestations[0].digest[:16]}",
        "version": VERSION,
        "license": licence,
        "python-depends": [],
        "backend": {"type": backend, **({"archs": archs} if backend == "cuda" else {})},
        "digest": {"algorithm": "sha256", "files": files},
    }
    return json.dumps(metadata, indent=2).encode() + b"\n"


def _capability(architecture: str) -> str:
    """`sm_90` as `9.0a`: that capability, and no later one of its generation, which nobody has measured."""
    digits = architecture.removeprefix("sm_").rstrip("abcdef")
    return f"{digits[:-1]}.{digits[-1]}a"


def _build(name: str, licence: str) -> bytes:
    lines = (
        "[general]", f'name = "{name}"', f"version = {VERSION}", "edition = 5", f"license = {json.dumps(licence)}",
        f"backends = {json.dumps(list(BACKENDS))}", "", "[torch-noarch]", "",
    )  # fmt: skip
    return "\n".join(lines).encode()


def _entry_of(attestation: Attestation, operator: Operator) -> str:
    """The entry's name as the signed source says it: the registry's word would be code in the package."""
    parsed = parse_candidate(attestation.source, CANDIDATE, {operator.name: operator})
    if isinstance(parsed, Unreadable):
        raise PromotionDenied(f"kernel {attestation.digest[:12]} is no {operator.name}: {parsed.problem.detail}")
    return parsed.entry


def _init(attestation: Attestation, operator: Operator, backend: str) -> str:
    names = ", ".join(given.name for given in operator.inputs)
    doc = (
        f'"""{operator.name} as kernelgate approved it: kernel {attestation.digest[:12]}; README.md has its limits."""'
    )
    guard = _INTERPRETER_ALONE if backend == "cpu" else ""
    return f"""{doc}

import hashlib
from pathlib import Path

{_CPU_IMPORTS if backend == "cpu" else ""}DIGEST = "{attestation.digest}"
EVIDENCE_DIGEST = "{attestation.evidence_digest}"

if hashlib.sha256((Path(__file__).parent / "{CANDIDATE}").read_bytes()).hexdigest() != DIGEST:
    raise ImportError("{CANDIDATE} is not the kernel that was approved: its digest differs")

from .candidate import {_entry_of(attestation, operator)} as _entry


def {operator.name}({names}):
    \"\"\"{operator.summary}\"\"\"
{guard}    return _entry({names})


from . import layers

__all__ = ["DIGEST", "EVIDENCE_DIGEST", "layers", "{operator.name}"]
"""


_CPU_IMPORTS: Final = "import triton.language as tl\nfrom triton.runtime.jit import JITFunction\n\n"
_INTERPRETER_ALONE: Final = """    if isinstance(tl.sum, JITFunction):
        raise RuntimeError("on the CPU this kernel runs on Triton's interpreter alone: set TRITON_INTERPRET=1")
"""


def _layers(operator: Operator) -> str:
    names = ", ".join(given.name for given in operator.inputs)
    return f'''"""The operator as a layer without state, for `kernelize`."""

import torch


class {layer_of(operator)}(torch.nn.Module):
    """{operator.summary}"""

    can_torch_compile = False
    has_backward = False

    def forward(self, {names}):
        from . import {operator.name}

        return {operator.name}({names})
'''
