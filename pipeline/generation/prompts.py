"""Renders what models are asked: Jinja templates, one a part, with what lasts longest first.

A part's text is hashed, and so is the template that it was made from: provenance says which words led to a candidate,
and an experiment compares folders of templates. What others wrote (code, findings, notes, plans) stands in a frame
whose marks hold the SHA-256 of what is inside: no text can hold its own, so none can close its frame and go on as us.
Templates are the team's own, values are never rendered as templates, and a value that is missing is an error.

A reviewer is given the code and what was measured, and no way to get at the author's reasoning: there is no parameter
for it. Nor is it told what earlier runs taught: that is about authors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path
from typing import Final

import triton.language as tl
from jinja2 import DictLoader, Environment, StrictUndefined, TemplateError

from pipeline.errors import GenerationError
from pipeline.generation.exchange import Lasts, Part
from pipeline.generation.hardware import ALIGNMENT_BYTES, MAX_PROGRAMS, REGISTERS_PER_THREAD
from pipeline.generation.knowledge.context import Context
from pipeline.generation.knowledge.references import Reference
from pipeline.generation.lessons.taught import NOTHING, Taught
from pipeline.generation.subject import Subject
from policies.rules import RULES
from runners.candidate import SOURCE_CAP_BYTES
from runners.contract.tables import ALLOCATIONS, NEW_METHODS
from runners.origin.licences import NO_LICENCE
from sandbox.printable import printable

_LASTS: Final[Mapping[str, Lasts]] = {
    "contract": Lasts.PROJECT,
    "reviewing": Lasts.PROJECT,
    "language": Lasts.PROJECT,
    "hardware": Lasts.PROJECT,
    "operator": Lasts.OPERATOR,
    "lessons": Lasts.OPERATOR,
    "notes": Lasts.ATTEMPT,
    "plans": Lasts.ATTEMPT,
    "attempt": Lasts.ATTEMPT,
    "review": Lasts.ATTEMPT,
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """What an author is to do now.

    Attributes:
        plan: How the kernel shall work; empty where it is free.
        code: The file so far; empty at the beginning.
        failure: What was found in it; empty where nothing was.
        speed: How fast it is, where it is right and was timed; empty elsewhere.
        ledger: A line for each earlier attempt, in our own words.
        context: What was looked up for the failure; None where nothing was.
    """

    plan: str = ""
    code: str = ""
    failure: str = ""
    speed: str = ""
    ledger: tuple[str, ...] = ()
    context: Context | None = None


class Prompts:
    """The prompts of one folder of templates. Immutable, hence thread-safe."""

    def __init__(self, references: tuple[Reference, ...], folder: Path | None = None) -> None:
        """Reads the templates.

        Args:
            references: Those of the installed packages; the language's part is made of them.
            folder: Templates that replace the built-in ones of the same name; None replaces none.

        Raises:
            GenerationError: the folder is none, or holds a template that does not exist or is broken.
        """
        self._references = references
        self._sources = _sources(folder)
        self._environment = Environment(
            loader=DictLoader(dict(self._sources)), undefined=StrictUndefined, autoescape=False, trim_blocks=True,
            lstrip_blocks=True,
        )  # fmt: skip  # autoescape is for HTML; here frames keep texts apart
        self._environment.filters["framed"] = framed
        for name in self._sources:
            try:
                self._environment.get_template(name)
            except TemplateError as error:
                raise GenerationError(f"the template {name}.j2 is broken: {error}") from None

    @property
    def digest(self) -> str:
        """SHA-256 of all templates."""
        names = sorted(self._sources)
        return hashlib.sha256("".join(f"{name}\0{self._sources[name]}\0" for name in names).encode()).hexdigest()

    def plans(self, subject: Subject, count: int, lessons: Taught = NOTHING) -> tuple[Part, ...]:
        """Returns the prompt that asks for `count` different plans."""
        return (*self._lasting(subject, lessons), self._part("plans", subject=subject, count=count))

    def attempt(self, subject: Subject, attempt: Attempt, lessons: Taught = NOTHING) -> tuple[Part, ...]:
        """Returns the prompt that asks an author, or an optimiser, for a candidate."""
        notes = () if attempt.context is None else (self._part("notes", context=attempt.context),)
        return (*self._lasting(subject, lessons), *notes, self._part("attempt", attempt=attempt))

    def review(self, subject: Subject, code: str, evidence: tuple[str, ...]) -> tuple[Part, ...]:
        """Returns the prompt that asks a reviewer about a candidate.

        Args:
            evidence: What was measured, a text each.
        """
        return (
            self._part("reviewing"),
            self._hardware(subject),
            self._part("operator", subject=subject),
            self._part("review", code=code, evidence=evidence),
        )

    def _lasting(self, subject: Subject, lessons: Taught) -> tuple[Part, ...]:
        source = subject.policy.source
        denied = [
            rule for name, rule in RULES.items() if name.startswith("source/") and name not in source.waived_rules
        ]
        contract = self._part(
            "contract",
            source_cap_kib=SOURCE_CAP_BYTES >> 10,
            imports=source.allowed_imports,
            allocations=sorted(ALLOCATIONS),
            new_methods=sorted(NEW_METHODS),
            host_calls=source.allowed_host_calls,
            licences=[one for one in subject.policy.origin.candidate_licences or () if one != NO_LICENCE],
            denied=denied,
        )
        language = self._part(
            "language",
            triton_version=metadata.version("triton"),
            torch_version=metadata.version("torch").partition("+")[0],
            max_elements=tl.TRITON_MAX_TENSOR_NUMEL,
            language=[one.call for one in self._references if _is_of_language(one)],
            host=[one.call for one in self._references if one.name.rpartition(".")[0] == "triton"],
        )
        taught = (self._part("lessons", lessons=lessons.lessons),) if lessons.lessons else ()
        return contract, language, self._hardware(subject), self._part("operator", subject=subject), *taught

    def _hardware(self, subject: Subject) -> Part:
        return self._part(
            "hardware",
            card=subject.card,
            targets=subject.policy.compile.required_targets,
            smallest_shared_kib=subject.smallest_shared_bytes >> 10,
            registers=REGISTERS_PER_THREAD,
            max_programs=MAX_PROGRAMS,
            alignment=ALIGNMENT_BYTES,
        )

    def _part(self, name: str, **values: object) -> Part:
        try:
            text = self._environment.get_template(name).render(values)
        except TemplateError as error:
            raise GenerationError(f"the template {name}.j2 can't be rendered: {error}") from None
        template = hashlib.sha256(self._sources[name].encode()).hexdigest()
        return Part(name=name, lasts=_LASTS[name], text=text.strip(), template=template)


def framed(text: str, what: str) -> str:
    """Returns `text` between two lines that it can't hold itself."""
    token = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    mark = f"===== {printable(what)} {token}"
    return f"{mark} begins\n{text.rstrip()}\n{mark} ends"


def _is_of_language(reference: Reference) -> bool:
    return reference.name.rpartition(".")[0] == "triton.language" and not reference.is_removed


def _sources(folder: Path | None) -> Mapping[str, str]:
    built_in = resources.files("pipeline.generation") / "templates"
    sources = {name: (built_in / f"{name}.j2").read_text(encoding="utf-8") for name in _LASTS}
    if folder is None:
        return sources
    if not folder.is_dir():
        raise GenerationError(f"{folder} is not a folder; a variant of the prompts is one with templates (*.j2)")
    for path in sorted(folder.glob("*.j2")):
        if path.stem not in sources:
            raise GenerationError(f"{path} replaces no template; there are {', '.join(sources)}")
        try:
            sources[path.stem] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise GenerationError(f"the template {path} can't be read: {error}") from None
    return sources
