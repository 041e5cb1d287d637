"""`kernelgate export`: an approved kernel as a package of Hugging Face's `kernels`. Parse, call, render.

Exit code 1 means that the kernel may not leave: it is revoked, or its attestation does not stand.
"""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.attest import KEYRING, KeyringOption
from pipeline.commands.frame import OperatorsOption, errors_in_words
from pipeline.commands.registry import ActorOption, KernelArgument, RegistryOption
from pipeline.errors import UsageError
from pipeline.extras import needing_extra
from pipeline.registry.naming import actor_named, registry_named


def export_command(
    kernel: KernelArgument,
    to: Annotated[Path, typer.Option("--to", help="The package's folder; it must not be there yet.")],
    keyring: KeyringOption = KEYRING,
    policy: Annotated[str, typer.Option("--policy", help="The policy that its verdict must be by.")] = "production",
    licence: Annotated[
        str, typer.Option("--license", help="The kernel's licence, as Hugging Face names it; the registry has none.")
    ] = "other",
    actor: ActorOption = None,
    registry: RegistryOption = None,
    operators: OperatorsOption = None,
) -> None:
    """Write an approved kernel as a package of the library kernels: exit 1 for one that is revoked or not signed."""
    with errors_in_words(), needing_extra("attest"), needing_extra("registry"):
        from pipeline.attestation.keys import load_keyring
        from pipeline.export.approval import exportable
        from pipeline.export.package import files_of
        from pipeline.export.writing import check_place, write_package
        from pipeline.own_operators import load_operators
        from pipeline.registry.contract import open_registry
        from pipeline.registry.progress import Progress
        from pipeline.rendering.console import output
        from policies.policy import load_policy

        check_place(to)
        ring, rules, known = load_keyring(keyring), load_policy(policy), load_operators(operators)
        with closing(open_registry(registry_named(registry, os.environ), Progress(quiet=False))) as opened:
            attestations = exportable(opened, kernel, ring, rules)
            first = attestations[0]
            if first.operator not in known:
                raise UsageError(
                    f"'{first.operator}' is not an operator here; name the folder of yours with --operators"
                )
            write_package(to, files_of(attestations, known[first.operator], licence))
            opened.record("exported", first.digest, actor=actor_named(actor), reason=f"as a package to {to.name}")
        output().print(
            f"{first.operator} {first.digest[:12]}, {', '.join(one.architecture for one in attestations)}: {to}"
        )
