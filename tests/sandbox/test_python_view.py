from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sandbox.contract import SandboxUnavailable
from sandbox.python_view import PREFIX, Bind, _demand_readable, _demand_visible, view_of_host


def test_what_a_package_needs_comes_with_it_and_nothing_else() -> None:
    names = {Path(bind.place).name for bind in view_of_host(["torch"], (), {}).binds}
    assert {"torch", "sympy", "mpmath", "jinja2", "markupsafe", "typing_extensions.py"} <= names
    assert not {"docker", "prefect", "hypothesis", "pytest", "pip"} & names


def test_no_folder_of_a_user_and_nothing_else_of_etc_is_bound() -> None:
    for bind in view_of_host(["numpy"], (), {}).binds:
        assert bind.place.startswith(("/usr/", "/lib", "/bin", f"{PREFIX}/")) or bind.place in (
            "/etc/ld.so.cache",
            str(Path(sys.base_prefix).resolve()),
        )


def test_a_package_that_is_missing_is_named() -> None:
    with pytest.raises(SandboxUnavailable, match="no-such-package is not installed"):
        view_of_host(["no-such-package"], (), {})


@pytest.mark.parametrize(
    ("pin", "says"),
    [("no-such-package==1.0", "which is not installed"), ("numpy==0.0.1", "the policy needs numpy==0.0.1, but")],
)
def test_a_pin_that_does_not_hold_is_refused(pin: str, says: str) -> None:
    with pytest.raises(SandboxUnavailable, match=says):
        view_of_host(["numpy"], [pin], {})


def test_the_identity_changes_with_every_byte_of_the_harness(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    (inside / "deep").mkdir(parents=True)
    (inside / "deep" / "a.py").write_text("x = 1\n")
    harness = {"inside": inside}
    first = view_of_host(["numpy"], (), harness).image
    (inside / "__pycache__").mkdir()
    (inside / "__pycache__" / "a.pyc").write_text("not code")
    assert view_of_host(["numpy"], (), harness).image == first
    (inside / "deep" / "a.py").write_text("x = 2\n")
    assert view_of_host(["numpy"], (), harness).image != first
    assert view_of_host(["pydantic"], (), harness).image != first


def test_what_is_closed_to_others_is_told_before_anything_starts(tmp_path: Path) -> None:
    file = tmp_path / "closed.py"
    file.write_text("")
    file.chmod(0o600)
    with pytest.raises(SandboxUnavailable, match=rf"{file} is closed to other users.*chmod -R o\+rX"):
        _demand_readable([Bind(str(file), "/x")])
    file.chmod(0o644)
    _demand_readable([Bind(str(file), "/x")])
    tmp_path.chmod(0o744)
    with pytest.raises(SandboxUnavailable, match="is closed to other users"):
        _demand_readable([Bind(str(tmp_path), "/x")])


@pytest.mark.parametrize("place", ["/tmp/python", "/cache/x", "/dev/x", "/proc/x"])
def test_a_python_that_a_file_system_of_the_programs_would_cover_is_refused(place: str) -> None:
    with pytest.raises(SandboxUnavailable, match=f"Python lies in {place}"):
        _demand_visible([Bind(place, place)])
