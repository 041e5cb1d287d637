"""What a program in namespaces sees of the host: its Python, the packages that are named, and the system's libraries.

The counterpart of an image. Everything is bound read-only and by name; what is not named is not there: no /root, no
/home, no /etc but the linker's cache, no sources of the judge. The packages stand in a virtual environment of their
own at `PREFIX`, so `python3 -I` finds them and nothing else that the host happens to have installed.

The identity of a view is a digest of Python's version, the packages' versions and the harness's bytes. It is no content
id: that the installed packages are what their metadata says is the host's matter, and one more reason why evidence from
here counts less than evidence from an image.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final, NamedTuple

from sandbox.contract import SandboxUnavailable

PREFIX: Final = "/opt/kernelgate"
SYSTEM_FOLDERS: Final = ("/usr/bin", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache")
MERGED_FOLDERS: Final = ("/bin", "/lib", "/lib64")
COVERED: Final = ("tmp", "cache", "proc", "dev")  # the program's own file systems lie over these
SEARCH_PATH: Final = f"{PREFIX}/bin:/usr/bin:/bin"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Bind(NamedTuple):
    """A file or folder of the host, read-only at `place`; `source` holds no link."""

    source: str
    place: str


class Link(NamedTuple):
    """A symbolic link at `place`."""

    place: str
    target: str


class TextFile(NamedTuple):
    """A small file at `place`."""

    place: str
    text: str


@dataclass(frozen=True, slots=True)
class HostView:
    """A root file system as data; `image` is what a `Program` names it by."""

    image: str
    binds: tuple[Bind, ...]
    links: tuple[Link, ...]
    files: tuple[TextFile, ...]


def view_of_host(packages: Sequence[str], pins: Sequence[str], harness: Mapping[str, Path]) -> HostView:
    """Returns the view in which `python3` finds the packages, with all that they need, and the harness.

    Args:
        packages: Names of installed distributions.
        pins: Exact versions (`name==version`) of more distributions, without what they need.
        harness: Files and folders of ours by their place below site-packages.

    Raises:
        SandboxUnavailable: a package is missing or has another version, or the host's files are closed to others.
    """
    chosen = {**_with_needs(packages), **dict(_pinned(pin) for pin in pins)}
    site = f"{PREFIX}/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    binds = [
        *_system(),
        *(Bind(str(path), f"{site}/{path.name}") for path in _tops(chosen.values())),
        *(Bind(str(path.resolve()), f"{site}/{place}") for place, path in harness.items()),
    ]
    _demand_visible(binds)
    if os.geteuid() == 0:
        _demand_readable(binds)
    interpreter = base_interpreter()
    return HostView(
        image=f"host-python:{_digest(chosen, harness)}",
        binds=tuple(dict.fromkeys(binds)),
        links=(
            *(Link(folder, str(Path(folder).readlink())) for folder in MERGED_FOLDERS if Path(folder).is_symlink()),
            Link(f"{PREFIX}/bin/python3", str(interpreter)),
        ),
        files=(
            TextFile(f"{PREFIX}/pyvenv.cfg", f"home = {interpreter.parent}\ninclude-system-site-packages = false\n"),
        ),
    )


def base_interpreter() -> Path:
    """The interpreter below this virtual environment, without links."""
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def _with_needs(names: Iterable[str]) -> dict[str, metadata.Distribution]:
    """The named distributions and, through all levels, what they require and is installed."""
    found: dict[str, metadata.Distribution] = {}
    open_names = [(name, True) for name in names]
    while open_names:
        name, needed = open_names.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in found:
            continue
        try:
            found[key] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            if needed:
                raise SandboxUnavailable(
                    f"{name} is not installed in {sys.prefix}; install the project there"
                ) from None
            continue  # for another platform or Python
        # What only an extra or another platform needs is skipped when it is not installed; when it is, it does no harm.
        required = (_NAME.match(line) for line in found[key].requires or () if "extra ==" not in line)
        open_names += [(match.group(), False) for match in required if match is not None]
    return found


def _pinned(pin: str) -> tuple[str, metadata.Distribution]:
    name, _, version = pin.partition("==")
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise SandboxUnavailable(f"the policy needs {pin}, which is not installed in {sys.prefix}") from None
    if distribution.version != version:
        raise SandboxUnavailable(f"the policy needs {pin}, but {sys.prefix} has {name} {distribution.version}")
    return name, distribution


def _tops(distributions: Iterable[metadata.Distribution]) -> Iterator[Path]:
    """The files and folders that the distributions have directly in site-packages, without links."""
    for distribution in distributions:
        site = Path(str(distribution.locate_file(""))).resolve()
        names = {path.parts[0] for path in distribution.files or () if path.parts[0] not in ("..", "__pycache__")}
        yield from (site / name for name in sorted(names) if (site / name).exists())


def _system() -> Iterator[Bind]:
    for path in (*SYSTEM_FOLDERS, *(folder for folder in MERGED_FOLDERS if not Path(folder).is_symlink())):
        if Path(path).exists():
            yield Bind(str(Path(path).resolve()), path)
    prefix = Path(sys.base_prefix).resolve()
    if prefix == Path("/usr/local"):
        yield from (Bind(f"{prefix}/{part}", f"{prefix}/{part}") for part in ("bin", "lib"))
    elif prefix != Path("/usr"):
        yield Bind(str(prefix), str(prefix))


def _demand_visible(binds: Iterable[Bind]) -> None:
    for bind in binds:
        if Path(bind.place).parts[1] in COVERED:
            raise SandboxUnavailable(
                f"Python lies in {bind.place}, where a program in the embedded sandbox has a file system of its own; "
                "use a Python that is installed elsewhere"
            )


def _demand_readable(binds: Iterable[Bind]) -> None:
    """The program is not root, even where the judge is: what is open to root alone would fail in the middle."""
    for bind in binds:
        mode = Path(bind.source).stat().st_mode
        wanted = stat.S_IROTH | (stat.S_IXOTH if stat.S_ISDIR(mode) else 0)
        if mode & wanted != wanted:
            raise SandboxUnavailable(
                f"{bind.source} is closed to other users, and the embedded sandbox runs as one; "
                f"open it (`chmod -R o+rX {bind.source}`) or install Python and the project elsewhere"
            )


def _digest(distributions: Mapping[str, metadata.Distribution], harness: Mapping[str, Path]) -> str:
    digest = hashlib.sha256(f"{platform.python_implementation()} {sys.version} {platform.machine()}".encode())
    for name in sorted(distributions):
        digest.update(f"\n{name}=={distributions[name].version}".encode())
    for place, top in sorted(harness.items()):
        inside = [path for path in top.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        for path in sorted(inside) if top.is_dir() else [top]:
            digest.update(f"\n{place} {path.relative_to(top)} {hashlib.sha256(path.read_bytes()).hexdigest()}".encode())
    return digest.hexdigest()
