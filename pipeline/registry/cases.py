"""A case that an application found, as `kernelgate replay` runs one: from the log of a registry, with the kernel.

The log's bytes are read as what they are, a file from outside; the kernel's as well, by their digest. What the case was
found under is the policy that approved the kernel, where that is built in; otherwise production, whose deadlines do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from pipeline.errors import RegistryError, StoredRunError
from pipeline.registry.contract import Approved, Registry
from pipeline.runs.case_file import CaseFile
from pipeline.runs.folder import StoredCase
from policies.policy import BUILT_IN, Policy, load_policy

EVENTS_READ = 1000


def case_in(registry: Registry, kernel: str, case: str, folder: Path) -> StoredCase:
    """Finds a case that a kernel failed; the newest, where several are described alike.

    Args:
        kernel: The beginning of its digest.
        case: The beginning of its id, or of the digest that the log shows.
        folder: Where its source is put for the replay.

    Raises:
        StoredRunError: there is no such case, or what is stored is damaged.
        RegistryError: there is no such kernel.
    """
    digest = registry.find(kernel)
    approved = registry.approved(digest)
    if approved is None:
        raise RegistryError(f"the registry has no source of kernel {digest[:12]}")
    if hashlib.sha256(approved.source).hexdigest() != digest:
        raise StoredRunError(f"the source that the registry has of kernel {digest[:12]} is another one")
    stored = list(_stored(registry, digest))
    found = [one for name, one in stored if case and (one.case.id.startswith(case) or name.startswith(case))]
    if not found:
        known = ", ".join(dict.fromkeys(one.case.id for _, one in stored)) or "none"
        raise StoredRunError(f"no case of kernel {digest[:12]} begins with '{case}'; the registry has: {known}")
    source = folder / "candidate.py"
    source.write_bytes(approved.source)
    last = found[-1]
    return StoredCase(last.case, source, _policy(approved), last.failed_on, last.arguments)


def _stored(registry: Registry, digest: str) -> Iterator[tuple[str, CaseFile]]:
    events = registry.events(digest=digest, limit=EVENTS_READ, newest=True)
    for case_digest in dict.fromkeys(event.case_digest for event in events if event.case_digest is not None):
        try:
            yield case_digest, CaseFile.model_validate_json(registry.case(case_digest))
        except ValidationError:
            continue  # proofs of other kinds are no files of cases


def _policy(approved: Approved) -> Policy:
    name = approved.attestation.policy
    return load_policy(name if name in BUILT_IN else "production")
