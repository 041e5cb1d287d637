"""How a prune of images looks: a row for each image of ours."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text

from pipeline.machine.disk_use import in_words
from pipeline.rendering.fitted_table import FittedTable
from pipeline.rendering.prune import STYLES, age_in_words, fate_in_words
from pipeline.retention.contract import Fate
from pipeline.retention.images import PrunedImages
from sandbox.printable import printable


def print_pruned_images(pruned: PrunedImages, console: Console) -> None:
    """Prints the table and what it came to."""
    now = datetime.now(UTC)
    if pruned.decided:
        table = FittedTable("image")
        for title in ("age", "its own"):
            table.add_column(title, justify="right", no_wrap=True)
        table.add_column("", no_wrap=True)
        table.add_column("why", overflow="fold")
        for one in pruned.decided:
            fate = Text(fate_in_words(one.fate, dry_run=pruned.dry_run), STYLES[one.fate])
            table.add_row(Text(one.name), age_in_words(one.image.built_at, now), in_words(one.image.own_bytes), fate,
                          Text(printable(one.why)))  # fmt: skip
        console.print(table)
        console.print()
    console.print(Text(_summary(pruned)))


def pruned_images_as_json(pruned: PrunedImages) -> str:
    """Returns it as a JSON document, with an entry for each image."""
    document = {
        "schema_version": 1,
        "dry_run": pruned.dry_run,
        "interrupted": pruned.interrupted,
        "images": [
            {
                "name": one.name,
                "id": one.image.id,
                "built_at": one.image.built_at.isoformat(),
                "own_bytes": one.image.own_bytes,
                "fate": one.fate.value,
                "why": one.why,
            }
            for one in pruned.decided
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _summary(pruned: PrunedImages) -> str:
    gone = [one for one in pruned.decided if one.fate in (Fate.GOES, Fate.WENT)]
    failed = sum(one.fate is Fate.FAILED for one in pruned.decided)
    own = in_words(sum(one.image.own_bytes for one in gone))
    said = f"{len(gone)} {'would go' if pruned.dry_run else 'went'}, {len(pruned.decided) - len(gone)} stay"
    said += f"; {own} was theirs alone, and layers that several had go with the last of them" if gone else ""
    said += f"; {failed} could not be removed" if failed else ""
    return f"interrupted: {said}" if pruned.interrupted else said
