"""Reading a candidate: what is a candidate, and what each file that is none is told."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from runners.candidate import BLOCK_CAP_LINES, SOURCE_CAP_BYTES, Candidate, Unreadable, parse_candidate, read_candidate

HEADER = '# /// kernel\n# operator = "softmax"\n# language = "triton"\n# ///\n'


def block(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in ("# /// kernel", *lines, "# ///")).encode()


READABLE = {
    "usual": HEADER.encode(),
    "windows_line_ends": HEADER.replace("\n", "\r\n").encode(),
    "byte_order_mark": b"\xef\xbb\xbf" + HEADER.encode(),
    "no_line_end_at_the_end": HEADER.rstrip().encode(),
    "language_left_out": block('# operator = "softmax"'),
    "empty_comment_line_within": block("#", '# operator = "softmax"', "#"),
    "toml_comment_within": block("# # which one", '# operator = "softmax"'),
    "not_at_the_top": b'"""A docstring."""\nimport torch\n\n' + HEADER.encode(),
    "declares_utf8": b"# -*- coding: utf-8 -*-\n" + HEADER.encode(),
}


@pytest.mark.parametrize("source", READABLE.values(), ids=READABLE)
def test_a_file_with_one_header_block_is_a_candidate(source: bytes) -> None:
    candidate = parse_candidate(source, "x.py")
    assert isinstance(candidate, Candidate)
    assert candidate.operator.name == candidate.entry == "softmax"
    assert candidate.source == source
    assert candidate.digest == hashlib.sha256(source).hexdigest()
    assert candidate.facts.source_bytes == len(source)


def test_the_header_may_name_another_entry() -> None:
    candidate = parse_candidate(block('# operator = "softmax"', '# entry = "my_softmax"'), "x.py")
    assert isinstance(candidate, Candidate)
    assert candidate.entry == "my_softmax"


REFUSED = {
    "empty": (b"", "candidate/no-header", 1),
    "no_block": (b"import torch\n", "candidate/no-header", 1),
    "other_block_type": (b"# /// script\n# x = 1\n# ///\n", "candidate/no-header", 1),
    "indented_block": (b"".join(b" " + line for line in HEADER.encode().splitlines(True)), "candidate/no-header", 1),
    "not_utf8": (b"# ok\n# \xff\n", "candidate/not-utf8", 2),
    "latin1_declared": (b"# coding: latin-1\n" + HEADER.encode(), "candidate/not-utf8", 1),
    "utf7_declared": (b"# vim: set fileencoding=utf-7 :\n" + HEADER.encode(), "candidate/not-utf8", 1),
    "unknown_encoding_declared": (b"\n# coding: klingon\n" + HEADER.encode(), "candidate/not-utf8", 1),
    "null_character": (HEADER.encode() + b"\0", "candidate/not-utf8", 5),
    "one_byte_too_large": (HEADER.encode().ljust(SOURCE_CAP_BYTES + 1, b"\n"), "candidate/too-large", None),
    "two_blocks": (b"\r\n" + (HEADER + HEADER).replace("\n", "\r\n").encode(), "candidate/bad-header", 2),
    "block_not_closed": (b'# /// kernel\n# operator = "softmax"\nimport torch\n', "candidate/bad-header", 1),
    "block_without_end": (b"# /// kernel\n" + b"# x\n" * 50_000, "candidate/bad-header", 1),
    "very_long_line": (block("# " + "a." * 20_000 + "a = 1"), "candidate/bad-header", 1),
    "no_toml": (block("# operator: softmax"), "candidate/bad-header", 1),
    "empty_block": (block(), "candidate/bad-header", 1),
    "no_operator": (block('# language = "triton"'), "candidate/bad-header", 1),
    "operator_not_text": (block("# operator = 3"), "candidate/bad-header", 1),
    "unknown_key": (block('# operator = "softmax"', '# image = "mine"'), "candidate/bad-header", 1),
    "key_twice": (block('# operator = "softmax"', '# operator = "sum"'), "candidate/bad-header", 1),
    "nested_toml": (block("# operator = " + "[" * 390), "candidate/bad-header", 1),
    "entry_no_identifier": (block('# operator = "softmax"', '# entry = "a.b"'), "candidate/bad-header", 1),
    "entry_ends_in_a_line_break": (block('# operator = "softmax"', '# entry = "a\\n"'), "candidate/bad-header", 1),
    "unknown_operator": (block('# operator = "soft_max"'), "candidate/unknown-operator", 2),
    "unknown_language": (block('# operator = "softmax"', '# language = "cuda"'), "candidate/unknown-language", 3),
}


@pytest.mark.parametrize(("source", "rule", "line"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_candidate_is_told_its_rule_and_line(source: bytes, rule: str, line: int | None) -> None:
    unreadable = parse_candidate(source, "x.py")
    assert isinstance(unreadable, Unreadable)
    assert (unreadable.problem.rule, unreadable.problem.line) == (rule, line)
    assert unreadable.facts.operator is None
    assert unreadable.facts.digest == hashlib.sha256(source).hexdigest()
    assert len(unreadable.problem.detail) < 500


def test_a_file_at_the_cap_is_read() -> None:
    assert isinstance(parse_candidate(HEADER.encode().ljust(SOURCE_CAP_BYTES, b"\n"), "x.py"), Candidate)


def test_a_block_of_the_most_lines_is_read() -> None:
    lines = ['# operator = "softmax"'] + ["#"] * (BLOCK_CAP_LINES - 2)
    assert isinstance(parse_candidate(block(*lines), "x.py"), Candidate)
    assert isinstance(parse_candidate(block(*lines, "#", "#"), "x.py"), Unreadable)


def test_the_names_of_all_operators_are_in_the_message_about_an_unknown_one() -> None:
    unreadable = parse_candidate(block('# operator = "frobnicate"'), "x.py")
    assert isinstance(unreadable, Unreadable)
    assert "softmax" in unreadable.problem.detail
    assert "cross_entropy" in unreadable.problem.detail


def test_a_misspelt_operator_is_told_with_the_one_that_is_near() -> None:
    unreadable = parse_candidate(block("#", '# operator = "summ"'), "x.py")
    assert isinstance(unreadable, Unreadable)
    assert (unreadable.problem.line, unreadable.problem.detail) == (
        3, "'summ' is not an operator; did you mean 'sum'?",
    )  # fmt: skip


def test_ten_megabytes_of_junk_are_not_read_to_the_end(tmp_path: Path) -> None:
    path = tmp_path / "junk.py"
    path.write_bytes(b"\xff" * 10_000_000)
    unreadable = read_candidate(path)
    assert isinstance(unreadable, Unreadable)
    assert unreadable.problem.rule == "candidate/too-large"
    assert len(unreadable.source) == SOURCE_CAP_BYTES + 1


def test_a_missing_file_is_the_callers_to_report(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_candidate(tmp_path / "none.py")


def test_the_path_may_be_shown_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "kernel.py"
    path.write_text(HEADER)
    assert read_candidate(path, "kernels/kernel.py").facts.path == "kernels/kernel.py"
