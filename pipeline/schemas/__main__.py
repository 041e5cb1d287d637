"""Writes the schemas: `python -m pipeline.schemas`, at the root of a checkout."""

from __future__ import annotations

from pathlib import Path

from pipeline.schemas.documents import write_schemas

if __name__ == "__main__":
    write_schemas(Path.cwd())
