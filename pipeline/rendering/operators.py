"""How the operators that a candidate can implement look."""

from __future__ import annotations

import json
from collections.abc import Mapping

from rich.console import Console

from pipeline.rendering.fitted_table import FittedTable
from runners.operators import Operator


def print_operators(console: Console, operators: Mapping[str, Operator]) -> None:
    """Prints `operators` with their signatures."""
    table = FittedTable("operator", "signature", "meaning", "dtypes")
    for operator in operators.values():
        table.add_row(operator.name, _signature(operator), operator.summary, ", ".join(operator.dtypes))
    console.print(table)


def operators_as_json(operators: Mapping[str, Operator]) -> str:
    """Returns `operators` as a JSON document."""
    entries = [
        {
            "name": operator.name,
            "signature": _signature(operator),
            "summary": operator.summary,
            "dtypes": list(operator.dtypes),
            "forms": {form.name: {k: list(v) for k, v in form.shapes.items()} for form in operator.forms},
        }
        for operator in operators.values()
    ]
    return json.dumps({"schema_version": 1, "operators": entries}, indent=2) + "\n"


def _signature(operator: Operator) -> str:
    return f"{operator.name}({', '.join(given.name for given in operator.inputs)})"
