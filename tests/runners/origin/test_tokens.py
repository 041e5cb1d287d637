"""What an author can change for nothing changes no fingerprint; what a text does changes some."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from disguises import DISGUISES, renamed, right_kernels
from hypothesis import given, settings
from hypothesis import strategies as st

from runners.origin.fingerprints import GRAM, WINDOW, fingerprints_of, grams_of
from runners.origin.tokens import Token, tokens_of

KERNELS = list(right_kernels(Path(__file__).parents[2] / "kernels"))[::16]
TEXTS = {f"{path.parent.name}_{path.stem}": path.read_text() for path in KERNELS}
NAMES = st.from_regex(r"own_[a-zA-Z0-9_]{0,12}|[äéλ][a-z]{0,3}", fullmatch=True)


def values(text: str) -> set[int]:
    return {one.value for one in fingerprints_of(tokens_of(text))}


@settings(max_examples=25, deadline=None)
@given(text=st.sampled_from(sorted(TEXTS.values(), key=len)), names=st.lists(NAMES, min_size=1, max_size=30))
def test_renaming_what_an_author_names_changes_no_fingerprint(text: str, names: list[str]) -> None:
    given_names = itertools.cycle(names)  # two may become one: fingerprints do not care
    chosen: dict[str, str] = {}
    assert values(renamed(text, lambda name: chosen.setdefault(name, next(given_names)))) == values(text)


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("name", TEXTS)
def test_a_disguise_changes_no_fingerprint(name: str, disguise: str) -> None:
    assert values(DISGUISES[disguise](TEXTS[name])) == values(TEXTS[name])


def test_numbers_texts_annotations_comments_and_imports_may_be_others() -> None:
    first = 'import a\n"""doc"""\ndef f(x):\n    # c\n    return g(x, 1, "m")\n'
    second = "def h(y):\n    'other'\n    return (k(y, 0x2F,\n        '''n''',))  # d\n"
    assert [one.text for one in tokens_of(first)] == [one.text for one in tokens_of(second)]
    assert [one.line for one in tokens_of(first)][:3] == [3, 3, 3]


def test_a_name_of_a_library_is_a_token_of_its_own() -> None:
    assert [one.text for one in tokens_of("y = tl.exp(x)")] == ["N", "=", "N", ".", "exp", "N"]
    assert tokens_of("y = tl.exp(x)") != tokens_of("y = tl.log(x)")


@settings(max_examples=100, deadline=None)
@given(before=st.text("abcd", max_size=40), shared=st.text("abcdefgh", min_size=GRAM + WINDOW - 1, max_size=60),
       after=st.text("abcd", max_size=40))  # fmt: skip
def test_what_is_as_long_as_the_paper_says_is_always_found(before: str, shared: str, after: str) -> None:
    def winnowed(text: str) -> set[int]:
        return {one.value for one in fingerprints_of([Token(char, 1, 0) for char in text])}

    assert winnowed(before + shared + after) & winnowed(shared)


def test_each_fingerprint_is_a_gram_and_stands_where_it_says() -> None:
    tokens = tokens_of(next(iter(TEXTS.values())))
    assert all(grams_of(tokens[at : at + GRAM]) == {value} for value, at in fingerprints_of(tokens))


def test_a_text_that_is_shorter_than_a_gram_has_no_fingerprint() -> None:
    assert values("") == values("x = 1\n") == set()
    assert fingerprints_of([Token("a", 1, 0)] * GRAM) != ()
