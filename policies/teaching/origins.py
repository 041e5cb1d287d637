"""What the rules teach about where a candidate's text comes from."""

from __future__ import annotations

from typing import Final

from policies.teaching.model import kernel, words

TEACHINGS: Final = {
    "origin/copied": words(
        "What was copied has an owner and an origin that nobody here has looked at. Names, formatting, comments and "
        "the order of functions do not make it new.",
        "A softmax from a library that stands in the references, with other names for its variables.",
    ),
    "origin/reference-licence": words(
        "Part of a text carries its licence along. The policy says under which licences parts may be taken.",
        "A third of a kernel stands in a file under a licence that asks for the source of all that uses it.",
    ),
    "origin/candidate-licence": kernel(
        "What a candidate declares binds whoever ships it.",
        "# SPDX-License-Identifier: GPL-3.0-only",
        "# SPDX-License-Identifier: Apache-2.0",
    ),
    "origin/no-licence": kernel(
        "Without a licence nobody but its author may use a text.",
        "# a softmax",
        "# SPDX-License-Identifier: Apache-2.0\n# a softmax",
    ),
    "origin/not-an-expression": kernel(
        "Only what follows SPDX can be compared with what a policy allows.",
        "# SPDX-License-Identifier: free to use",
        "# SPDX-License-Identifier: MIT",
    ),
    "evidence/origin-missing": words(
        "A policy that forbids copies must know that somebody has looked, and into this very set of references.",
        "A run under ci, which compares with nothing, judged by a policy with 'origin.required: true'.",
    ),
}
