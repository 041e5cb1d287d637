"""What the rules teach about what a candidate is: one file, with a header."""

from __future__ import annotations

from typing import Final

from policies.teaching.frame import HEADER, relu, taught
from policies.teaching.model import words

_RIGHT: Final = relu()

TEACHINGS: Final = {
    "candidate/too-large": words(
        "A kernel is some hundred lines. What is larger costs the judge time and hides what matters from a reader.",
        "A file with a table of precomputed results, of 300 KiB.",
    ),
    "candidate/not-utf8": words(
        "The judge must read the same text that Python runs. In another encoding the two could differ.",
        "A file saved as Latin-1 with an accented letter in a comment, or one that begins with '# coding: utf-7'.",
    ),
    "candidate/link-elsewhere": words(
        "What the gate reads is kept in the run folder, which is uploaded and shown. A pull request can add a link to "
        "any file of the machine that judges it: a key, a token in .git/config. Such a link is not followed.",
        "kernels/relu.py as a link to /proc/self/environ.",
    ),
    "candidate/no-header": taught(
        "The header says which operator the file claims to implement. Nothing else in the file is asked for that: a "
        "name can be wrong, and the author must not choose by which test it is judged after the fact.",
        _RIGHT.removeprefix(HEADER),
        _RIGHT,
    ),
    "candidate/bad-header": taught(
        "A header with an unknown key or of another form says something that nobody would read.",
        _RIGHT.replace('# language = "triton"', '# language = "triton"\n# tolerance = 0.1'),
        _RIGHT,
    ),
    "candidate/unknown-operator": taught(
        "What right means is the operator's to say. For one that the gate does not know, nobody can judge.",
        _RIGHT.replace('"relu"', '"relu6"'),
        _RIGHT,
    ),
    "candidate/unknown-language": taught(
        "Each language needs a runner that isolates it and watches its memory; there is one for Triton.",
        _RIGHT.replace('"triton"', '"cuda"'),
        _RIGHT,
    ),
}
