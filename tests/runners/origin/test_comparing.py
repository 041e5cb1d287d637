"""Copies are found under every disguise, with their lines; independent kernels of the same operator are not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from disguises import DISGUISES

from policies.policy import load_policy
from runners.candidate import SOURCE_CAP_BYTES
from runners.evidence import Missing
from runners.origin.comparing import FILES_TOLD, LINES_TOLD, origin_of
from runners.origin.evidence import ComparisonEvidence, LicenceExpression, OriginEvidence
from runners.origin.references import ReferenceSet, read_set

KERNELS = Path(__file__).parents[2] / "kernels"
RULES = load_policy("ci").origin
# Of FlagGems' authors; the candidates below are ours.
FOREIGN = {
    name: (KERNELS / "flag_gems" / f"{name}.py").read_text()
    for name in ("softmax", "softmax_looped", "layer_norm", "layer_norm_loop", "cross_entropy", "matmul", "conv2d",
                 "rope", "argmax", "attention")
}  # fmt: skip
COPIED = FOREIGN["softmax"]
MIT = "# SPDX-License-Identifier: MIT\n"  # in two parts, so that this file declares nothing
SET = read_set({f"theirs/{name}.py": text.encode() for name, text in FOREIGN.items()})


def compared(text: str, references: ReferenceSet = SET) -> ComparisonEvidence:
    origin = origin_of(text, references)
    assert isinstance(origin, OriginEvidence)
    assert isinstance(origin.comparison, ComparisonEvidence)
    return origin.comparison


def is_copy(comparison: ComparisonEvidence) -> bool:
    return any(
        file.share > RULES.max_share and file.fingerprints >= RULES.least_fingerprints for file in comparison.files
    )


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_copy_is_found_under_every_disguise(disguise: str) -> None:
    found = compared(DISGUISES[disguise](COPIED))
    assert is_copy(found)
    assert (found.files[0].path, found.files[0].share) == ("theirs/softmax.py", 1.0)


@pytest.mark.parametrize("beside", ["sum/right_two_stage.py", "rope/right_flat.py", "layer_norm/right_looped.py"])
def test_half_of_a_copy_is_found(beside: str) -> None:
    other = (KERNELS / beside).read_text()
    assert is_copy(compared(DISGUISES["all of these"](f"{other}\n\n{FOREIGN['argmax']}")))


@pytest.mark.parametrize("operator", ["softmax", "layer_norm", "cross_entropy", "matmul", "conv2d", "rope", "argmax"])
def test_independent_kernels_of_the_same_operator_are_no_copies(operator: str) -> None:
    for path in sorted((KERNELS / operator).glob("right_*.py")):
        assert not is_copy(compared(path.read_text())), path


def test_a_kernel_that_is_little_but_idioms_is_no_copy_of_others_like_it() -> None:
    names = ("relu", "tanh", "sigmoid", "silu")
    others = {name: (KERNELS / "flag_gems" / f"{name}.py").read_bytes() for name in names}
    found = compared((KERNELS / "relu" / "right_block.py").read_text(), read_set(others))
    assert found.passed_over > found.fingerprints
    assert not is_copy(found)


def test_lines_are_told_on_both_sides() -> None:
    moved = "# a\n# b\n\n\n" + COPIED
    (match,) = [file for file in compared(moved).files if file.path == "theirs/softmax.py"]
    assert all(one.first - one.there_first == 4 and one.last - one.there_last == 4 for one in match.lines)
    lines = moved.split("\n")
    kernel = next(number for number, line in enumerate(lines, 1) if "def softmax_kernel_inner" in line)
    assert any(one.first <= kernel + 12 and one.last >= kernel + 60 for one in match.lines)


def test_the_licence_of_a_reference_is_told_with_it() -> None:
    licensed = read_set({"k.py": (MIT + COPIED).encode()})
    assert compared(COPIED, licensed).files[0].licence == LicenceExpression(expression="MIT")
    assert compared(COPIED).files[0].licence.kind == "none"


def test_what_many_files_of_a_set_have_is_no_mark_of_one() -> None:
    variants = {f"{n}.py": f"{COPIED}\n\ndef f{n}(x):\n    return {f'x.f{n}(x) + ' * 8}1\n".encode() for n in range(12)}
    assert not is_copy(compared(COPIED, read_set(variants)))
    assert is_copy(compared(COPIED, read_set(dict(list(variants.items())[:8]))))


def test_a_file_that_stands_in_a_set_many_times_is_still_one() -> None:
    many = read_set({f"{n}.py": COPIED.encode() for n in range(FILES_TOLD + 5)})
    found = compared(COPIED, many)
    assert is_copy(found)
    assert (len(found.files), found.more_files) == (FILES_TOLD, 5)


def test_a_text_that_does_not_parse_is_not_compared() -> None:
    origin = origin_of("def f(:\n", SET)
    assert isinstance(origin, Missing)
    assert not origin.ours


def test_without_references_the_licence_is_told_all_the_same() -> None:
    origin = origin_of(MIT + COPIED, Missing(reason="none named", ours=False))
    assert isinstance(origin, OriginEvidence)
    assert origin.licence == LicenceExpression(expression="MIT")


def test_the_same_texts_give_the_same_evidence_also_after_storage() -> None:
    origin = origin_of(COPIED, SET)
    assert isinstance(origin, OriginEvidence)
    assert origin == origin_of(COPIED, SET) == OriginEvidence.model_validate_json(origin.model_dump_json())


SIZE = SOURCE_CAP_BYTES // 16  # the whole takes sixteen times as long
HOSTILE = {
    "one_line": "x=[" + "a," * (SIZE // 2) + "]",
    "statements": "a;" * (SIZE // 2),
    "the_copy_again_and_again": COPIED * (SIZE // len(COPIED)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_costs_bounded_time_and_room(name: str) -> None:
    began = time.monotonic()
    found = compared(HOSTILE[name], SET)
    assert time.monotonic() - began < 20  # 0.2 s on an idle core
    assert len(found.model_dump_json()) < 100_000
    assert all(len(file.lines) <= LINES_TOLD for file in found.files)
