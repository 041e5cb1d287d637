"""Writes the pages of the reference: `python -m pipeline.reference_pages`, at the root of a checkout."""

from __future__ import annotations

from pathlib import Path

from pipeline.reference_pages.writing import write_pages

if __name__ == "__main__":
    write_pages(Path.cwd())
