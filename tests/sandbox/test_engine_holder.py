"""The container engine's socket is root on this machine, so one module holds it: read off the source of all of them.

What starts a daemon (`pipeline.machine.dockerd`), looks for a user's own (`pipeline.machine.engine`) or proves that the
socket is not in a container (`sandbox.probe_inside`) names a path and opens nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOST = sorted(
    path
    for package in ("sandbox", "runners", "policies", "pipeline", "kernelgate")
    for path in ROOT.glob(f"{package}/**/*.py")
)
HOLDER = "sandbox/docker_engine.py"
CREATOR = "sandbox/container.py"
# Who asks the engine for what, through the object that the holder made.
CALLERS = {
    CREATOR, HOLDER, "sandbox/docker_sandbox.py", "sandbox/engine_images.py", "sandbox/images.py",
    "pipeline/machine/base_image.py", "pipeline/machine/engine.py",
}  # fmt: skip
NAMES_THE_SOCKET = {
    HOLDER, "sandbox/probe_inside.py", "pipeline/machine/debian.py", "pipeline/machine/engine.py",
    "pipeline/fleet/docker_pool.py",  # as text of a template: where the judge in a job's container finds it
}  # fmt: skip
COMMANDS = ("docker", "podman", "ctr", "nerdctl", "runc")
CREATES = (
    "create_container", "create_container_from_config", "exec_create", "put_archive", "create_service", "containers",
)  # fmt: skip


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            yield node.module
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            if name in ("import_module", "__import__"):
                yield node.args[0].value if isinstance(node.args[0], ast.Constant) else "anything"


def holds_the_engine(tree: ast.AST) -> Iterator[str]:
    """Imports of the SDK, sockets of this machine, and the engine's command line."""
    yield from (f"imports {name}" for name in imports(tree) if name.split(".")[0] in ("docker", "anything"))
    subscripts = {id(node.slice) for node in ast.walk(tree) if isinstance(node, ast.Subscript)}  # Literal["docker", …]
    for node in ast.walk(tree):
        if id(node) in subscripts:
            continue
        if isinstance(node, ast.Attribute) and node.attr == "AF_UNIX":
            yield "opens a socket of this machine"
        if isinstance(node, ast.List | ast.Tuple) and node.elts and isinstance(node.elts[0], ast.Constant):
            yield from (f"runs {name}" for name in COMMANDS if name == node.elts[0].value)


def attributes(tree: ast.AST) -> set[str]:
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def texts(tree: ast.AST) -> Iterator[str]:
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.AST]:
    return {name_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in HOST}


def test_one_module_imports_the_sdk_and_opens_the_socket(trees: dict[str, ast.AST]) -> None:
    holding = {name: found for name, tree in trees.items() if (found := sorted(set(holds_the_engine(tree))))}
    assert holding == {
        HOLDER: ["imports docker", "imports docker.errors", "imports docker.utils", "opens a socket of this machine"]
    }


def test_the_path_of_the_socket_is_known_to_few(trees: dict[str, ast.AST]) -> None:
    assert {
        name for name, tree in trees.items() if any(text.endswith("docker.sock") for text in texts(tree))
    } == NAMES_THE_SOCKET


def test_containers_are_created_in_one_place(trees: dict[str, ast.AST]) -> None:
    creating = {name: attributes(tree) & set(CREATES) for name, tree in trees.items()}
    assert {name: found for name, found in creating.items() if found} == {
        CREATOR: {"create_container_from_config"},
        "sandbox/docker_sandbox.py": {"containers"},  # lists those whose owner is gone
        "sandbox/engine_images.py": {"containers"},  # lists what images they were made from
    }
    by_address = {name for name, tree in trees.items() if "address" in attributes(tree)}
    assert by_address == {CREATOR}  # calls that the SDK does not wrap: attach and events


def test_few_modules_ask_the_engine_at_all(trees: dict[str, ast.AST]) -> None:
    asking = {
        name
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.value.attr == "api"
    }
    assert asking == CALLERS


@pytest.mark.parametrize(
    "source",
    [
        "import docker", "import docker.types as t", "from docker.errors import APIError", "from docker import models",
        "import importlib; importlib.import_module('docker')", "__import__('doc' + 'ker')",
        "import socket; socket.socket(socket.AF_UNIX)", "import subprocess; subprocess.run(['docker', 'run', 'x'])",
    ],
)  # fmt: skip
def test_another_holder_would_be_noticed(source: str) -> None:
    assert list(holds_the_engine(ast.parse(source)))
