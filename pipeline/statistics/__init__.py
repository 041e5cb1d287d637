"""Intervals and ratios over counts and times: pure, each formula with its source.

Imports nothing of this project.
"""
