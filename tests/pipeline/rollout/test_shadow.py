"""The shadow's queue is bounded, its thread survives what a job raises, and it begins again in a fork."""

from __future__ import annotations

import logging
import os
import threading
import warnings

import pytest
import torch

from pipeline.rollout.shadow import Shadow


def test_what_finds_the_queue_full_is_dropped_and_nobody_waits() -> None:
    shadow, go_on, begun, done = Shadow(2), threading.Event(), threading.Event(), []

    def hold() -> None:
        begun.set()
        go_on.wait(60)

    assert shadow.offer(hold)
    assert begun.wait(60)
    assert [shadow.offer(lambda: done.append(1)) for _ in range(4)] == [True, True, False, False]
    assert shadow.is_full
    go_on.set()
    shadow.wait()
    assert (len(done), shadow.is_full) == (2, False)


def test_judging_takes_one_core_and_leaves_the_application_its_own() -> None:
    before, seen = torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        shadow = Shadow(1)
        assert shadow.offer(lambda: seen.append(torch.get_num_threads()))
        shadow.wait()
        later = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        later.start()
        later.join()
        assert seen == [1, 2]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_job_that_raises_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    shadow, done = Shadow(4), []
    with caplog.at_level(logging.ERROR, "kernelgate.rollout"):
        assert shadow.offer(lambda: 1 / 0)  # type: ignore[arg-type, return-value]
        assert shadow.offer(lambda: done.append(1))
        shadow.wait()
    assert done == [1]
    assert "a sampled call could not be judged" in caplog.text


def test_a_process_that_was_forked_has_a_thread_of_its_own() -> None:
    shadow = Shadow(4)
    shadow.offer(lambda: None)
    shadow.wait()
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that a process with threads forks, which is the point
        child = os.fork()
    if child == 0:
        shadow.offer(lambda: os.write(writer, b"done") and None)
        shadow.wait()
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == b"done"
    os.waitpid(child, 0)
