"""What is wrong with a policy, as an exception; apart from the reading of one, which needs all that a policy speaks of.

Every command knows this error, also one that only shows its help: importing it must cost nothing.
"""

from __future__ import annotations


class PolicyError(Exception):
    """A policy file can't be used; the text says where and why."""
