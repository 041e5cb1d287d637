"""`kernelgate registry`: which kernels serve, since when and on what evidence. Parse, call one function, render.

Exit code 1 means that a kernel may not be promoted, as everywhere that something was denied.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.attest import KEYRING, KeyringOption
from pipeline.commands.completing import complete_operators, complete_runs
from pipeline.commands.frame import (
    Format,
    FormatOption,
    OperatorsOption,
    QuietOption,
    RunArgument,
    RunsOption,
    errors_in_words,
)
from pipeline.commands.help_pages import examples
from pipeline.extras import needing_extra
from pipeline.registry.naming import actor_named, registry_named

if TYPE_CHECKING:
    from pipeline.registry.contract import Registry
    from pipeline.registry.progress import Progress

registry_app = typer.Typer(
    help="Kernels that may serve, and the log of what happened to them (needs the extra 'registry').",
    no_args_is_help=True,
)


class ChannelName(StrEnum):
    """The channels of an operator and an architecture."""

    CANARY = "canary"
    STABLE = "stable"


class LogFormat(StrEnum):
    """How the log is printed."""

    TABLE = "table"
    JSONL = "jsonl"


RegistryOption = Annotated[
    str | None,
    typer.Option(
        "--registry", help="A path or postgresql://… (KERNELGATE_REGISTRY; ./kernelgate-registry.db).", metavar="WHERE"
    ),
]
KernelArgument = Annotated[str, typer.Argument(help="A kernel's digest, or a unique beginning of it.")]
ActorOption = Annotated[str | None, typer.Option("--actor", help="Who does it, for the log; user@host.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; stands in the log.")]
ChannelOption = Annotated[ChannelName, typer.Option("--channel", help="Which channel.")]


@contextmanager
def _opened(where: str | None) -> Iterator[Registry]:
    from pipeline.registry.contract import open_registry

    registry = open_registry(registry_named(where, os.environ), _progress(quiet=False))
    try:
        yield registry
    finally:
        registry.close()


@registry_app.command(
    "init", epilog=examples("kernelgate registry init", "kernelgate registry init --registry postgresql://db/kernels")
)
def init_command(registry: RegistryOption = None) -> None:
    """Make a registry, or bring one of an earlier version up to this one."""
    with errors_in_words(), needing_extra("registry"):
        from pipeline.registry.making import make_registry
        from pipeline.rendering.console import output
        from pipeline.rendering.registry import print_made

        where = registry_named(registry, os.environ)
        print_made(make_registry(where, _progress(quiet=False)), where, output())


@registry_app.command(
    "list", epilog=examples("kernelgate registry list", "kernelgate registry list --format json --registry team.db")
)
def list_command(registry: RegistryOption = None, output_format: FormatOption = Format.TABLE) -> None:
    """List what serves: for each operator, architecture and channel the kernel, when promoted, on what evidence."""
    with errors_in_words(), needing_extra("registry"):
        from pipeline.rendering.console import output
        from pipeline.rendering.registry import places_as_json, print_places

        with _opened(registry) as opened:
            places = opened.places()
        if output_format is Format.JSON:
            sys.stdout.write(places_as_json(places))
        else:
            print_places(places, output())


@registry_app.command(
    "show", epilog=examples("kernelgate registry show 3f2a91c0", "kernelgate registry show 3f2a91c0 --format json")
)
def show_command(
    kernel: KernelArgument, registry: RegistryOption = None, output_format: FormatOption = Format.TABLE
) -> None:
    """Show a kernel: its attestation, what it was measured on, where it serves, and what happened to it."""
    with errors_in_words(), needing_extra("registry"):
        from pipeline.registry.looking import looked_up
        from pipeline.rendering.console import output
        from pipeline.rendering.registry import kernel_as_json, print_kernel

        with _opened(registry) as opened:
            found = looked_up(opened, kernel)
        if output_format is Format.JSON:
            sys.stdout.write(kernel_as_json(found))
        else:
            print_kernel(found, output())


@registry_app.command(
    "promote",
    epilog=examples(
        "kernelgate registry promote 20261129-071941-5e6cf53e --channel canary",
        "kernelgate registry promote runs/nightly/002-team-softmax",
        "kernelgate registry promote 3f2a91c0 --architecture sm_90 --channel stable",
    ),
)
def promote_command(
    kernel: Annotated[
        str,
        typer.Argument(
            help="A signed run with one candidate, RUN/CANDIDATE, or the digest of a kernel that is there.",
            autocompletion=complete_runs,
        ),
    ],
    channel: ChannelOption = ChannelName.CANARY,
    keyring: KeyringOption = KEYRING,
    policy: Annotated[str, typer.Option("--policy", help="The policy that its verdict must be by.")] = "production",
    architecture: Annotated[
        str | None, typer.Option("--architecture", help="Of a digest that was verified on several: sm_90.")
    ] = None,
    reason: ReasonOption = "",
    actor: ActorOption = None,
    registry: RegistryOption = None,
    operators: OperatorsOption = None,
    runs: RunsOption = None,
) -> None:
    """Let a channel serve a kernel: exit 1 when its signature, files or verdict do not stand, or it is revoked."""
    with errors_in_words(), needing_extra("attest"), needing_extra("registry"):
        from pipeline.attestation.keys import load_keyring
        from pipeline.own_operators import load_operators
        from pipeline.registry.promoting import Request, promote
        from pipeline.rendering.console import output
        from pipeline.rendering.registry import print_moved
        from pipeline.settings import Settings
        from policies.policy import load_policy

        request = Request(
            kernel, architecture, channel.value, load_keyring(keyring), load_policy(policy), reason, actor_named(actor)
        )
        folder, known = Settings.resolve(runs=runs, workers=1).runs, load_operators(operators)
        with _opened(registry) as opened:
            print_moved(promote(opened, request, folder, known), output())


@registry_app.command(
    "renew",
    epilog=examples(
        "kernelgate registry renew 20261129-071941-5e6cf53e",
        "kernelgate registry renew runs/nightly --reason 'driver 590'",
    ),
)
def renew_command(
    run: RunArgument,
    keyring: KeyringOption = KEYRING,
    policy: Annotated[str, typer.Option("--policy", help="The policy that its verdicts must be by.")] = "production",
    reason: ReasonOption = "",
    actor: ActorOption = None,
    registry: RegistryOption = None,
    operators: OperatorsOption = None,
    runs: RunsOption = None,
) -> None:
    """Store what a signed run attests of approved kernels, on another driver say; no channel moves.

    Exit 1 when the signature, files or verdict of one that is approved do not stand.
    """
    with errors_in_words(), needing_extra("attest"), needing_extra("registry"):
        from pipeline.attestation.keys import load_keyring
        from pipeline.exit_codes import ALLOWED, DENIED
        from pipeline.own_operators import load_operators
        from pipeline.registry.renewals import Outcome, some_approved
        from pipeline.registry.renewing import Vouching, renew_run
        from pipeline.rendering.console import output
        from pipeline.rendering.registry import print_renewals
        from pipeline.runs.places import place_of
        from pipeline.settings import Settings
        from policies.policy import load_policy

        vouching = Vouching(load_keyring(keyring), load_policy(policy), actor_named(actor), reason)
        folder, known = place_of(Settings.resolve(runs=runs, workers=1).runs, run).folder, load_operators(operators)
        with _opened(registry) as opened:
            renewals = some_approved(renew_run(opened, folder, vouching, known), folder.name)
        print_renewals(renewals, output())
        is_denied = any(one.outcome is Outcome.DENIED for one in renewals)
    raise typer.Exit(DENIED if is_denied else ALLOWED)


@registry_app.command(
    "rollback",
    epilog=examples(
        "kernelgate registry rollback softmax --architecture sm_90 --reason slower",
        "kernelgate registry rollback softmax --architecture sm_90 --channel canary",
    ),
)
def rollback_command(
    operator: Annotated[str, typer.Argument(help="The operator.", autocompletion=complete_operators)],
    architecture: Annotated[str, typer.Option("--architecture", help="As Triton calls it: sm_90.")],
    channel: ChannelOption = ChannelName.STABLE,
    reason: ReasonOption = "",
    actor: ActorOption = None,
    registry: RegistryOption = None,
) -> None:
    """Let a channel serve what it served before, past what was revoked since; nothing where there was nothing."""
    with errors_in_words(), needing_extra("registry"):
        from pipeline.rendering.console import output
        from pipeline.rendering.registry import print_moved

        with _opened(registry) as opened:
            moved = opened.rollback(operator, architecture, channel.value, reason, actor_named(actor))
        print_moved(moved, output())


@registry_app.command(
    "revoke",
    epilog=examples(
        "kernelgate registry revoke 3f2a91c0 --reason 'wrong beyond 2**31'",
        "kernelgate registry revoke 3f2a91c0 --reason nan --finding runs/nightly",
    ),
)
def revoke_command(
    kernel: KernelArgument,
    reason: Annotated[str, typer.Option("--reason", help="What was found; stands in the log.")],
    finding: Annotated[
        Path | None, typer.Option("--finding", help="What shows it: a case's file, or the run that denies it.")
    ] = None,
    actor: ActorOption = None,
    registry: RegistryOption = None,
) -> None:
    """Take a kernel from every channel, for ever: each serves what it served before, or nothing."""
    with errors_in_words(), needing_extra("registry"):
        from pipeline.registry.proofs import proof_at
        from pipeline.rendering.console import output
        from pipeline.rendering.registry import print_revoked

        with _opened(registry) as opened:
            digest = opened.find(kernel)
            proof = None if finding is None else proof_at(finding, digest, opened.approvals(digest))
            print_revoked(opened.revoke(digest, reason, actor_named(actor), proof), output())


@registry_app.command(
    "log",
    epilog=examples(
        "kernelgate registry log",
        "kernelgate registry log --kernel 3f2a91c0 --limit 20",
        "kernelgate registry log --after 1200 --format jsonl > new.jsonl",
    ),
)
def log_command(
    kernel: Annotated[str | None, typer.Option("--kernel", help="Only what is about this kernel.")] = None,
    after: Annotated[int | None, typer.Option("--after", min=0, help="From the event behind this number on.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="How many at most; the newest.")] = 100,
    registry: RegistryOption = None,
    output_format: Annotated[
        LogFormat, typer.Option("--format", help="A table for people, or a line of JSON an event.")
    ] = LogFormat.TABLE,
) -> None:
    """Show what happened, in the order in which it did: the numbers say so, whatever the clocks said."""
    with errors_in_words(), needing_extra("registry"):
        from pipeline.rendering.console import output
        from pipeline.rendering.registry import events_as_jsonl, print_events

        with _opened(registry) as opened:
            digest = opened.find(kernel) if kernel is not None else None
            events = opened.events(after=after or 0, limit=limit, digest=digest, newest=after is None, moved=True)
        if output_format is LogFormat.JSONL:
            sys.stdout.write(events_as_jsonl(events))
        else:
            print_events(events, output())


@registry_app.command(
    "backup",
    epilog=examples("kernelgate registry backup kernels.backup", "kernelgate registry backup today.db -q"),
)
def backup_command(
    file: Annotated[Path, typer.Argument(help="A file that is not there yet; it is a registry itself.")],
    registry: RegistryOption = None,
    quiet: QuietOption = False,
) -> None:
    """Copy the registry into one file, from one moment, while others go on with it."""
    with errors_in_words(), needing_extra("registry"):
        from pipeline.registry.backups import back_up
        from pipeline.rendering.console import output
        from pipeline.rendering.registry import print_backup

        copied = back_up(registry_named(registry, os.environ), file, _progress(quiet=quiet))
        print_backup(copied, file, output())


@registry_app.command(
    "restore",
    epilog=examples(
        "kernelgate registry restore kernels.backup --registry new.db",
        "kernelgate registry restore kernels.backup --revoked-in old.db",
    ),
)
def restore_command(
    backup: Annotated[Path, typer.Argument(help="What `kernelgate registry backup` made.")],
    revoked_in: Annotated[
        str | None,
        typer.Option("--revoked-in", metavar="WHERE", help="The old registry: what it has as revoked is revoked here."),
    ] = None,
    actor: ActorOption = None,
    registry: RegistryOption = None,
    quiet: QuietOption = False,
) -> None:
    """Make a registry of a backup; one that is there must be empty. Name the old one for what it has revoked since."""
    with errors_in_words(), needing_extra("registry"):
        from pipeline.registry.backups import restore
        from pipeline.rendering.console import output
        from pipeline.rendering.registry import print_restored

        where = registry_named(registry, os.environ)
        copied = restore(backup, where, actor_named(actor), _progress(quiet=quiet), revoked_in)
        print_restored(copied, where, revoked_in, output())


def _progress(*, quiet: bool) -> Progress:
    from pipeline.registry.progress import Progress

    return Progress(quiet=quiet)
