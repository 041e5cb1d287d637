"""The command line: every command by its name, its place in the help and its examples; the modules hold the commands.

Exit codes of every gate command: 0 all allowed, 1 something denied, 2 wrong usage or configuration, 3 incomplete:
evidence or infrastructure is missing, or the run was interrupted. Data goes to stdout, everything else to stderr.
Nobody sees a traceback for a wrong argument, a missing engine, a bad candidate or a bad policy file.

Everything heavy is imported by the command that needs it: torch takes seconds, and a wrong argument or a completion
must not.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from pipeline.commands.alerts import alerts_command
from pipeline.commands.attest import attest_app
from pipeline.commands.audit import audit_command
from pipeline.commands.export import export_command
from pipeline.commands.frame import errors_in_words, lost_stdout, results_delivered
from pipeline.commands.generation import experiments_command, generate_command, lessons_command
from pipeline.commands.help_group import HelpGroup
from pipeline.commands.help_pages import Panel, examples
from pipeline.commands.judge import judge_command
from pipeline.commands.machine import demo_command, doctor_command, image_app, prune_command, status_command
from pipeline.commands.measure import measure_command
from pipeline.commands.operators import operators_app
from pipeline.commands.policy import policy_app
from pipeline.commands.registry import registry_app
from pipeline.commands.replay import replay_command
from pipeline.commands.report import report_command
from pipeline.commands.rules import rules_command
from pipeline.commands.serve import serve_command
from pipeline.commands.verify import verify_command, waive_command
from pipeline.commands.worker import worker_command
from pipeline.exit_codes import INCOMPLETE
from pipeline.log_format import LogFormat, choose

app = typer.Typer(
    name="kernelgate",
    cls=HelpGroup,
    help="The gate that GPU kernels written by language models must pass before anyone runs them.\n\n"
    "Exit codes: 0 all allowed, 1 something denied, 2 wrong usage or configuration, 3 incomplete.",
    epilog=examples(
        "kernelgate demo                   # a dozen bundled kernels, right and wrong",
        "kernelgate verify kernels/        # does the policy ci let these through?",
        "kernelgate COMMAND --help         # what a command does, with examples",
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        from pipeline.version import version_line

        typer.echo(version_line())
        raise typer.Exit


@app.callback()
def common(
    log_format: Annotated[
        LogFormat,
        typer.Option(
            "--log-format",
            envvar="KERNELGATE_LOG_FORMAT",
            show_envvar=False,
            help="stderr as text, or as a JSON object a line with the run's id. (KERNELGATE_LOG_FORMAT; text)",
        ),
    ] = LogFormat.TEXT,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=_print_version,
            help="Show the version, and the commit.",
        ),
    ] = False,
) -> None:
    with errors_in_words():
        choose(log_format)


app.command(
    "verify",
    rich_help_panel=Panel.VERIFY,
    epilog=examples(
        "kernelgate verify kernels/softmax.py",
        "kernelgate verify kernels/ --changed-since origin/main --sarif out.sarif -q",
        "kernelgate verify kernels/ --policy production --mode gpu --format json",
    ),
)(verify_command)
app.command("demo", rich_help_panel=Panel.VERIFY, epilog=examples("kernelgate demo", "kernelgate demo --workers 2 -q"))(
    demo_command
)
app.command(
    "measure",
    rich_help_panel=Panel.VERIFY,
    epilog=examples(
        "kernelgate measure tests/kernels",
        "kernelgate measure tests/kernels --only softmax --label wrong",
        "kernelgate measure corpus/ --format json > measured.json",
    ),
)(measure_command)
app.command(
    "replay",
    rich_help_panel=Panel.UNDERSTAND,
    epilog=examples(
        "kernelgate replay 20261129-071941-5e6cf53e 7a5ce93ed93e",
        "kernelgate replay runs/20261129-071941-5e6cf53e 7a5c --mode cpu",
        "kernelgate replay 3f2a91c0 54f3 --registry team.db",
    ),
)(replay_command)
app.command(
    "report",
    rich_help_panel=Panel.UNDERSTAND,
    epilog=examples("kernelgate report 20261129-071941-5e6cf53e", "kernelgate report runs/nightly --output pages/"),
)(report_command)
app.command(
    "rules",
    rich_help_panel=Panel.UNDERSTAND,
    epilog=examples("kernelgate rules", "kernelgate rules properties/wrong-values"),
)(rules_command)
app.add_typer(operators_app, name="operators", rich_help_panel=Panel.UNDERSTAND)
app.command(
    "waive",
    rich_help_panel=Panel.POLICIES,
    epilog=examples(
        "kernelgate waive 20261129-071941-5e6cf53e --reason old --expires 2027-03-31",
        "kernelgate waive runs/nightly --reason old --expires 2027-03-31 --file ci.yaml",
    ),
)(waive_command)
app.add_typer(policy_app, name="policy", rich_help_panel=Panel.POLICIES)
app.command(
    "judge",
    rich_help_panel=Panel.EVIDENCE,
    epilog=examples(
        "kernelgate judge 20261129-071941-5e6cf53e",
        "kernelgate judge 20261129-071941-5e6cf53e --policy production --format json",
    ),
)(judge_command)
app.command(
    "audit",
    rich_help_panel=Panel.EVIDENCE,
    epilog=examples(
        "kernelgate audit",
        "kernelgate audit 20261129-071941-5e6cf53e --only files",
        "kernelgate audit --since 2026-11-01 --format jsonl > tried.jsonl",
    ),
)(audit_command)
app.add_typer(attest_app, name="attest", rich_help_panel=Panel.EVIDENCE)
app.add_typer(registry_app, name="registry", rich_help_panel=Panel.PRODUCTION)
app.command(
    "generate",
    rich_help_panel=Panel.GENERATE,
    epilog=examples(
        "kernelgate generate softmax --rounds 6 --budget-usd 2",
        "kernelgate generate softmax rms_norm --minutes 30 --roles team/roles.yaml",
        "kernelgate generate softmax --rounds 6 --resume 20261129-071941-5e6cf53e",
    ),
)(generate_command)
app.command(
    "lessons",
    rich_help_panel=Panel.GENERATE,
    epilog=examples("kernelgate lessons", "kernelgate lessons softmax", "kernelgate lessons --offer offered/"),
)(lessons_command)
app.command(
    "experiments",
    rich_help_panel=Panel.GENERATE,
    epilog=examples("kernelgate experiments", "kernelgate experiments shorter-prompt --format json"),
)(experiments_command)
app.command(
    "serve",
    rich_help_panel=Panel.SCHEDULE,
    epilog=examples(
        "kernelgate serve --corpus tests/kernels",
        "kernelgate serve --generate softmax --budget-usd 5 --timezone Europe/Berlin",
        "kernelgate serve --reverify --verify-cron '0 3 * * 1-5' --every-days 14",
    ),
)(serve_command)
app.command(
    "doctor",
    rich_help_panel=Panel.MACHINE,
    epilog=examples("kernelgate doctor", "kernelgate doctor --sandbox embedded"),
)(doctor_command)
app.command(
    "export",
    rich_help_panel=Panel.PRODUCTION,
    epilog=examples(
        "kernelgate export 3f2a91c0 --to packages/softmax",
        "kernelgate export 3f2a91c0 --to softmax --license mit --registry team.db",
    ),
)(export_command)
app.command(
    "status",
    rich_help_panel=Panel.MACHINE,
    epilog=examples("kernelgate status", "kernelgate status --last 20 --format json"),
)(status_command)
app.command(
    "prune",
    rich_help_panel=Panel.MACHINE,
    epilog=examples(
        "kernelgate prune --older-than 90d --dry-run",
        "kernelgate prune --older-than 90d --larger-than 20GB -q",
    ),
)(prune_command)
app.command(
    "alerts",
    rich_help_panel=Panel.MACHINE,
    epilog=examples("kernelgate alerts", "kernelgate alerts --block slack-webhook/team"),
)(alerts_command)
app.command(
    "worker",
    rich_help_panel=Panel.MACHINE,
    epilog=examples(
        "kernelgate worker --scheduler tcp://10.0.0.5:8786",
        "kernelgate worker --scheduler tcp://10.0.0.5:8786 --gpu-only",
    ),
)(worker_command)
app.add_typer(image_app, name="image", rich_help_panel=Panel.MACHINE)


def main() -> None:
    """The program's entry."""
    signal.signal(signal.SIGTERM, _as_interrupt)
    for stream in (sys.stdout, sys.stderr):
        # A path or a sign that the locale has no byte for is shown as its escape; it must not end a run.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    with results_delivered():
        try:
            app()
        except OSError as error:  # beside the commands, which say their own: --install-completion writes to the home
            if error.filename is None:
                lost_stdout(error)
            typer.secho(f"kernelgate: {error.filename}: {error.strerror}", err=True)
            raise SystemExit(INCOMPLETE) from None


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
