"""`interpreted/` runs in a process of its own (test_interpreter.py): triton decides at import whether it interprets."""

import os

if os.environ.get("TRITON_INTERPRET") != "1":
    collect_ignore = ["interpreted"]
