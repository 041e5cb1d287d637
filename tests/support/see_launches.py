"""Run with TRITON_INTERPRET=1: interprets the sources on stdin, and prints for what each would be compiled.

stdin is a JSON object {name: [source, line]}; the line of code runs in the loaded module. stdout is
{name: [specialisation, …]}: also of a launch that the interpreter refuses, too.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path

import torch

from runners.inside import candidate_unsafe, interpreter
from runners.inside.interpreter.specialisation import SEEN
from runners.wire import Conditions

assert os.environ.get("TRITON_INTERPRET") == "1"

CONDITIONS = Conditions(fresh_byte=0, order_seed=None, choice_seed=0, undefined_lanes=False)


def seen(source: str, line: str) -> list[object]:
    """What the launches of one candidate would be compiled for."""
    SEEN.forget()
    loaded = candidate_unsafe.load(memoryview(source.encode()), "torch")
    assert loaded is torch, loaded
    with interpreter.observe(CONDITIONS), suppress(Exception):
        exec(line, vars(sys.modules["candidate"]))
    return [json.loads(one.model_dump_json()) for one in SEEN.unsent()]


def main() -> None:
    """Answers for every source."""
    candidate_unsafe.FILE = Path(sys.argv[1])  # type: ignore[misc]  # in a container it is the only one
    assert interpreter.install()
    torch.set_num_threads(1)
    answers = {name: seen(source, line) for name, (source, line) in json.load(sys.stdin).items()}
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
