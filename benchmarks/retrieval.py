"""How often the right reference is among the first three, for names that models invent or misspell.

    python benchmarks/retrieval.py

The names are data (benchmarks/api_names.toml), with the references that are right for each. The list of what other
libraries call things is part of the index, and who made it knew the first hundred names; so the same is measured
without it, for the names that do not stand in it, and for names that were written down when the index was done.
"""

from __future__ import annotations

import dataclasses
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pipeline.generation.knowledge.index import Index
from pipeline.generation.knowledge.installed import installed_references, other_names

NAMES: Final = Path(__file__).with_name("api_names.toml")
AFTERWARDS: Final = "afterwards"
FIRST: Final = 3

Wanted = Mapping[str, list[str]]


def found(index: Index, wanted: Wanted) -> dict[str, bool]:
    """Returns for each name whether a right reference is among the first three."""
    answers = {name: [one.name for one in index.by_name(name, FIRST)] for name in wanted}
    return {name: bool(set(wanted[name]) & set(answer)) for name, answer in answers.items()}


def show(title: str, results: Mapping[str, bool]) -> None:
    """Prints a line of the table, and the names that were not found."""
    missed = ", ".join(name for name, is_found in results.items() if not is_found)
    print(f"{title:<58} {sum(results.values()):>3} of {len(results):>3}  {missed}")


def main() -> None:
    """Measures and prints."""
    groups: dict[str, Wanted] = tomllib.loads(NAMES.read_text(encoding="utf-8"))
    hundred = {name: right for group, names in groups.items() if group != AFTERWARDS for name, right in names.items()}
    references = installed_references()
    started = time.perf_counter()
    index = Index(references)
    built_ms = (time.perf_counter() - started) * 1e3
    plain = Index([dataclasses.replace(one, elsewhere=()) for one in references])
    listed = {other for others in other_names().values() for other in others}
    started = time.perf_counter()
    results = found(index, hundred)
    each_ms = (time.perf_counter() - started) * 1e3 / len(hundred)
    show("the hundred names", results)
    for group, names in groups.items():
        if group != AFTERWARDS:
            show(f"  {group.replace('_', ' ')}", {name: results[name] for name in names})
    show("  that do not stand in the list of other libraries' names",
         {name: is_found for name, is_found in results.items() if name.rpartition(".")[2] not in listed})  # fmt: skip
    show("the hundred without that list", found(plain, hundred))
    show("names written afterwards", found(index, groups[AFTERWARDS]))
    show("names written afterwards, without that list", found(plain, groups[AFTERWARDS]))
    print(
        f"{len(references)} references, built in {built_ms:.0f} ms, {each_ms:.1f} ms a name; digest {index.digest[:12]}"
    )


if __name__ == "__main__":
    main()
