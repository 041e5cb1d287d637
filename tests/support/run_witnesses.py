"""Runs one case of each kernel, interpreted: a program, because triton decides at import whether it interprets.

`python run_witnesses.py FOLDER` reads a JSON object a line, `{"case": …, "files": […]}`, and answers each with a line:
a list that says, for each file in turn, "agreed", the rule that the failure breaks, or in brackets why neither is
known. Each file runs in a fork, which a crash ends alone; FOLDER is for their sources. Only for this project's kernels.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

os.environ["TRITON_INTERPRET"] = "1"

import torch

from policies.decide import finding_of
from runners import wire
from runners.candidate import Candidate, read_candidate
from runners.cases import Case
from runners.conversation import on_wire, results_of
from runners.evidence import UnsupportedCase
from runners.examine import Agreed, conditions_for, examine
from runners.inside import candidate_unsafe, interpreter
from runners.inside.warmup import launch_once
from runners.materialise import ArgumentValue, TensorValue, materialise
from runners.operators import OPERATORS
from runners.oracle import Expected, expect

DEADLINE_S: Final = 60
OUTPUT_ROOM_BYTES: Final = 1 << 16


def main() -> None:
    """Answers every line of stdin."""
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    assert interpreter.install()
    launch_once()
    gc.freeze()
    for line in sys.stdin:
        asked = json.loads(line)
        case = Case.model_validate(asked["case"])
        operator = OPERATORS[case.operator]
        arguments = materialise(operator, case)
        expected = expect(operator, case.dtype, arguments)
        said = [_in_fork(Path(file), folder, case, arguments, expected) for file in asked["files"]]
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()  # a fork must not inherit a line that it would write again


def _in_fork(
    file: Path, folder: Path, case: Case, arguments: Sequence[ArgumentValue], expected: Sequence[Expected]
) -> str:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _child(writing, file, folder, case, arguments, expected)
    os.close(writing)
    with os.fdopen(reading) as answers:
        said = answers.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code == -signal.SIGALRM:
        return f"(not done within {DEADLINE_S} s)"
    return "properties/crashed" if code < 0 else said or f"(exit status {code})"


def _child(
    answers: int,
    file: Path,
    folder: Path,
    case: Case,
    arguments: Sequence[ArgumentValue],
    expected: Sequence[Expected],
) -> NoReturn:
    signal.alarm(DEADLINE_S)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    candidate_unsafe.FILE = folder / f"{os.getpid()}.py"
    status = 1
    try:
        os.write(answers, _said(file, case, arguments, expected).encode())
        status = 0
    finally:
        os._exit(status)


def _said(file: Path, case: Case, arguments: Sequence[ArgumentValue], expected: Sequence[Expected]) -> str:
    candidate = read_candidate(file)
    assert isinstance(candidate, Candidate), candidate
    entry = candidate_unsafe.load(memoryview(candidate.source), candidate.entry)
    if isinstance(entry, wire.Message):
        return f"(not loaded: {entry})"
    request = wire.RunRequest(
        arguments=tuple(on_wire(argument) for argument in arguments),
        conditions=conditions_for(case),
        output_cap_bytes=sum(want.bytes for want in expected) + OUTPUT_ROOM_BYTES,
    )
    given = [memoryview(bytes(a.base_bytes)) for a in arguments if isinstance(a, TensorValue)]
    ran, buffers = candidate_unsafe.call(entry, request, given)
    result = examine(case, arguments, expected, results_of(ran.calls, list(buffers)))
    match result:
        case Agreed():
            return "agreed"
        case UnsupportedCase(reason=reason):
            return f"(unsupported: {reason})"
    return finding_of(result).rule


if __name__ == "__main__":
    main()
