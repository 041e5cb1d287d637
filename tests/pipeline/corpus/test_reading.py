from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.corpus.reading import BUNDLED, Corpus, read_corpus
from pipeline.errors import LabelsError
from pipeline.settings import PROJECT

RIGHT = 'label = "right"\noperator = "relu"\n'
WRONG = 'label = "wrong"\noperator = "relu"\n'


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def names(corpus: Corpus) -> list[str]:
    return [corpus.name(kernel.path) for kernel in corpus.labelled]


def test_labels_stand_at_the_top_in_subfolders_or_in_both(tmp_path: Path) -> None:
    write(tmp_path, {
        "labels.toml": f'["a.py"]\n{RIGHT}["deep/b.py"]\n{WRONG}', "a.py": "", "deep/b.py": "",
        "relu/labels.toml": f'["c.py"]\n{RIGHT}', "relu/c.py": "",
    })  # fmt: skip
    corpus = read_corpus(tmp_path)
    assert names(corpus) == ["a.py", "deep/b.py", "relu/c.py"]
    assert corpus.unlabelled == corpus.apart == corpus.notes == ()


def test_a_file_that_nobody_labelled_is_said_and_not_measured(tmp_path: Path) -> None:
    write(tmp_path, {"labels.toml": f'["a.py"]\n{RIGHT}', "a.py": "", "b.py": "", ".hidden/c.py": "", "ops/d.py": ""})
    corpus = read_corpus(tmp_path, besides=[tmp_path / "ops"])
    assert names(corpus) == ["a.py"]
    assert corpus.unlabelled == (tmp_path / "b.py",)


def test_two_labels_that_differ_are_refused_and_two_that_agree_count_once(tmp_path: Path) -> None:
    write(tmp_path, {
        "labels.toml": f'["relu/a.py"]\n{RIGHT}', "relu/labels.toml": f'["a.py"]\n{RIGHT}', "relu/a.py": "",
    })  # fmt: skip
    assert names(read_corpus(tmp_path)) == ["relu/a.py"]
    (tmp_path / "relu" / "labels.toml").write_text(f'["a.py"]\n{WRONG}')
    with pytest.raises(LabelsError, match=r"relu/a\.py is labelled twice"):
        read_corpus(tmp_path)


def test_a_subfolder_with_a_policy_is_a_corpus_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, {
        "labels.toml": f'["a.py"]\n{RIGHT}', "a.py": "",
        "other/labels.toml": f'["b.py"]\n{RIGHT}', "other/b.py": "", "other/policy.yaml": "extends: ci",
    })  # fmt: skip
    corpus = read_corpus(tmp_path)
    assert names(corpus) == ["a.py"]
    assert corpus.apart == (tmp_path / "other",)
    assert corpus.unlabelled == ()
    assert names(read_corpus(tmp_path / "other")) == ["b.py"]


@pytest.mark.parametrize("files", [{}, {"a.py": ""}, {"labels.toml": ""}])
def test_a_folder_without_a_label_is_no_corpus(tmp_path: Path, files: dict[str, str]) -> None:
    write(tmp_path, files)
    with pytest.raises(LabelsError, match=r"no labels\.toml that labels a file"):
        read_corpus(tmp_path)


def test_what_is_no_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match="is not a folder"):
        read_corpus(tmp_path / "none")


def test_the_labels_of_the_bundled_corpora_hold_nothing_that_is_ignored() -> None:
    corpus = read_corpus(PROJECT / BUNDLED)
    assert corpus.notes == ()
    for folder in corpus.apart:
        assert read_corpus(folder).notes == ()
