"""`kernelgate export`: what is approved becomes a package, and nothing else does."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import kernels
import pytest
import torch
from served_kernels import KERNELS, RIGHT, Team, attested, promoted, team
from typer.testing import CliRunner, Result

from pipeline.attestation.keys import load_keyring, revoke, save_keyring
from pipeline.attestation.pairs import opened_pair
from pipeline.cli import app
from pipeline.export.package import layer_of, name_of
from pipeline.registry.contract import open_registry
from runners.operators import OPERATORS

Export = Callable[..., Result]


@pytest.fixture
def vouching(tmp_path: Path) -> Team:
    return team(tmp_path)


@pytest.fixture
def export(vouching: Team) -> Export:
    def run(digest: str, *more: str, to: str = "package") -> Result:
        places = (
            "--to",
            str(vouching.folder / to),
            "--registry",
            vouching.registry,
            "--keyring",
            str(vouching.keyring),
        )
        return CliRunner().invoke(app, ["export", digest, *places, *more])

    return run


def test_an_approved_kernel_becomes_a_package_whose_parts_are_what_was_signed(vouching: Team, export: Export) -> None:
    attestation = promoted(vouching, RIGHT)
    done = export(attestation.digest[:10], "--license", "apache-2.0")
    assert done.exit_code == 0, done.output
    package = vouching.folder / "package"
    files = {str(path.relative_to(package)) for path in package.rglob("*") if path.is_file()}
    of_variant = {"__init__.py", "candidate.py", "layers.py", "metadata.json"}
    envelopes = {f"attestation/sm_90/{attestation.candidate}{end}" for end in (".test-result.json", ".summary.json")}
    assert files == {"README.md", "build.toml", *envelopes} | {
        f"build/torch-{backend}/{name}" for backend in ("cpu", "cuda") for name in of_variant
    }
    for backend in ("cpu", "cuda"):
        assert (package / f"build/torch-{backend}/candidate.py").read_bytes() == RIGHT.read_bytes()
    first, second = sorted((package / "attestation/sm_90").iterdir(), reverse=True)
    pair = opened_pair(attestation.candidate, first.read_bytes(), second.read_bytes(), load_keyring(vouching.keyring))
    assert pair.digest == attestation.digest
    metadata = json.loads((package / "build/torch-cuda/metadata.json").read_text())
    assert (metadata["backend"], metadata["license"]) == ({"type": "cuda", "archs": ["9.0a"]}, "apache-2.0")
    assert vouching.kinds() == ["promoted", "exported"]


def test_the_card_says_what_holds_on_what_and_what_does_not(vouching: Team, export: Export) -> None:
    attestation = promoted(vouching, RIGHT)
    assert export(attestation.digest).exit_code == 0
    card = (vouching.folder / "package/README.md").read_text()
    for said in (
        attestation.digest, attestation.evidence_digest, attestation.policy_digest, attestation.key_id[:12],
        "**production-safe**", "NVIDIA H200, sm_90, CUDA 13.0, driver 580.95.05", "no backward pass", "bfloat16",
    ):  # fmt: skip
        assert said in card


def test_a_revoked_kernel_is_refused(vouching: Team, export: Export) -> None:
    digest = promoted(vouching, RIGHT).digest
    with closing(open_registry(vouching.registry)) as opened:
        opened.revoke(digest, "a new finding", "test")
    done = export(digest)
    assert done.exit_code == 1
    assert f"kernel {digest[:12]} is revoked, and is not exported" in done.output
    assert not (vouching.folder / "package").exists()


def test_a_kernel_that_was_signed_and_never_promoted_is_refused(vouching: Team, export: Export) -> None:
    promoted(vouching, RIGHT)
    other = attested(vouching, KERNELS / "softmax" / "right_online.py").digest
    done = export(other)
    assert done.exit_code == 2
    assert "Traceback" not in done.output
    assert not (vouching.folder / "package").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"architecture": "../../../elsewhere"}, "architecture"),
        ({"architecture": "sm_80"}, "architecture"),
        ({"device": "NVIDIA B200, sm_100, CUDA 13.0, driver 1"}, "platform"),
        ({"torch": "9"}, "platform"),
        ({"evidence_digest": "e" * 64}, "evidence"),
        ({"key_id": "another"}, "key"),
        ({"run": "another"}, "run"),
        ({"operator_digest": "b" * 64}, "the operator's digest"),
        ({"policy": "a team's"}, "policy"),
        ({"signed_at": "2020-01-01 00:00:00.000000"}, "time"),
    ],
)
def test_what_the_registry_says_and_nobody_signed_is_refused(
    vouching: Team, export: Export, changes: dict[str, str], said: str
) -> None:
    digest = promoted(vouching, RIGHT).digest
    forge(vouching, "attestations", changes)
    done = export(digest, to="inner/package")
    assert done.exit_code == 1, done.output
    assert re.search(rf"is not what was signed: .*{said}", done.output.replace("\n", " "))
    assert [path.name for path in vouching.folder.glob("*elsewhere*")] == []
    assert not (vouching.folder / "inner").exists()
    again = [
        "registry",
        "promote",
        digest,
        "--channel",
        "canary",
        "--architecture",
        changes.get("architecture", "sm_90"),
    ]
    places = ["--registry", vouching.registry, "--keyring", str(vouching.keyring)]
    assert CliRunner().invoke(app, [*again, *places]).exit_code == 1


def test_the_registrys_own_words_are_neither_code_nor_markup_in_a_package(vouching: Team, export: Export) -> None:
    digest = promoted(vouching, RIGHT).digest
    forge(vouching, "kernels", {"entry": "softmax as _; import os\nfrom .candidate import softmax"})
    words = '"<script>|x"'
    numbers = f'{{"cases": 1, "device_cases": 1, "replayed": 1, "dtypes": [{words}], "timings": []}}'
    forge(vouching, "attestations", {"numbers": numbers})
    assert export(digest).exit_code == 0
    package = vouching.folder / "package"
    for backend in ("cpu", "cuda"):
        text = (package / f"build/torch-{backend}/__init__.py").read_text()
        assert "from .candidate import softmax as _entry\n" in text
        assert "import os" not in text
    assert "<script>" not in (package / "README.md").read_text()


def forge(vouching: Team, table: str, changes: dict[str, str]) -> None:
    """As whoever owns the file can."""
    with closing(sqlite3.connect(vouching.registry)) as raw, raw:
        raw.execute(f"DROP TRIGGER registry_{table}_update")
        for column, value in changes.items():
            raw.execute(f"UPDATE registry_{table} SET {column} = ?", (value,))


def test_a_kernel_whose_key_was_revoked_since_is_refused(vouching: Team, export: Export) -> None:
    attestation = promoted(vouching, RIGHT)
    save_keyring(vouching.keyring, revoke(load_keyring(vouching.keyring), attestation.key_id, "stolen"))
    done = export(attestation.digest)
    assert done.exit_code == 1
    assert "revoked: stolen" in done.output


def test_a_kernel_that_another_policy_judged_is_refused(vouching: Team, export: Export) -> None:
    done = export(promoted(vouching, RIGHT).digest, "--policy", "ci")
    assert done.exit_code == 1
    assert "was judged by production" in done.output


def test_a_folder_that_is_there_is_not_written_over(vouching: Team, export: Export) -> None:
    digest = promoted(vouching, RIGHT).digest
    (vouching.folder / "package").mkdir()
    done = export(digest)
    assert done.exit_code == 2
    assert "is there already" in done.output
    assert list((vouching.folder / "package").iterdir()) == []


def test_a_place_that_can_not_be_written_leaves_nothing(vouching: Team, export: Export) -> None:
    digest = promoted(vouching, RIGHT).digest
    (vouching.folder / "file").write_text("")
    done = export(digest, to="file/package")
    assert done.exit_code == 3
    assert "can't be written" in done.output


def test_the_variant_for_the_cpu_says_that_it_needs_the_interpreter(vouching: Team, export: Export) -> None:
    assert export(promoted(vouching, RIGHT).digest).exit_code == 0
    kernel = kernels.get_local_kernel(vouching.folder / "package", backend="cpu")
    with pytest.raises(RuntimeError, match="set TRITON_INTERPRET=1"):
        kernel.softmax(torch.zeros(1, 2))


def test_every_operator_has_a_name_that_the_library_takes() -> None:
    for operator in OPERATORS.values():
        assert re.fullmatch(r"[a-z][-a-z0-9]*[a-z0-9]", name_of(operator))
        assert layer_of(operator).isidentifier()
