"""Signs what was verified again, and renews it in the registry: an application loads a kernel only on a platform that
was signed for.

Off unless a key is named. A key on the machine that measures vouches for whatever that machine says, so it is one of
its own, which the keyrings of applications list and can revoke alone. What it can do here is little: a kernel must have
been promoted for the same architecture, its bytes are the same, and no channel moves.

Signing that fails costs no verdict and no revocation: those were written before. What was not renewed counts as not
looked at (`reverify`), so the next night tries again.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UnavailableError, UserError
from pipeline.extras import needing_extra
from pipeline.registry.contract import Registry
from pipeline.registry.renewals import Outcome
from pipeline.scheduled.parameters import Signing
from pipeline.scheduled.settling import ACTOR
from policies.policy import Policy
from runners.operators import Operator


@dataclass(frozen=True, slots=True)
class Renewed:
    """What came of it.

    Attributes:
        kernels: Digests of those that the registry has a newer attestation of.
        problem: Why some or all were not renewed; empty where all were.
    """

    kernels: frozenset[str] = frozenset()
    problem: str = ""


def check_signing(signing: Signing) -> None:
    """Reads key and keyring, so that no night ends with a wrong one.

    Raises:
        UserError: one can't be read, or the keyring does not believe the key.
        UnavailableError: a package is missing.
    """
    if signing.key is None or signing.keyring is None:
        return
    with needing_extra("attest"):
        from pipeline.attestation.keys import check_believed, load_signer

    check_believed(load_signer(signing.key, os.environ), signing.key, signing.keyring)


def renew(
    registry: Registry,
    run: Path,
    proven: Collection[str],
    signing: Signing,
    policy: Policy,
    operators: Mapping[str, Operator],
) -> Renewed:
    """Signs a run and renews those of its kernels that are proven; nothing where nobody signs, or nothing is proven.

    Args:
        run: Its folder.
        proven: Digests of the kernels that were production-safe in it.
    """
    if signing.key is None or signing.keyring is None or not proven:
        return Renewed()
    try:
        with needing_extra("attest"):
            from pipeline.attestation.keys import check_believed, load_keyring, load_signer
            from pipeline.attestation.signing import sign_run
            from pipeline.registry.renewing import Vouching, renew_run
            from pipeline.runs.stored import read_run

        signer = load_signer(signing.key, os.environ)
        check_believed(signer, signing.key, signing.keyring)
        sign_run(read_run(run.parent, run.name), signer, operators)
        vouching = Vouching(
            load_keyring(signing.keyring), policy, ACTOR, "signed by the machine that verified it again"
        )
        renewals = renew_run(registry, run, vouching, operators, proven)
    except (UserError, UnavailableError) as error:
        return Renewed(problem=str(error))
    stored = (Outcome.RENEWED, Outcome.THERE)
    kernels = frozenset(one.digest for one in renewals if one.outcome in stored and one.digest is not None)
    return Renewed(kernels, next((one.why for one in renewals if one.outcome not in stored), ""))
