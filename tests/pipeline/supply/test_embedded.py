"""`kernelgate verify --sandbox embedded`: whole verdicts without an engine, and what is said where there is none."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess, Popen
from typing import Any

import pytest
from candidate_sources import candidate
from ordinary_user import as_ordinary_user
from waiting import wait_until

from pipeline.settings import PROJECT
from policies.decide import decide
from policies.policy import load_policy
from runners.evidence import Evidence
from sandbox.probe_inside import CHECKS

Program = Callable[..., CompletedProcess[str]]
KERNELS = PROJECT / "tests" / "kernels"
RIGHT = KERNELS / "relu" / "right_block.py"
WRONG = KERNELS / "softmax" / "wrong_no_maximum.py"
EMBEDDED = ("--policy", "dev", "--sandbox", "embedded")
NO_ENGINE = {"DOCKER_HOST": "unix:///no/such/engine.sock"}
WAIVED = (
    "source/module-code, source/host-arithmetic, source/host-call-not-allowed, source/no-launch, "
    "source/result-not-from-kernel, source/private-name, source/module-state, source/statement-not-allowed, "
    "source/reflection"
)
# Everything is tried on the first call, and what became of it is the error that the verdict then shows.
HOSTILE = """
def attempt(name, action):
    try:
        action()
    except OSError as error:
        return f"{name} {errno.errorcode.get(error.errno, error)}"
    return f"{name} done"
def tries():
    return [
        attempt("host", lambda: open("@CANARY@", "w")),
        attempt("usr", lambda: open("/usr/lib/canary", "w")),
        attempt("self", lambda: open(torch.__file__, "a")),
        attempt("net", lambda: socket.create_connection(("127.0.0.1", @PORT@), 1)),
        attempt("dns", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
        attempt("abstract", lambda: socket.socket(socket.AF_UNIX).connect("\\0@ABSTRACT@")),
        attempt("mem", lambda: open(f"/proc/{os.getppid()}/mem", "r+b")),
        attempt("kill", lambda: os.kill(os.getppid(), 9)),
        attempt("killall", lambda: os.kill(-1, 0)),
    ]
"""


def entries(done: CompletedProcess[str]) -> dict[str, Any]:
    assert done.stdout, done.stderr
    return {Path(entry["path"]).name: entry for entry in json.loads(done.stdout)["candidates"]}


@pytest.fixture(scope="module", autouse=True)
def _can_isolate() -> None:
    from pipeline.machine.host_view import runner_view
    from sandbox.contract import Program as Started
    from sandbox.contract import SandboxUnavailable
    from sandbox.control_groups import ControlGroups
    from sandbox.namespace_sandbox import NamespaceSandbox

    try:
        view = runner_view(PROJECT)
        NamespaceSandbox(view, ControlGroups.of_this_machine()).start(Started(view.image, ("true",))).end()
    except SandboxUnavailable as error:
        pytest.skip(f"needs a kernel that allows user namespaces: {error}")


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dev with few cases; lets a candidate do what the contract denies, so that only the sandbox stops it."""
    path = tmp_path_factory.mktemp("policy") / "lax.yaml"
    path.write_text(
        "extends: dev\nname: lax\nsource:\n"
        "  allowed_imports: [torch, triton, math, os, sys, time, socket, errno]\n"
        f"  waived_rules: [{WAIVED}]\n"
        "properties: {pairwise_cases: 20, special_cases: 0, block_cases: 0, huge_cases: 1, random_cases: 0}\n"
        "compile: {required_targets: [sm_90]}\n"
    )
    return path


@dataclass(frozen=True)
class Finished:
    done: CompletedProcess[str]
    folder: Path
    entries: dict[str, Any]


@pytest.fixture(scope="module")
def finished(kernelgate: Program, tmp_path_factory: pytest.TempPathFactory, policy: Path) -> Finished:
    """One run over a right and a wrong bundled kernel."""
    folder = tmp_path_factory.mktemp("right-and-wrong")
    command = ("verify", str(RIGHT), str(WRONG), "--policy", str(policy), "--sandbox", "embedded", "--format", "json")
    done = kernelgate(*command, cwd=folder, **NO_ENGINE)
    return Finished(done, folder, entries(done))


def test_a_right_kernel_is_functional_and_a_wrong_one_rejected_without_an_engine(finished: Finished) -> None:
    assert finished.done.returncode == 1, finished.done.stderr
    assert finished.entries[RIGHT.name]["tier"] == "functional"
    assert finished.entries[WRONG.name]["tier"] == "rejected"
    assert finished.entries[WRONG.name]["findings"][0]["rule"].startswith("properties/")


def test_the_evidence_says_namespace_and_holds_the_proof(finished: Finished) -> None:
    stored = [*(finished.folder / "runs").rglob("evidence.json")]
    assert len(stored) == 2
    for path in stored:
        isolation = json.loads(path.read_text())["isolation"]
        assert isolation["isolation"] == "namespace"
        assert isolation["image"].startswith("host-python:")
        assert {limit["name"] for limit in isolation["limits"]} == set(CHECKS)


@pytest.mark.parametrize("name", ["ci", "production"])
def test_judged_again_by_a_stronger_policy_the_same_evidence_is_not_enough(finished: Finished, name: str) -> None:
    for path in (finished.folder / "runs").rglob("evidence.json"):
        evidence = Evidence.model_validate_json(path.read_text())
        verdict = decide(evidence, load_policy(name))
        assert not verdict.allowed
        assert "isolation/not-accepted" in {finding.rule for finding in verdict.findings}


def test_a_failed_case_is_replayed_in_it(kernelgate: Program, finished: Finished) -> None:
    run, case = json.loads(finished.done.stdout)["run"], finished.entries[WRONG.name]["case"]
    again = kernelgate("replay", run, case, "--sandbox", "embedded", cwd=finished.folder, **NO_ENGINE)
    assert again.returncode == 1, again.stderr


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def test_a_hostile_kernel_reaches_nothing_and_is_rejected_by_what_it_tried(
    kernelgate: Program, tmp_path: Path, policy: Path, listener: socket.socket
) -> None:
    canary, abstract = tmp_path / "canary", f"kernelgate-hostile-{os.getpid()}"
    canary.write_text("untouched")
    canary.chmod(0o666)
    source = HOSTILE.replace("@CANARY@", str(canary)).replace("@PORT@", str(listener.getsockname()[1]))
    call = "raise RuntimeError(', '.join(tries()))"
    (tmp_path / "hostile.py").write_text(
        candidate("import errno, socket\n" + source.replace("@ABSTRACT@", abstract), call)
    )
    with socket.socket(socket.AF_UNIX) as host:
        host.bind(f"\0{abstract}")
        host.listen()
        command = ("verify", "hostile.py", "--policy", str(policy), "--sandbox", "embedded", "--format", "json")
        done = kernelgate(*command, cwd=tmp_path, **NO_ENGINE)
    (finding,) = entries(done)["hostile.py"]["findings"]
    assert (finding["rule"], done.returncode) == ("properties/raised", 1)
    # The kill is sent and has no effect: process 1 of its namespace takes no signal from inside.
    said = (
        "RuntimeError: host ENOENT, usr EROFS, self (EROFS|EACCES), net EPERM, dns EPERM, "
        "abstract (ECONNREFUSED|EPERM), mem EACCES, kill done, killall ESRCH"
    )
    assert re.fullmatch(said, finding["message"]), finding["message"]
    assert canary.read_text() == "untouched"
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_a_kernel_that_kills_all_it_can_ends_only_itself(kernelgate: Program, tmp_path: Path, policy: Path) -> None:
    (tmp_path / "killer.py").write_text(candidate(at_call="os.kill(1, 9)\nos.kill(0, 9)"))
    (tmp_path / "right.py").write_text(candidate())
    command = ("verify", "killer.py", "right.py", "--policy", str(policy), "--sandbox", "embedded", "--format", "json")
    found = entries(kernelgate(*command, cwd=tmp_path, **NO_ENGINE))
    assert found["killer.py"]["findings"][0]["rule"] == "properties/crashed"
    assert found["right.py"]["tier"] == "functional"


def test_under_ci_the_same_right_kernel_is_inconclusive_and_the_finding_says_why(
    kernelgate: Program, tmp_path: Path
) -> None:
    policy = tmp_path / "short.yaml"
    policy.write_text(
        "extends: ci\nname: short\ncompile: {required_targets: [], informative_targets: []}\nproperties:\n"
        "  {pairwise_cases: 4, special_cases: 0, block_cases: 0, huge_cases: 0, random_cases: 0, targeted_cases: 0,\n"
        "  long_s: 0, controls: []}\n"
    )
    command = ("verify", str(RIGHT), "--policy", str(policy), "--sandbox", "embedded", "--format", "json")
    done = kernelgate(*command, cwd=tmp_path, **NO_ENGINE)
    entry = entries(done)[RIGHT.name]
    assert (done.returncode, entry["tier"]) == (3, "inconclusive")
    assert "isolation/not-accepted" in {finding["rule"] for finding in entry["findings"]}
    assert "policy 'short' accepts no evidence from the embedded sandbox" in done.stderr


def test_without_an_engine_dev_offers_the_embedded_sandbox_and_does_not_take_it_by_itself(
    kernelgate: Program, tmp_path: Path
) -> None:
    done = kernelgate("verify", str(RIGHT), "--policy", "dev", cwd=tmp_path, **NO_ENGINE)
    assert done.returncode == 3
    assert "--sandbox embedded" in done.stderr
    assert "which policy 'dev' accepts" in done.stderr
    assert (done.stdout, "Traceback" in done.stderr) == ("", False)
    runs = tmp_path / "runs"
    assert not [*runs.rglob("verdict.json")]


@pytest.mark.parametrize("policy_name", ["ci", "production"])
def test_without_an_engine_no_stronger_policy_offers_it(kernelgate: Program, tmp_path: Path, policy_name: str) -> None:
    done = kernelgate("verify", str(RIGHT), "--policy", policy_name, cwd=tmp_path, **NO_ENGINE)
    assert done.returncode == 3
    assert "embedded" not in done.stderr


def test_the_environment_may_ask_for_it(kernelgate: Program, tmp_path: Path, policy: Path) -> None:
    (tmp_path / "right.py").write_text(candidate())
    command = ("verify", "right.py", "--policy", str(policy), "--format", "json")
    done = kernelgate(*command, cwd=tmp_path, KERNELGATE_SANDBOX="embedded", **NO_ENGINE)
    assert (done.returncode, entries(done)["right.py"]["tier"]) == (0, "functional")


def test_a_sandbox_that_nobody_knows_is_a_wrong_setting(kernelgate: Program, tmp_path: Path) -> None:
    done = kernelgate("verify", str(RIGHT), cwd=tmp_path, KERNELGATE_SANDBOX="none")
    assert done.returncode == 2
    assert "KERNELGATE_SANDBOX is 'none'; docker or embedded is needed" in done.stderr


def test_where_neither_works_the_message_says_what_is_missing(kernelgate: Program, tmp_path: Path) -> None:
    """`unshare` is refused to whoever has no right to it: here by a limit of zero user namespaces."""
    command = ["verify", str(RIGHT), *EMBEDDED]
    done = in_a_place_without_user_namespaces(kernelgate, command, tmp_path)
    assert done.returncode == 3
    assert "namespaces can't be made or prepared on this machine (unshare: unshare failed:" in done.stderr
    assert "user.max_user_namespaces is 0" in done.stderr
    assert "Traceback" not in done.stderr


def in_a_place_without_user_namespaces(kernelgate: Program, command: list[str], cwd: Path) -> CompletedProcess[str]:
    """A user namespace may forbid more of them below it, without any right on the machine."""
    program = kernelgate("--help", cwd=cwd).args[0]
    script = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'
    return subprocess.run(
        ["unshare", "--user", "--map-root-user", "sh", "-c", script, "sh", str(program), *command],
        cwd=cwd,
        env=os.environ | NO_ENGINE,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )


def test_an_interrupt_leaves_no_process_and_no_group(
    start: Callable[..., Popen[str]], tmp_path: Path, policy: Path
) -> None:
    (tmp_path / "slow.py").write_text(candidate(at_call="time.sleep(3600)"))
    command = ("verify", "slow.py", "--policy", str(policy), "--sandbox", "embedded")
    gate = start(*command, cwd=tmp_path, KERNELGATE_WORKERS="1", **NO_ENGINE)
    wait_until(lambda: workers_of(gate.pid))
    gate.send_signal(signal.SIGINT)
    _, said = gate.communicate(timeout=60)
    assert gate.returncode == 3
    assert "interrupted" in said
    assert workers_of(gate.pid) == []
    groups = [*Path("/sys/fs/cgroup").rglob(f"kernelgate.{gate.pid}.*")]
    assert groups == []


def workers_of(owner: int) -> list[str]:
    """The programs in sandboxes that a process started: descendants that run the worker."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if b"runners.inside.worker" in line and owner in ancestors(int(entry.name)):
            found.append(entry.name)
    return found


def ancestors(pid: int) -> Iterator[int]:
    while pid > 1:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return
        yield pid


@pytest.fixture
def users_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="kernelgate-user-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def test_an_ordinary_user_verifies_without_an_engine(kernelgate: Program, users_folder: Path, policy: Path) -> None:
    (users_folder / "right.py").write_text(RIGHT.read_text())
    program = kernelgate("--help", cwd=users_folder).args[0]
    (users_folder / "lax.yaml").write_text(policy.read_text())
    command = [str(program), "verify", "right.py", "--policy", "lax.yaml", "--sandbox", "embedded", "--format", "json"]
    done = subprocess.run(
        as_ordinary_user(command, needs=[PROJECT]),
        cwd=users_folder,
        env=os.environ | NO_ENGINE | {"HOME": str(users_folder)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert entries(done)["right.py"]["tier"] == "functional"
