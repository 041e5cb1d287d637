"""Writes the pages of the rules, at the root of a checkout; what is no page goes.

python -m pipeline.reference_pages.rules
"""

from __future__ import annotations

from pathlib import Path

from policies.rule_pages import pages
from policies.rules import PAGES


def write_pages(root: Path) -> int:
    """Writes every page below `root`, removes those of rules that are no more, and returns how many there are."""
    texts = pages()
    for old in (root / PAGES).rglob("*.md"):
        if str(old.relative_to(root)) not in texts:
            old.unlink()
    for name, text in texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return len(texts)


if __name__ == "__main__":
    write_pages(Path.cwd())
