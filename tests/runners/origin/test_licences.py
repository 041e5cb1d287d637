"""What a file declares as its licence: an expression, none, or words that are none."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runners.origin.evidence import LicenceExpression, NoLicence, NotAnExpression
from runners.origin.licences import covers, declared_licence

TAG = "SPDX-License-Identifier:"  # in two parts, so that this file declares nothing
EXPRESSIONS = {
    "MIT": "MIT", "mit": "MIT", "Apache-2.0 WITH LLVM-exception": "Apache-2.0 WITH LLVM-exception",
    "(MIT or Zlib) AND BSD-3-Clause": "(MIT OR Zlib) AND BSD-3-Clause", "LicenseRef-Ours": "LicenseRef-Ours",
    "DocumentRef-x:LicenseRef-y": "DocumentRef-x:LicenseRef-y", "(" * 100 + "MIT" + ")" * 100: "MIT",
}  # fmt: skip
NONE_OF_IT = (
    "", "free", "MIT AND", "MIT, Zlib", "MIT Zlib", "((MIT)", "NONE", "LLVM-exception", "MIT WITH Zlib", "(" * 300,
    "MIT OR " * 100 + "MIT", "LicenseRef-", "MIТ", "\x1b[2J",
)  # fmt: skip


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_an_expression_is_told_as_spdx_writes_it(text: str) -> None:
    assert declared_licence(f"# {TAG} {text}\nx = 1\n") == LicenceExpression(expression=EXPRESSIONS[text])


@pytest.mark.parametrize("text", NONE_OF_IT)
def test_words_that_are_no_expression_are_an_outcome_of_their_own(text: str) -> None:
    assert declared_licence(f"# {TAG} {text}\nx = 1\n") == NotAnExpression(text=text[:100].strip())


@pytest.mark.parametrize("source", ["x = 1\n", f"x = '{TAG} MIT'\n", f'"""\n# {TAG} MIT\n"""\n', "# License: MIT\n"])
def test_what_no_comment_declares_is_none(source: str) -> None:
    assert declared_licence(source) == NoLicence()


def test_of_several_declarations_all_hold() -> None:
    source = f"# {TAG} MIT\nx = 1  # {TAG} Zlib OR BSD-3-Clause\n"
    assert declared_licence(source) == LicenceExpression(expression="MIT AND (Zlib OR BSD-3-Clause)")
    assert declared_licence(source + f"# {TAG} what?\n").kind == "not_an_expression"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\0\f"), max_size=60))
def test_no_declaration_is_more_than_a_licence_can_hold(text: str) -> None:
    source = f"# {TAG}{text}\n"
    ast.parse(source)
    assert declared_licence(source).kind in ("expression", "not_an_expression")


def test_words_that_are_no_expression_are_covered_by_nothing() -> None:
    assert not covers(["MIT", "NONE"], NotAnExpression(text="MIT?"))
