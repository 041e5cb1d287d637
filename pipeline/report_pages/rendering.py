"""Pages as HTML. What templates put out goes through `visible.shown`, then it is escaped; none switches that off."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.report_pages.candidate_page import candidate_page
from pipeline.report_pages.run_page import run_page
from pipeline.report_pages.subject import RunSubject, Subject
from pipeline.report_pages.visible import shown

_TEMPLATES: Final = Path(__file__).parent / "templates"


def candidate_html(subject: Subject) -> str:
    """Returns the page of a candidate."""
    return _environment().get_template("candidate.html.j2").render(page=candidate_page(subject), **_frame())


def run_html(subject: RunSubject) -> str:
    """Returns the page of a run."""
    return _environment().get_template("run.html.j2").render(page=run_page(subject), **_frame())


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


@cache
def _frame() -> dict[str, str]:
    """What every page has: the digest of its style sheet, by which alone the browser takes it."""
    style = _environment().get_template("page.css").render()
    return {"style_digest": base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}
