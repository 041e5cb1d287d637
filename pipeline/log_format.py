"""How stderr is written: text for people, or one JSON object a line for programs; chosen once a process.

A JSON line has `time` (UTC), `level`, `event` and `message`; `run` once there is one, and `candidate`, `check`, `tier`
and `rule` where it is about one. JSON escapes what a terminal would obey and every line end, so what a candidate's
author chose can forge neither a line nor a field. What libraries log goes the same way.
"""

from __future__ import annotations

import logging
import sys
from enum import StrEnum
from typing import Final, TextIO

from pipeline.errors import SdkUnavailable

LOG: Final = logging.getLogger("kernelgate")
PREFECT: Final = "prefect"
PREFECT_CONSOLE: Final = "PrefectConsoleHandler"  # imported nowhere here: Prefect takes seconds


class LogFormat(StrEnum):
    """What is written to stderr."""

    TEXT = "text"
    JSON = "json"


class JsonHandler(logging.StreamHandler[TextIO]):
    """Writes each record as a line to stderr."""

    def __init__(self, formatter: logging.Formatter) -> None:
        """Takes what makes JSON of a record."""
        super().__init__(sys.stderr)
        self.setFormatter(formatter)
        self.run: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Writes it, with the run that it belongs to."""
        if self.run is not None:
            record.run = self.run
        if not hasattr(record, "event"):
            record.event = "log"
        self.stream = sys.stderr  # whatever that is by now
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's own name
        """Where nobody reads stderr any more, nothing is written, and no run ends for that."""


def choose(chosen: LogFormat) -> None:
    """Makes stderr JSON, or text again.

    Raises:
        SdkUnavailable: python-json-logger is not installed.
    """
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, JsonHandler)]:
        root.removeHandler(handler)
    if chosen is LogFormat.JSON:
        root.addHandler(JsonHandler(_formatter()))


def json_handler() -> JsonHandler | None:
    """Returns what writes JSON; None where stderr is text."""
    return next((one for one in logging.getLogger().handlers if isinstance(one, JsonHandler)), None)


def name_run(run_id: str) -> None:
    """From now on each JSON line says that it belongs to this run."""
    handler = json_handler()
    if handler is not None:
        handler.run = run_id


def log_error(message: str, *, traceback: bool = False) -> bool:
    """Logs what ends a command, as JSON; False where stderr is text, and then nothing is written."""
    if json_handler() is None:
        return False
    LOG.error(message, exc_info=traceback, extra={"event": "error"})
    return True


def take_over_prefect() -> None:
    """Lets Prefect's own lines be JSON, too; for who has just imported it."""
    handler = json_handler()
    if handler is None:
        return
    for name in [PREFECT, *(name for name in logging.root.manager.loggerDict if name.startswith(f"{PREFECT}."))]:
        logger = logging.getLogger(name)
        for old in [one for one in logger.handlers if type(one).__name__ == PREFECT_CONSOLE]:
            logger.removeHandler(old)
            logger.addHandler(handler)


def _formatter() -> logging.Formatter:
    try:
        from pythonjsonlogger.json import JsonFormatter
    except ModuleNotFoundError as error:
        raise SdkUnavailable(
            f"logs as JSON need the package '{error.name}': pip install 'kernelgate[telemetry]'"
        ) from None
    return JsonFormatter(["levelname", "name", "message"], rename_fields={"levelname": "level", "name": "logger"},
                         timestamp="time")  # fmt: skip
