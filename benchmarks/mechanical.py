"""Writes the mechanical part of the corpus: mutants that a witness case proves wrong.

`python benchmarks/mechanical.py OPERATOR…` goes through the right kernels of tests/kernels/OPERATOR (all operators
where none is named) and takes a few mutants of each: those whose kind is the rarest so far come first, never two of
one line. A mutant is taken if the static contract lets it through and the properties check kills it under two
seeds by what it computed or touched: wrong values, an access that no right kernel makes, results that depend on the
order. One that raises, hangs or returns another form is left to the hand-written kernels.

A taken mutant becomes `mutant_<right kernel>_<nn>.py`, and its label names the rules that were seen and the smallest
failing case as `witness`; tests/test_witnesses.py shows that the case tells the mutant from its source. The mutants of
an operator that has some already are left as they are. Printed are the fates, and survivors as diffs.

The kind is guessed from the place and the change; it only serves to spread the sample and to name the class.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import statistics
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from pathlib import Path
from typing import Final

from forked import ForkedWorker, warm_up  # first: it says that triton is to interpret

from pipeline.gate.judging import effort_of
from policies.decide import finding_of
from policies.policy import load_policy
from runners.candidate import Candidate, read_candidate
from runners.cases import Case
from runners.contract.reading import read_source
from runners.conversation import Runner
from runners.evidence import AccessFault, PropertiesEvidence, ResultsDiffer, WrongValues
from runners.mutants import Mutant, shuffled_mutants
from runners.mutants.check import as_candidate
from runners.properties import PropertiesCheck
from runners.session import Deadlines
from runners.specialisation import Specialisation

KERNELS: Final = Path(__file__).parents[1] / "tests" / "kernels"
SEEDS: Final = 2
POOL: Final = 80  # so many mutants of a kernel are looked at
POLICY: Final = load_policy("ci")
EFFORT: Final = replace(
    effort_of(POLICY), controls=False, total_s=60.0, deadlines=Deadlines(load_s=20.0, case_s=8.0)
)  # fmt: skip
VALUES: Final = ("properties/wrong-values", "properties/nonfinite")  # which of them decides depends on the draw
_BY_NAME: Final = (
    (r"mask dropped", "mask"), (r"other dropped|inf to|nan to|turn skipped|(max|min|sum) to", "reduction"),
    (r"atomic", "race"), (r"zeros(_like)? to empty", "uninitialised"), (r"input_precision|allow_tf32", "precision"),
    (r"float\d+ to|int\d+ to|cast dropped", "dtype"), (r"cdiv", "launch"), (r"axes swapped", "broadcast"),
    (r"contiguous|stride|\bs[a-z]{1,3} to s", "stride"),
)  # fmt: skip
_ADDRESS: Final = re.compile(r"program_id|arange|_ptr|ptrs?\b|offs|start|index|num_programs")


@dataclass(slots=True)
class Sample:
    """What was taken so far, and what became of all that were tried."""

    seed: int
    kinds: Counter[str] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)
    fates: Counter[str] = field(default_factory=Counter)
    first_kills: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Possible:
    """A mutant that may be taken."""

    mutant: Mutant
    kind: str
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class Taken:
    """A mutant that every seed killed."""

    source: Path
    mutant: Mutant
    kind: str
    rules: tuple[str, ...]
    witness: Case
    seen: tuple[Specialisation, ...]


def main() -> int:
    """Writes the mutants; 0 when every operator got as many as were asked for."""
    asked = _arguments()
    warm_up()
    names = asked.operators or sorted(path.parent.name for path in KERNELS.glob("*/right_*.py"))
    sample = Sample(asked.seed)
    short = False
    for name in dict.fromkeys(names):
        folder = KERNELS / name
        if any(folder.glob("mutant_*.py")):
            continue
        taken = list(_take(folder, asked.count, asked.tries, sample))
        _write(folder, taken, asked.seen)
        short |= len(taken) < asked.count
        print(f"{name}: {len(taken)} taken; so far {dict(sample.fates)}, {dict(sample.kinds)}", flush=True)
    if sample.first_kills:
        ordered = sorted(sample.first_kills)
        p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
        print(f"first kill: case {statistics.median(ordered):g} (median), {p99} (p99), {ordered[-1]} (largest)")
    return int(short)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("operators", nargs="*", help="folders of tests/kernels; all by default")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=5, help="so many mutants of each operator")
    parser.add_argument("--tries", type=int, default=12, help="at most so many are run for it")
    parser.add_argument("--seen", type=Path, help="write here what each mutant would be compiled for")
    return parser.parse_args()


def _take(folder: Path, count: int, tries: int, sample: Sample) -> Iterator[Taken]:
    left = {path: _pool(_readable(path), sample.seed) for path in sorted(folder.glob("right_*.py"))}
    here = Counter[str]()
    tried = 0
    for path in islice(cycle(left), 8 * tries):
        if not left[path] or tried == tries or here.total() == count:
            continue
        first = min(left[path], key=lambda one: _rank(one, here, sample))
        left[path].remove(first)
        if read_source(first.candidate, POLICY.source.allowance):
            continue
        tried += 1
        left[path] = [other for other in left[path] if other.mutant.line != first.mutant.line]
        found = _killed(path, first, sample)
        if found is not None:
            here[found.kind] += 1
            sample.kinds[found.kind] += 1
            sample.names[found.mutant.name] += 1
            yield found


def _rank(one: Possible, here: Counter[str], sample: Sample) -> tuple[bool, int, int, int]:
    """Rarest first; a lost cast last, because what it meets is mostly of the wider type, and converts it."""
    name = one.mutant.name
    return name == "cast dropped", here[one.kind], sample.kinds[one.kind], sample.names[name]


def _pool(candidate: Candidate, seed: int) -> list[Possible]:
    tree = ast.parse(candidate.text)
    mutants = islice(shuffled_mutants(candidate.text, candidate.entry, seed), POOL)
    return [
        Possible(mutant, kind_of(tree, mutant), as_candidate(candidate, mutant))
        for mutant in mutants
        if not _pointless(tree, mutant)
    ]


def _readable(path: Path) -> Candidate:
    candidate = read_candidate(path)
    assert isinstance(candidate, Candidate), candidate
    return candidate


def _killed(path: Path, possible: Possible, sample: Sample) -> Taken | None:
    mutant, rules = possible.mutant, dict[str, None]()
    witness, seen = None, ()
    for number in range(SEEDS):
        effort = replace(EFFORT, reduces=number == 0)
        seed = sample.seed + 1000 * number
        check = PropertiesCheck(possible.candidate, lambda: Runner(ForkedWorker()), effort, seed)
        evidence = check.run()
        fate = _fate(evidence)
        if number == 0:
            sample.fates[fate] += 1
            if evidence.failed_at is not None:
                sample.first_kills.append(evidence.failed_at)
        if fate in ("survived", "inconclusive"):
            print(
                f"  {fate} under seed {number}: {path.parent.name}/{path.name} {mutant.id}\n{mutant.diff}", flush=True
            )
        if not isinstance(evidence.failure, WrongValues | AccessFault | ResultsDiffer):
            return None
        rules[finding_of(evidence.failure).rule] = None
        if number == 0:
            witness, seen = evidence.failure.case, check.specialisations
    assert witness is not None
    if rules.keys() & set(VALUES):
        rules.update(dict.fromkeys(VALUES))
    return Taken(path, mutant, possible.kind, tuple(rules), witness, seen)


def _fate(evidence: PropertiesEvidence) -> str:
    if evidence.failure is not None:
        return f"killed: {evidence.failure.kind}"
    unfinished = evidence.unsupported is not None or evidence.deadline_spent
    return "inconclusive" if unfinished else "survived"


def kind_of(tree: ast.Module, mutant: Mutant) -> str:
    """Returns the class that a mutant is filed under, in the words of the corpus' labels."""
    for pattern, kind in _BY_NAME:
        if re.search(pattern, mutant.name):
            return kind
    function, statement = _around(tree, mutant)
    written = ast.unparse(statement)
    if mutant.name == "statement dropped":
        return "uninitialised" if "store" in written else "index" if _ADDRESS.search(written) else "formula"
    if not any("jit" in ast.dump(decorator) for decorator in function.decorator_list):
        return "launch"
    names = ast.unparse(statement.targets[0]) if isinstance(statement, ast.Assign) else ""
    if re.search(r"mask|keep|inside|valid|live|<|&", names + written.partition("=")[2]) and "where" not in written:
        return "mask"
    return "index" if _ADDRESS.search(written) else "formula"


def _pointless(tree: ast.Module, mutant: Mutant) -> bool:
    """A lost cast of what is stored (tl.store converts, too), or a start value of a type that no loop goes on with."""
    written = ast.unparse(_around(tree, mutant)[1])
    lost = mutant.name == "cast dropped" and "element_ty" in mutant.diff and "store(" in written
    return lost or (mutant.name == "float32 to float16" and re.search(r"= tl\.(zeros|full)\(", written) is not None)


def _around(tree: ast.Module, mutant: Mutant) -> tuple[ast.FunctionDef, ast.stmt]:
    """The function and the statement that the mutant changes; the whole module has no function of constants."""
    spans = [n for n in ast.walk(tree) if isinstance(n, ast.stmt) and n.lineno <= mutant.line <= (n.end_lineno or 0)]
    functions = [n for n in spans if isinstance(n, ast.FunctionDef)]
    nobody = ast.FunctionDef(name="", args=ast.arguments(), body=[], decorator_list=[])
    return (functions[-1] if functions else nobody), min(spans, key=lambda n: (n.end_lineno or 0) - n.lineno)


def _write(folder: Path, taken: list[Taken], seen: Path | None) -> None:
    entries = []
    for number, one in enumerate(taken, 1):
        name = f"mutant_{one.source.stem.removeprefix('right_')}_{number:02d}.py"
        (folder / name).write_bytes(one.mutant.source)
        rules = ", ".join(f'"{rule}"' for rule in one.rules)
        witness = one.witness.model_dump_json(exclude_none=True)
        entries.append(
            f'["{name}"]\nlabel = "wrong"\noperator = "{folder.name}"\nclass = "{one.kind}"\n'
            f"finding = [{rules}]\nwitness = '{witness}'\n"
        )
        if seen is not None:
            with seen.open("a") as file:
                said = [json.loads(s.model_dump_json()) for s in one.seen]
                file.write(json.dumps({"file": str(folder / name), "mutant": one.mutant.id, "seen": said}) + "\n")
    with (folder / "labels.toml").open("a", encoding="utf-8") as file:
        file.write("".join(f"\n{entry}" for entry in entries))


if __name__ == "__main__":
    sys.exit(main())
