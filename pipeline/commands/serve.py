"""`kernelgate serve`: the scheduled flows in one process. Parse, call one function."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from pipeline.commands.completing import complete_operators, complete_policies
from pipeline.commands.frame import (
    OperatorsOption,
    PolicyOption,
    QuietOption,
    RunsOption,
    errors_in_words,
    listening,
)
from pipeline.errors import UsageError
from pipeline.extras import needing_extra

if TYPE_CHECKING:
    from pydantic import BaseModel

Model = TypeVar("Model", bound="BaseModel")

GENERATE_CRON: Final = "0 1 * * *"
VERIFY_CRON: Final = "0 3 * * *"
CORPUS_CRON: Final = "0 5 * * *"
# What says something about another option alone: given without one of these it would be ignored, night after night.
SAYS: Final[Mapping[str, tuple[str, ...]]] = {
    "roles": ("generate",),
    "budget_usd": ("generate",),
    "rounds": ("generate",),
    "minutes": ("generate",),
    "generate_cron": ("generate",),
    "registry": ("reverify",),
    "every_days": ("reverify",),
    "approved_policy": ("reverify",),
    "sign_key": ("reverify",),
    "keyring": ("sign_key",),
    "verify_cron": ("reverify",),
    "corpus_cron": ("corpus",),
    "policy": ("generate", "corpus"),
}


def serve_command(
    context: typer.Context,
    generate: Annotated[
        list[str] | None,
        typer.Option(
            "--generate",
            metavar="OPERATOR",
            help="Have kernels for this operator written and verified; repeatable.",
            autocompletion=complete_operators,
        ),
    ] = None,
    roles: Annotated[Path, typer.Option(help="Who writes, improves and reviews.")] = Path("roles.yaml"),
    budget_usd: Annotated[str | None, typer.Option("--budget-usd", help="US dollars a night.")] = None,
    rounds: Annotated[int | None, typer.Option(help="Candidates a night.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Minutes a night, checks included.")] = None,
    generate_cron: Annotated[str, typer.Option(help="When kernels are written.")] = GENERATE_CRON,
    reverify: Annotated[
        bool, typer.Option("--reverify", help="Verify again what is approved, when something changed or it is old.")
    ] = False,
    registry: Annotated[
        str | None,
        typer.Option(
            help="Where that stands: a path or postgresql://… (KERNELGATE_REGISTRY; ./kernelgate-registry.db).",
            metavar="WHERE",
        ),
    ] = None,
    every_days: Annotated[int, typer.Option(help="Look again after so many days, where nothing changed.")] = 7,
    approved_policy: Annotated[
        str,
        typer.Option(help="The policy for what is approved.", autocompletion=complete_policies),
    ] = "production",
    sign_key: Annotated[
        Path | None,
        typer.Option(
            "--sign-key",
            help="A private key of this machine's own: what was verified again is signed and renewed in the registry.",
        ),
    ] = None,
    keyring: Annotated[
        Path, typer.Option("--keyring", help="With --sign-key: the public keys that are believed.")
    ] = Path("kernelgate-keys.json"),
    verify_cron: Annotated[str, typer.Option(help="When what is approved is looked at.")] = VERIFY_CRON,
    corpus: Annotated[
        Path | None, typer.Option(help="Measure the gate on the labelled kernels of this folder.")
    ] = None,
    corpus_cron: Annotated[str, typer.Option(help="When the gate is measured.")] = CORPUS_CRON,
    policy: PolicyOption = "ci",
    timezone: Annotated[str, typer.Option(help="Of the schedules, such as Europe/Berlin.")] = "UTC",
    reports_url: Annotated[
        str | None, typer.Option(help="Where a web server shows the run folders, for links on Prefect's pages.")
    ] = None,
    operators: OperatorsOption = None,
    runs: RunsOption = None,
    quiet: QuietOption = False,
) -> None:
    """Serve the scheduled flows: kernels every night, what is approved again, the gate measured.

    Each that is asked for (--generate, --reverify, --corpus) is a deployment on the Prefect server of PREFECT_API_URL,
    and its schedule stays when this ends. Schedules are cron expressions: minute, hour, day, month, day of the week.
    """
    with errors_in_words():
        if not quiet:  # Prefect reads it when it is imported; a service says what it starts
            os.environ.setdefault("PREFECT_LOGGING_LEVEL", "INFO")
        with needing_extra("flow"):
            from pipeline.scheduled.deployments import schedule_of, serve_all
        from pipeline.scheduled.parameters import Approvals, Corpus, Gate, Kernels, Limits, ProductionGate, Signing
        from pipeline.settings import Settings

        if not generate and not reverify and corpus is None:
            raise UsageError("there is nothing to serve: give --generate OPERATOR, --reverify or --corpus DIR")
        if generate and budget_usd is None and rounds is None and minutes is None:
            raise UsageError("--generate needs a limit of a night: --budget-usd, --rounds or --minutes")
        _refuse_what_says_nothing(context)
        place = {
            "operators": _absolute(operators),
            "runs": Settings.resolve(runs=runs).runs.absolute(),
            "reports_url": reports_url,
        }
        gate = _model(Gate, policy=_policy(policy), **place)
        deployed = []
        if generate:
            kernels = _model(Kernels, operators=generate, roles=roles.absolute())
            limits = _model(Limits, usd=budget_usd, rounds=rounds, minutes=minutes)
            with needing_extra("generate"):
                from pipeline.scheduled import nightly
            deployed.append(nightly.deployed(schedule_of(generate_cron, timezone), kernels, limits, gate))
        if reverify:
            from pipeline.registry.progress import Progress
            from pipeline.scheduled import reverify as again

            approvals = _model(Approvals, registry=_registry(registry), every_days=every_days)
            strict = _model(ProductionGate, policy=_policy(approved_policy), **place)
            ring = None if sign_key is None else keyring.absolute()
            signing = _model(Signing, key=_absolute(sign_key), keyring=ring)
            scheduled = schedule_of(verify_cron, timezone)
            deployed.append(again.deployed(scheduled, approvals, strict, signing, Progress(quiet=quiet)))
        if corpus is not None:
            from pipeline.scheduled import corpus_watch

            labelled = _model(Corpus, folder=corpus.absolute())
            deployed.append(corpus_watch.deployed(schedule_of(corpus_cron, timezone), labelled, gate))
        with listening(None, quiet=quiet) as listener:
            serve_all(deployed, listener.note, listener.warn)


def _refuse_what_says_nothing(context: typer.Context) -> None:
    """An option that is about something which was not asked for was meant for something."""

    def is_given(name: str) -> bool:
        source = context.get_parameter_source(name)
        return source is not None and source.name == "COMMANDLINE"

    for name, others in SAYS.items():
        if is_given(name) and not any(context.params[other] for other in others):
            needed = " or ".join(f"--{other.replace('_', '-')}" for other in others)
            raise UsageError(f"--{name.replace('_', '-')} says nothing without {needed}")


def _model(kind: type[Model], **values: object) -> Model:
    """Makes parameters of options; what none of them says is left out."""
    from pydantic import ValidationError

    try:
        return kind.model_validate({name: value for name, value in values.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        field = kind.model_fields.get(str(first["loc"][0])) if first["loc"] else None
        about = f"{field.title}: " if field is not None else ""
        raise UsageError(f"{about}{first['msg'].removeprefix('Value error, ')}") from None


def _absolute(path: Path | None) -> Path | None:
    return None if path is None else path.absolute()


def _policy(name: str) -> str:
    """A policy file's whole path: runs may be started elsewhere."""
    from policies.policy import BUILT_IN

    return name if name in BUILT_IN else str(Path(name).absolute())


def _registry(where: str | None) -> str | None:
    return where if where is None or "://" in where else str(Path(where).absolute())
