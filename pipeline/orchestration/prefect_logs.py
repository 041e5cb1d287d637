"""What Prefect's library prints while a flow runs, made brief: what happened, once, and no traceback.

A person who reads the log of a run needs to know that a result was not stored, or that the server is gone; Prefect says
the first with thirty lines and the second with two long ones a task. Everything else passes.
"""

from __future__ import annotations

import logging
from typing import Final

from pipeline.log_format import take_over_prefect

SERVER_IS_GONE: Final = (
    "Prefect's server does not answer. The run goes on without it: verdicts and stored evidence need no server, "
    "its pages will lack what happens from here on."
)
STOPPED: Final = ("_StoppedError", "Finished in state Pending")
COMPLAINTS: Final = ("Service %r failed to process", "Unable to connect to")


class OneLine(logging.Filter):
    """An exception is named behind the message; its traceback says nothing about what to do."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Passes every record on."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            record.msg, record.args = f"{record.getMessage().strip()}: {error}", None
            record.exc_info, record.exc_text = None, None
        return True


class NoEchoes(logging.Filter):
    """A run that is stopped says so once; each task that was in play would say it twice, with advice on top."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Passes whatever is no echo."""
        return not any(word in record.getMessage() for word in STOPPED)


class ServerIsGone(logging.Filter):
    """The first complaint about the server becomes one that can be understood; the others are dropped."""

    def __init__(self) -> None:
        super().__init__()
        self._said = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Passes the first complaint, with other words, and whatever is none."""
        if not record.msg.startswith(COMPLAINTS):
            return True
        first, self._said = not self._said, True
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg, record.args, record.exc_info = SERVER_IS_GONE, None, None
        return first


def make_brief() -> None:
    """Attaches the filters; once a process. Where logs are JSON, Prefect's are, too."""
    take_over_prefect()
    logging.getLogger("prefect.task_runs").addFilter(NoEchoes())
    logging.getLogger("prefect.task_runs").addFilter(OneLine())
    logging.getLogger("prefect.flow_runs").addFilter(OneLine())
    gone = ServerIsGone()
    # The client that sends events, and the service that feeds it.
    logging.getLogger("prefect.events.clients").addFilter(gone)
    logging.getLogger("prefect._internal.concurrency").addFilter(gone)
    logging.raiseExceptions = False  # a log record that the server did not take is not worth a line either
