"""How much of kernels that are no copies looks like one, and which copies do not.

    python benchmarks/copies.py

The set of references is the right kernels of tests/kernels, then the kernels of liger-kernel (which the tests install),
then those of FlagGems in tests/kernels/flag_gems (whose host functions are ours). The three were written by different
people. Kernels of one's own corpus are alike because one author wrote them, so they say nothing about independent
ones, and are shown apart.

Copies are made mechanically (tests/support/disguises.py), and by one change of the code (`mutant_*`, each of a
`right_*`). A half is a kernel behind another one of about its length, from a file of FlagGems.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from disguises import DISGUISES, right_kernels  # noqa: E402

from policies.policy import load_policy  # noqa: E402
from runners.origin.comparing import origin_of  # noqa: E402
from runners.origin.evidence import ComparisonEvidence, OriginEvidence  # noqa: E402
from runners.origin.references import ReferenceSet, read_set  # noqa: E402
from runners.origin.tokens import tokens_of  # noqa: E402

KERNELS: Final = ROOT / "tests" / "kernels"
RULES: Final = load_policy("ci").origin
Texts = Mapping[str, str]


def compared(text: str, references: ReferenceSet) -> ComparisonEvidence:
    """Returns the comparison of a text that parses."""
    origin = origin_of(text, references)
    assert isinstance(origin, OriginEvidence)
    assert isinstance(origin.comparison, ComparisonEvidence)
    return origin.comparison


def share(text: str, references: ReferenceSet, allowed: Callable[[str], bool] = lambda path: True) -> float:
    """Returns the largest share that counts under the default rules, of references that are allowed."""
    shares = (
        file.share
        for file in compared(text, references).files
        if file.fingerprints >= RULES.least_fingerprints and allowed(file.path)
    )
    return max(shares, default=0.0)


def show(title: str, shares: Sequence[float]) -> None:
    """Prints a line of the table."""
    ordered = sorted(shares)
    copies = sum(one > RULES.max_share for one in ordered)
    quantiles = " ".join(f"{ordered[round(q * (len(ordered) - 1))]:5.2f}" for q in (0, 0.01, 0.05, 0.5, 0.95, 0.99, 1))
    print(f"{title:<52} {copies:>4} of {len(ordered):>4}   {quantiles}")


def texts_below(folder: Path) -> Texts:
    """Returns the texts of the Python files of a folder."""
    return {str(path): path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py"))}


def made(texts: Texts) -> ReferenceSet:
    """Returns the set of these files."""
    return read_set({path: text.encode() for path, text in texts.items()})


def independent(groups: Mapping[str, Texts], sets: Mapping[str, ReferenceSet]) -> None:
    """Prints what kernels share with those of other authors."""
    for name, texts in groups.items():
        for other, references in sets.items():
            if name != other:
                show(f"{name}, compared with {other}", [share(text, references) for text in texts.values()])


def of_one_author(own: Texts, references: ReferenceSet) -> None:
    """Prints what kernels of one author share."""

    def operator(path: str) -> str:
        return Path(path).parent.name

    same = [share(text, references, lambda p, at=path: p != at and operator(p) == operator(at))  # type: ignore[misc]
            for path, text in own.items()]  # fmt: skip
    others = [share(text, references, lambda p, at=path: operator(p) != operator(at))  # type: ignore[misc]
              for path, text in own.items()]  # fmt: skip
    show("one author, another kernel of the same operator", same)
    show("one author, a kernel of another operator", others)


def copies(own: Texts, foreign: Texts, references: ReferenceSet) -> None:
    """Prints what is found of copies."""
    for disguise, change in DISGUISES.items():
        shares = [share(change(text), references, path.__eq__) for path, text in own.items()]
        show(f"copied, {disguise}", shares)
    lengths = {text: len(tokens_of(text)) for text in foreign.values()}
    halves = []
    for path, text in own.items():
        length = len(tokens_of(text))
        beside = min(lengths, key=lambda one: abs(lengths[one] - length))
        halves.append(share(DISGUISES["all of these"](f"{beside}\n\n{text}"), references, path.__eq__))
    show("half of it copied, all of these", halves)
    changed = {path: text for path, text in texts_below(KERNELS).items() if Path(path).name.startswith("mutant_")}
    sources = {path: Path(path).parent / f"right_{'_'.join(Path(path).stem.split('_')[1:-1])}.py" for path in changed}
    found = {path: str(source) for path, source in sources.items() if str(source) in own}
    show("one change of the code (mutants)", [share(changed[at], references, found[at].__eq__) for at in found])
    again = DISGUISES["all of these"]
    show("one change, all of these", [share(again(changed[at]), references, found[at].__eq__) for at in found])


def main() -> None:
    """Measures and prints."""
    own = {str(path): path.read_text(encoding="utf-8") for path in right_kernels(KERNELS)}
    groups = {"ours": own, "FlagGems": texts_below(KERNELS / "flag_gems")}
    spec = find_spec("liger_kernel")
    if spec is not None and spec.submodule_search_locations:
        whole = Path(next(iter(spec.submodule_search_locations))) / "ops"
        groups["Liger"] = {str(path): path.read_text(encoding="utf-8") for path in sorted(whole.glob("*.py"))}
    began = time.perf_counter()
    sets = {name: made(texts) for name, texts in groups.items()}
    files, size_mib = sum(map(len, groups.values())), sum(len(t) for g in groups.values() for t in g.values()) / 2**20
    print(f"{files} references of {size_mib:.2f} MiB read in {time.perf_counter() - began:.1f} s")
    print(f"{'':<52} {'denied':>12}   share: least, 1 %, 5 %, median, 95 %, 99 %, most")
    independent(groups, sets)
    of_one_author(own, sets["ours"])
    copies(own, groups["FlagGems"], sets["ours"])
    began = time.perf_counter()
    for text in own.values():
        origin_of(text, sets["ours"])
    print(f"compared in {(time.perf_counter() - began) * 1e3 / len(own):.1f} ms each")


if __name__ == "__main__":
    main()
