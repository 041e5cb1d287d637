"""How the documentation is built: `make docs` writes HTML to build/docs. Nothing is fetched, then or later."""

from __future__ import annotations

from sphinx.application import Sphinx

project = "kernelgate"
author = "the maintainers of kernelgate"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 3  # as GitHub makes them, so that a link works on both
highlight_language = "none"
nitpicky = True
smartquotes = False  # "--option" would get a dash

html_theme = "furo"
html_title = "kernelgate"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_static_path = ["static"]
html_css_files = ["wide.css"]

RULES = "rules/README"
# The index of the rules is made (pipeline/reference_pages/rules.py) and read on GitHub, too, where a toctree would be
# noise.
TOCTREE_OF_RULES = "\n```{toctree}\n:hidden:\n:glob:\n\norganisation\n*/*\n```\n"


def add_rules(app: Sphinx, page: str, source: list[str]) -> None:
    """Hangs the page of each rule below their index."""
    if page == RULES:
        source[0] += TOCTREE_OF_RULES


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", add_rules)
