"""Rules of an organisation, in CEL (Common Expression Language): how they are written, and reading them.

A rule is an expression over facts about one candidate (`policies.organisation` has the facts). It is trusted text, as
the whole policy is, and still bounded: so many rules of so many characters, and the library itself ends an expression
after 10,000 iterations. So a rule always ends, in the same way on every machine, and no clock decides.

The library is Google's own CEL runtime (`cel-expr-python`): of three that were tried the one that checks names and
types when an expression is read, and that bounds its iterations (docs/design/policies.md). It is optional, and imported
where a policy has such rules.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from cel_expr_python import cel

RULES_CAP: Final = 50
EXPRESSION_CAP: Final = 2_000
VARIABLES: Final = ("candidate", "evidence", "verdict", "policy")


class CelMissing(Exception):
    """The library that evaluates rules of an organisation is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "rules of an organisation need the packages 'cel-expr-python' and 'protobuf': pip install 'kernelgate[cel]'"
        )


class BadExpression(Exception):
    """A rule's expression can't be read; the text says where and why."""


class OrganisationRule(BaseModel):
    """One rule: a candidate is let through only where `expression` is exactly true.

    Attributes:
        name: Its finding is called `organisation/<name>`.
        expression: What must be true, in CEL.
        message: What the finding says; what to do about it belongs here, too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")
    expression: str = Field(min_length=1, max_length=EXPRESSION_CAP)
    message: str = Field(min_length=1, max_length=500)


@lru_cache(maxsize=RULES_CAP)
def compiled(expression: str) -> cel.Expression:
    """Returns the expression, read and type-checked.

    Raises:
        CelMissing: the library is not installed.
        BadExpression: it is no CEL, names what there is not, or can't be true or false.
    """
    try:
        from cel_expr_python import cel
    except ModuleNotFoundError:
        raise CelMissing from None
    environment = cel.NewEnv(variables=dict.fromkeys(VARIABLES, cel.Type.DYN))
    try:
        made = environment.compile(expression)
    except RuntimeError as error:  # all that the library raises, with its own words
        raise BadExpression(_in_words(str(error))) from None
    if made.return_type() not in (cel.Type.BOOL, cel.Type.DYN):
        raise BadExpression(f"it gives {made.return_type().name()}, not true or false")
    return made


def _in_words(told: str) -> str:
    """The first line of what the library says, without the name of its error class and the source's."""
    first = told.strip().splitlines()[0].removeprefix("INVALID_ARGUMENT: ").removeprefix("ERROR: ")
    return first.replace("<input>:", "line ")
