"""`interpreted/` runs in a process of its own (test_in_interpreter.py): triton decides at import if it interprets."""

from __future__ import annotations

import os

if os.environ.get("TRITON_INTERPRET") != "1":
    collect_ignore = ["interpreted"]
