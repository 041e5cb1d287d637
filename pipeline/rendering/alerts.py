"""How the alerts on Prefect's server look in a terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.text import Text

from pipeline.orchestration.prefect_alerts import Alert
from pipeline.rendering.fitted_table import FittedTable
from sandbox.printable import printable


def print_alerts(made: Sequence[Alert], console: Console) -> None:
    """Prints which there are, when each is told, and to whom."""
    table = FittedTable("alert", "when", "told", "on")
    for one in made:
        table.add_row(Text(one.name), Text(one.when), Text(printable(one.tells)), Text("yes" if one.enabled else "no"))
    console.print(table)


def alerts_as_json(made: Sequence[Alert]) -> str:
    """Returns the alerts as a JSON document."""
    return json.dumps({"schema_version": 1, "alerts": [asdict(one) for one in made]}, indent=2) + "\n"
