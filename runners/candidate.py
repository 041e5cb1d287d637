"""A candidate: one file of an untrusted author, frozen, with its header block read and nothing executed.

Reading never raises for what the author did: a file that is no candidate becomes facts with a rule id, and the gate
says them. The header is a comment block in the manner of PEP 723 with TOML inside.
"""

from __future__ import annotations

import difflib
import hashlib
import io
import re
import tokenize
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runners.evidence import CandidateFacts, SourceFact
from runners.operators import OPERATORS, Operator

SOURCE_CAP_BYTES: Final = 256 << 10
LANGUAGES: Final = ("triton",)
BLOCK_OPENS: Final = "# /// kernel"
BLOCK_CLOSES: Final = "# ///"
# A parser's time for hostile TOML grows with the square of its length: measured 9 s for one key of 40 KB.
BLOCK_CAP_LINES: Final = 40
BLOCK_CAP_COLUMNS: Final = 400


class Header(BaseModel):
    """The author's claim: which operator, in which language, under which function name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    operator: str = Field(max_length=64)
    language: str = Field(default="triton", max_length=64)
    entry: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that names an operator we know; its code is as untrusted as before."""

    path: str
    source: bytes
    text: str
    operator: Operator
    entry: str

    @property
    def digest(self) -> str:
        """SHA-256 of the source bytes."""
        return source_digest(self.source)

    @property
    def facts(self) -> CandidateFacts:
        """What evidence says about it."""
        return CandidateFacts(
            digest=self.digest,
            path=self.path,
            source_bytes=len(self.source),
            operator=self.operator.name,
            entry=self.entry,
        )


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that is no candidate, and why."""

    facts: CandidateFacts
    source: bytes
    problem: SourceFact


def source_digest(source: bytes) -> str:
    """Returns the SHA-256 of a candidate's bytes as hexadecimal digits."""
    return hashlib.sha256(source).hexdigest()


def read_candidate(
    path: Path, shown_as: str | None = None, operators: Mapping[str, Operator] = OPERATORS
) -> Candidate | Unreadable:
    """Reads at most the size cap of `path` and parses the header block, which has to name one of `operators`.

    Raises:
        OSError: the file can't be read; that is the caller's to report, not the author's fault.
    """
    with path.open("rb") as file:
        source = file.read(SOURCE_CAP_BYTES + 1)
    return parse_candidate(source, shown_as or str(path), operators)


def parse_candidate(source: bytes, path: str, operators: Mapping[str, Operator] = OPERATORS) -> Candidate | Unreadable:
    """Like `read_candidate`, from bytes."""
    try:
        return _parse(source, path, operators)
    except _ProblemError as problem:
        facts = CandidateFacts(
            digest=source_digest(source), path=path, source_bytes=len(source), operator=None, entry=None
        )
        return Unreadable(facts, source, problem.fact)


def link_elsewhere(path: str, target: str) -> Unreadable:
    """A file that is a symbolic link which nobody follows; its content is what git has of it: where it leads."""
    source = target.encode(errors="surrogateescape")
    facts = CandidateFacts(digest=source_digest(source), path=path, source_bytes=len(source), operator=None, entry=None)
    detail = f"it leads to {target[:200]!a}: out of the working tree, or to no Python file"
    return Unreadable(facts, source, SourceFact(rule="candidate/link-elsewhere", line=None, detail=detail))


class _ProblemError(Exception):
    def __init__(self, rule: str, line: int | None, detail: str) -> None:
        super().__init__(detail)
        self.fact = SourceFact(rule=rule, line=line, detail=detail)


def _parse(source: bytes, path: str, operators: Mapping[str, Operator]) -> Candidate:
    if len(source) > SOURCE_CAP_BYTES:
        raise _ProblemError("candidate/too-large", None, f"the file is larger than {SOURCE_CAP_BYTES >> 10} KiB")
    text = _decode(source)
    header, line = _header(text)
    operator = operators.get(header.operator)
    if operator is None:
        detail = f"'{header.operator}' is not an operator; {_near(header.operator, operators)}"
        raise _ProblemError("candidate/unknown-operator", _line_of("operator", text, line), detail)
    if header.language not in LANGUAGES:
        detail = f"language '{header.language}' is not supported; supported is {', '.join(LANGUAGES)}"
        raise _ProblemError("candidate/unknown-language", _line_of("language", text, line), detail)
    return Candidate(path, source, text, operator, header.entry or operator.name)


def _near(name: str, operators: Mapping[str, Operator]) -> str:
    near = difflib.get_close_matches(name, operators, 1)
    return f"did you mean '{near[0]}'?" if near else f"known are {', '.join(sorted(operators))}"


def _line_of(key: str, text: str, opens: int) -> int:
    """Returns the line of the block on which a key stands; that on which the block opens where none is found."""
    block = text.split("\n")[opens : opens + BLOCK_CAP_LINES]
    places = (number for number, line in enumerate(block, start=opens + 1) if re.match(rf"# *{key} *=", line))
    return next(places, opens)


def _decode(source: bytes) -> str:
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = source[: error.start].count(b"\n") + 1
        raise _ProblemError("candidate/not-utf8", line, f"byte {error.start} is not UTF-8") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise _ProblemError("candidate/not-utf8", line, "the file holds a null character")
    _refuse_other_encoding(source)
    return text


def _refuse_other_encoding(source: bytes) -> None:
    """With '# coding: utf-7' Python would run another text than the one that is read here."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    except SyntaxError as error:
        raise _ProblemError("candidate/not-utf8", 1, str(error.msg)) from None
    if encoding not in ("utf-8", "utf-8-sig"):
        raise _ProblemError("candidate/not-utf8", 1, f"the file declares the encoding '{encoding}'")


def _header(text: str) -> tuple[Header, int]:
    """Returns what the header block says, and the line on which it opens."""
    content, line = _block(text)
    try:
        return Header.model_validate(tomllib.loads(content)), line
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _ProblemError("candidate/bad-header", line, f"{where}: {first['msg']}") from None
    except (ValueError, RecursionError) as error:  # an integer of 5000 digits is a plain ValueError
        raise _ProblemError("candidate/bad-header", line, f"the block is not TOML: {error}") from None


def _block(text: str) -> tuple[str, int]:
    """Returns what the one header block holds, and the line it begins on. Linear in the length of the file."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    openers = [number for number, line in enumerate(lines) if line == BLOCK_OPENS]
    if not openers:
        raise _ProblemError("candidate/no-header", 1, f"no '{BLOCK_OPENS}' block says which operator this implements")
    start = openers[0]
    if len(openers) > 1:
        raise _ProblemError("candidate/bad-header", start + 1, f"{len(openers)} '{BLOCK_OPENS}' blocks, one is allowed")
    content: list[str] = []
    for line in lines[start + 1 : start + 1 + BLOCK_CAP_LINES]:
        if line == BLOCK_CLOSES:
            return "\n".join(content), start + 1
        if len(line) > BLOCK_CAP_COLUMNS or not (line == "#" or line.startswith("# ")):
            break
        content.append(line[2:])
    raise _ProblemError("candidate/bad-header", start + 1, f"the block is not closed by a line '{BLOCK_CLOSES}' within "
                                                       f"{BLOCK_CAP_LINES} comment lines")  # fmt: skip
