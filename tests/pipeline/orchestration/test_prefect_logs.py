from __future__ import annotations

import logging

import pytest

from pipeline.orchestration.prefect_logs import SERVER_IS_GONE, NoEchoes, OneLine, ServerIsGone


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def logger(lines: list[str]) -> logging.Logger:
    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    made = logging.Logger("made")
    made.addHandler(Keep())
    return made


def test_an_exception_is_said_in_one_line(logger: logging.Logger, lines: list[str]) -> None:
    logger.addFilter(OneLine())
    try:
        raise OSError(28, "No space left on device")
    except OSError:
        logger.exception("committing %r", "key")
    logger.error("%s of %s", 1, 2)
    assert lines == ["committing 'key': [Errno 28] No space left on device", "1 of 2"]


def test_that_the_server_is_gone_is_said_once(logger: logging.Logger, lines: list[str]) -> None:
    logger.addFilter(ServerIsGone())
    for _ in range(3):
        logger.error("Service %r failed to process item %r", "EventsWorker", object())
    logger.error("something else")
    assert lines == [SERVER_IS_GONE, "something else"]


def test_tasks_of_a_stopped_run_say_nothing_and_others_what_became_of_them(
    logger: logging.Logger, lines: list[str]
) -> None:
    logger.addFilter(NoEchoes())
    logger.error("Crash detected! Execution was interrupted by an unexpected exception: %s", "_StoppedError: ")
    logger.error("Finished in state Pending()\nPlease wait for all submitted tasks to complete")
    logger.error("Finished in state Failed('no space')")
    assert lines == ["Finished in state Failed('no space')"]
