"""A labelled corpus as its files say it: labels, folders, and which mutants are equivalent. Nothing is measured here.

May import what lies directly in `pipeline`, and none of its packages.
"""
