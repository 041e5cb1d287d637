"""The words for how an argument of a case is filled and laid out.

An operator says which of them it must be right for, and a case has one of each. They stand apart from operators, which
are code and bring torch with them: who reads stored cases and evidence needs the words alone.
"""

from __future__ import annotations

from typing import Literal

ValueClass = Literal[
    "unit", "normal", "positive", "integers", "ramp", "wide", "large",
    "denormal", "constant", "shifted", "zeros", "very_negative", "scaled", "tail",
    "far_negative", "halves", "swing", "exponents", "strong",
    "whole", "whole_lowest", "whole_highest", "whole_few", "whole_swing", "whole_some_ignored",
]  # fmt: skip
Special = Literal[
    "none", "nan", "inf", "-inf", "-inf_row", "-inf_prefix", "nan_row", "inf_and_nan", "-0", "max", "big", "denormal",
    "mixed",
]  # fmt: skip
Position = Literal["first", "last", "row_end", "random"]
Layout = Literal[
    "contiguous", "transposed", "row_padded", "column_padded", "stepped", "offset", "expanded", "permuted", "huge",
]  # fmt: skip
