"""What a policy asks about where a candidate's text comes from.

The set of references is named in the policy and not on the command line: whoever decides what may not be copied decides
the policy, a flow that is scheduled knows nothing but its policy's name, and nobody can leave an option out. A path is
relative to the policy file. When the policy is read, so is the set, and its digest becomes part of the policy's own:
evidence that is kept by content, runs that go on and verdicts are bound to the set as it was. Where the folder is on
this machine is not part of the digest.

No set is shipped, so the built-in policies compare with nothing and require nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from runners.origin.licences import NO_LICENCE, NoExpressionError, is_one_licence, normal_expression
from runners.origin.references import ReferencesError, digest_of


class References(BaseModel):
    """A set of references: where it is here, and the SHA-256 of its paths and bytes.

    Attributes:
        folder: Where it is on this machine; relative to the policy's file where a person wrote it.
        digest: SHA-256 of its paths and bytes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")


def _listed(licence: str) -> str:
    if licence == NO_LICENCE:
        return licence
    try:
        normal = normal_expression(licence)
    except NoExpressionError:
        normal = ""
    if not is_one_licence(normal):
        raise ValueError(f"'{licence}' is not one licence of SPDX's list, nor LicenseRef-…, nor {NO_LICENCE}")
    return normal


Licences = tuple[Annotated[str, AfterValidator(_listed)], ...]


class OriginRules(BaseModel):
    """How much of a candidate may stand in references, and which licences may be there.

    Attributes:
        references: What candidates are compared with; None compares with nothing.
        required: Whether a comparison with this very set must be part of the evidence.
        max_share: Of a candidate's own fingerprints, as many may stand in one reference, whatever its licence.
        licence_share: More than this only where `reference_licences` cover the reference's licence.
        least_fingerprints: What shares fewer is no copy, whatever the share: short kernels have few of their own.
        reference_licences: None asks for none. `NONE` stands for files that declare nothing.
        candidate_licences: One of these a candidate must declare, or nothing where `NONE` is among them; None leaves it
            free.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    references: References | None = None
    required: bool = False
    max_share: float = Field(default=0.35, ge=0, le=1)
    licence_share: float = Field(default=0.2, ge=0, le=1)
    least_fingerprints: int = Field(default=10, ge=1, le=100_000)
    reference_licences: Licences | None = None
    candidate_licences: Licences | None = None

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        if self.required and self.references is None:
            raise ValueError("a comparison is required, and 'references' names no folder to compare with")
        return self


def with_references(data: Mapping[str, Any], beside: Path) -> dict[str, Any]:
    """Returns a policy's data with its set of references read: the folder as it is here, and the digest.

    Args:
        beside: The folder of the policy file. A set that has its digest already (of a policy that was stored) must
            still be the same.

    Raises:
        ReferencesError: the set can't be used, or is another one.
    """
    origin = data.get("origin")
    named = origin.get("references") if isinstance(origin, Mapping) else None
    if not isinstance(origin, Mapping) or named is None:
        return dict(data)
    pinned = named.get("digest") if isinstance(named, Mapping) else None
    path = named.get("folder") if isinstance(named, Mapping) else named
    if not isinstance(path, str) or "\0" in path:
        raise ReferencesError("'origin.references' is not the path of a folder")
    folder = (beside / path).resolve()
    digest = digest_of(folder)
    if pinned not in (None, digest):
        raise ReferencesError(f"the references in {folder} are not those that the policy was stored with")
    return {**data, "origin": {**origin, "references": {"folder": str(folder), "digest": digest}}}
