"""Where the time of a candidate's measurement went, besides its checks, which say it themselves."""

from __future__ import annotations

from runners.record import Record


class Times(Record):
    """Seconds on the host's clock.

    Attributes:
        source_s: Reading the source against the static contract, perhaps before `total_s` began.
        origin_s: Comparing the text with references.
        waited_s: Waiting for a turn on the machine, in all; the checks' own times are without it.
        total_s: From the candidate's delivery to its evidence, waiting for a GPU included.
    """

    source_s: float
    origin_s: float
    waited_s: float
    total_s: float
