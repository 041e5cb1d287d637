"""Prints what the attack suite expects, family by family: what stops the attacks, and as what they are noticed.

`python tests/support/attack_table.py`; that the expectations hold is what tests/attacks/ tests.
"""

from __future__ import annotations

import sys
from collections import Counter

from attack_folders import Attack, read_attacks


def rows(attacks: tuple[Attack, ...]) -> list[str]:
    """Returns a line for each family."""
    families = sorted({attack.family for attack in attacks})
    return [_row(family, [attack for attack in attacks if attack.family == family]) for family in families]


def _row(family: str, attacks: list[Attack]) -> str:
    layers = Counter(attack.stopped_by for attack in attacks)
    running = [attack for attack in attacks if attack.behind is not None]
    source = Counter(attack.contract[0] for attack in attacks)
    behind = Counter(attack.behind[0] for attack in attacks if attack.behind is not None)
    alike = sum(attack.honest is not None for attack in attacks)
    cells = (family, len(attacks), len(running), alike, _counted(layers), _counted(source), _counted(behind))
    return "| " + " | ".join(map(str, cells)) + " |"


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counter.most_common()) or "-"


def main() -> None:
    """Prints the table and the sums."""
    attacks = read_attacks()
    head = "| family | tried | run | look-alikes | stopped by | named from its source | named when it ran |"
    running = sum(attack.behind is not None for attack in attacks)
    alike = sum(attack.honest is not None for attack in attacks)
    sums = f"{len(attacks)} attacks, {running} of them run with the contract waived; {alike} look-alikes"
    sys.stdout.write("\n".join((head, "|---" * 7 + "|", *rows(attacks), "", sums, "")))


if __name__ == "__main__":
    main()
