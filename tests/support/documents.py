"""The documents of this project: every Markdown file that a person reads."""

from __future__ import annotations

from pathlib import Path

from pipeline.settings import PROJECT

AT_THE_ROOT = tuple(PROJECT / name for name in ("README.md", "CHANGELOG.md", "SECURITY.md"))
IN_DOCS = tuple(sorted((PROJECT / "docs").rglob("*.md")))
DOCUMENTS = (*AT_THE_ROOT, *IN_DOCS)
# Pages of rules are made of examples that are tested as rules (tests/policies/test_rule_pages.py); some do not parse.
NO_RULES = tuple(page for page in DOCUMENTS if page.parent.parent.name != "rules")


def name_of(page: Path) -> str:
    """Returns a page's path from the root of the repository."""
    return str(page.relative_to(PROJECT))
