"""`kernelgate attest`: keys, signatures under a run, and their verification. Parse, call one function, render."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.completing import complete_verdicts
from pipeline.commands.frame import (
    Format,
    FormatOption,
    OperatorsOption,
    RunsOption,
    VerdictsArgument,
    errors_in_words,
)
from pipeline.commands.help_pages import examples
from pipeline.extras import needing_extra

attest_app = typer.Typer(help="Sign what a run found, and verify it (needs the extra 'attest').", no_args_is_help=True)

KeyringOption = Annotated[Path, typer.Option("--keyring", help="The public keys, and which of them are believed.")]
KeyOption = Annotated[
    Path, typer.Option("--key", help="The private key (PEM); its passphrase is in KERNELGATE_KEY_PASSPHRASE.")
]
KEYRING = Path("kernelgate-keys.json")
PRIVATE = Path("kernelgate-key.pem")


@attest_app.command(
    "keygen",
    epilog=examples(
        "kernelgate attest keygen", "kernelgate attest keygen --key ~/keys/ci.pem --keyring team-keys.json"
    ),
)
def keygen_command(key: KeyOption = PRIVATE, keyring: KeyringOption = KEYRING) -> None:
    """Make a key: the private half in a new file, the public one in the keyring."""
    with errors_in_words(), needing_extra("attest"):
        import os

        from pipeline.attestation.keys import make_key
        from pipeline.rendering.attest import print_made
        from pipeline.rendering.console import output

        print_made(make_key(key, keyring, os.environ), key, keyring, output())
        _warn_of(key)


@attest_app.command(
    "keys", epilog=examples("kernelgate attest keys", "kernelgate attest keys --keyring team-keys.json --format json")
)
def keys_command(keyring: KeyringOption = KEYRING, output_format: FormatOption = Format.TABLE) -> None:
    """List the keys of a keyring."""
    with errors_in_words(), needing_extra("attest"):
        import sys

        from pipeline.attestation.keys import load_keyring
        from pipeline.rendering.attest import print_keyring
        from pipeline.rendering.console import output

        ring = load_keyring(keyring)
        if output_format is Format.JSON:
            sys.stdout.write(ring.model_dump_json(indent=2) + "\n")
        else:
            print_keyring(ring, output())


@attest_app.command("rotate", epilog=examples("kernelgate attest rotate --retire 3f2a91c04d1e --key ~/keys/new.pem"))
def rotate_command(
    retire: Annotated[str, typer.Option("--retire", metavar="KEYID", help="The key that signs no more.")],
    key: Annotated[Path, typer.Option("--key", help="Where the new private key goes; a file that is not there.")],
    keyring: KeyringOption = KEYRING,
    reason: Annotated[str, typer.Option(help="Why; shown with the key.")] = "rotated",
) -> None:
    """Make a new key and retire an old one: what it has signed until today is still believed. Destroy it then."""
    with errors_in_words(), needing_extra("attest"):
        import os
        from datetime import UTC, datetime

        from pipeline.attestation.keys import load_keyring, make_key, save_keyring
        from pipeline.attestation.keys import retire as retired
        from pipeline.rendering.attest import print_made
        from pipeline.rendering.console import output

        today = datetime.now(UTC).date()
        retired(load_keyring(keyring), retire, today, reason)  # before a key is made, or nothing is
        made = make_key(key, keyring, os.environ)
        save_keyring(keyring, retired(load_keyring(keyring), retire, today, reason))
        print_made(made, key, keyring, output())
        _warn_of(key)


@attest_app.command("revoke", epilog=examples("kernelgate attest revoke 3f2a91c04d1e --reason 'the laptop was stolen'"))
def revoke_command(
    keyid: Annotated[str, typer.Argument(help="The key, or a unique beginning of its id.")],
    reason: Annotated[str, typer.Option(help="What happened; shown to whoever meets its signatures.")],
    keyring: KeyringOption = KEYRING,
) -> None:
    """Believe nothing any more that a key has signed."""
    with errors_in_words(), needing_extra("attest"):
        from pipeline.attestation.keys import load_keyring, revoke, save_keyring
        from pipeline.rendering.attest import print_keyring
        from pipeline.rendering.console import output

        ring = revoke(load_keyring(keyring), keyid, reason)
        save_keyring(keyring, ring)
        print_keyring(ring, output())


@attest_app.command(
    "sign",
    epilog=examples(
        "kernelgate attest sign 20261129-071941-5e6cf53e",
        "kernelgate attest sign runs/nightly --key ~/ci.pem --measurement measured.json",
    ),
)
def sign_command(
    run: VerdictsArgument,
    key: KeyOption = PRIVATE,
    keyring: Annotated[
        Path | None,
        typer.Option(
            "--keyring",
            help="A keyring that may say that the key signs no more. Default: kernelgate-keys.json here and beside the "
            "key, where there is one.",
        ),
    ] = None,
    measurement: Annotated[
        Path | None, typer.Option(help="A measurement of the gate (measure --format json), named by its digest.")
    ] = None,
    operators: OperatorsOption = None,
    runs: RunsOption = None,
) -> None:
    """Sign each candidate's verdict and files, in attestations/ of the run folder. The verdicts must come out again."""
    with errors_in_words(), needing_extra("attest"):
        import os

        from pipeline.attestation.keys import check_signs, load_signer
        from pipeline.attestation.signing import sign_run
        from pipeline.own_operators import load_operators
        from pipeline.rendering.attest import print_attested
        from pipeline.rendering.console import output
        from pipeline.runs.places import read_place
        from pipeline.settings import Settings

        signer = load_signer(key, os.environ)
        for ring in [keyring] if keyring is not None else _keyrings_beside(key):
            check_signs(signer, key, ring)
        stored = read_place(Settings.resolve(runs=runs, workers=1).runs, run)
        attested = sign_run(stored, signer, load_operators(operators), measurement)
        print_attested(attested, stored.folder, output())


@attest_app.command(
    "verify",
    epilog=examples(
        "kernelgate attest verify runs/nightly --keyring ~/trusted/keys.json",
        "kernelgate attest verify runs/20261129-071941-5e6cf53e --rejudge",
    ),
)
def verify_command(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="A run's id, or the path of its folder; with /CANDIDATE one of its candidates, or an envelope in its "
            "attestations/.",
            autocompletion=complete_verdicts,
        ),
    ],
    keyring: Annotated[
        Path, typer.Option("--key", "--keyring", help="The keyring; from where you trust it, not from the run.")
    ] = KEYRING,
    rejudge: Annotated[bool, typer.Option("--rejudge", help="Make each verdict again from its evidence, too.")] = False,
    output_format: FormatOption = Format.TABLE,
    operators: OperatorsOption = None,
    runs: RunsOption = None,
) -> None:
    """Verify signatures, keys and every file of a run: exit 1 when something is not to be believed."""
    with errors_in_words(), needing_extra("attest"):
        import sys

        from pipeline.attestation.keys import load_keyring
        from pipeline.attestation.run_files import attested_place
        from pipeline.attestation.verifying import verify_run
        from pipeline.exit_codes import ALLOWED, DENIED
        from pipeline.own_operators import load_operators
        from pipeline.rendering.attest import print_verified, verified_as_json
        from pipeline.rendering.console import output
        from pipeline.settings import Settings

        ring, known = load_keyring(keyring), load_operators(operators)
        place = attested_place(Settings.resolve(runs=runs, workers=1).runs, run)
        verified = verify_run(place.folder, ring, known, rejudges=rejudge, only=place.candidate)
        if output_format is Format.JSON:
            sys.stdout.write(verified_as_json(verified))
        else:
            print_verified(verified, output())
        code = ALLOWED if all(one.problem is None for one in verified) else DENIED
    raise typer.Exit(code)


def _keyrings_beside(key: Path) -> list[Path]:
    """The keyrings of the usual name: in this folder, and in the key's."""
    found = {path.resolve(): path for path in (KEYRING, key.parent / KEYRING.name) if path.exists()}
    return list(found.values())


def _warn_of(key: Path) -> None:
    """Says so where the next `git add .` would take a private key along."""
    from pipeline.git_repository import is_unignored

    if is_unignored(key):
        typer.echo(
            f"kernelgate: warning: git does not ignore {key}: before the next 'git add', add {key.name} to .gitignore, "
            "or move it out of the repository",
            err=True,
        )
