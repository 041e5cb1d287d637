"""Mechanical mutants of a candidate: how much would this test have noticed?

A mutant is the candidate's own source with one small change of the kind that a model makes: a bound off by one, a mask
or a cast dropped, two arguments swapped, a statement lost. The very check that passed the candidate is made of each
mutant, in runners of its own. A mutant that it fails is killed; the share of killed mutants says how strong the test
is on this source, and the survivors, as diffs, say where it is blind.

A survivor may be equivalent: another text with the same results (a tile visited that holds nothing, a neutral element
that a later mask discards). No program can tell in general, so nothing here tries: what is equivalent by construction
is not generated (see the modules), and what survives is shown to a person.

| module        | decision                                                        |
|---------------|-----------------------------------------------------------------|
| `edits`       | an edit is a piece of the source's bytes and what replaces it     |
| `places`      | which code is worth changing                                     |
| `expressions` | operators, constants, casts, names                               |
| `calls`       | masks, neutral elements, functions, arguments, launches          |
| `statements`  | lost statements, branches, loops                                 |
| `enumeration` | all mutants of a source in a fixed order; a sample by a seed      |
| `check`       | the mutants of one candidate, run                                |
"""

from __future__ import annotations

from runners.mutants.check import MutantRun, MutantsCheck, MutantsEffort
from runners.mutants.edits import Mutant
from runners.mutants.enumeration import are_one_program, mutants_of, named_mutants, shuffled_mutants

__all__ = [
    "Mutant",
    "MutantRun",
    "MutantsCheck",
    "MutantsEffort",
    "are_one_program",
    "mutants_of",
    "named_mutants",
    "shuffled_mutants",
]
