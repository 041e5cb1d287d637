"""What is signed: in-toto statements v1, two for a candidate.

A test result (in-toto.io/attestation/test-result/v0.1) says what was found: the checks that passed, the rules that
failed. A verification summary (slsa.dev/verification_summary/v1) says what the policy made of it, and names the test
result by its digest. Subjects are the candidate's bytes and, where a GPU was there, the machine code that was
certified.

What these two have no room for stands under `kernelgate` in the test result: tier, operator, image, strength, and the
digest of every file of the run that belongs to the candidate. Readers that do not know it pass over it, as in-toto
asks.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

STATEMENT: Final = "https://in-toto.io/Statement/v1"
TEST_RESULT: Final = "https://in-toto.io/attestation/test-result/v0.1"
SUMMARY: Final = "https://slsa.dev/verification_summary/v1"
VERIFIER: Final = "urn:kernelgate"
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Signed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


class Digest(_Signed):
    """A digest set with the one algorithm that is used."""

    sha256: Sha256


class Subject(_Signed):
    """What a statement is about."""

    name: str
    digest: Digest


class Resource(_Signed):
    """A resource descriptor: a file, an image, an operator."""

    name: str | None = None
    uri: str | None = None
    digest: Digest | None = None


class Strength(_Signed):
    """What the operator's own test was worth when the candidate was judged.

    Attributes:
        killed: Mutants of right kernels that it noticed; of `alive` nobody knows whether they are equivalent.
    """

    test_digest: str
    killed: int
    alive: int
    checked: str


class Platforms(_Signed):
    """What the evidence is about, as `pipeline.supply.platforms` says it; None where it was not measured."""

    interpreter: str | None
    gpu: str | None


class Facts(_Signed):
    """What the two predicates have no room for.

    Attributes:
        candidate: Its folder in the run.
        image: What runners were started from; None where none was, `isolation` likewise.
        strength: None where nobody has examined the operator's test.
        measurement: A measurement of the gate on a corpus, where the signer named one.
        files: Every file of the run that belongs to the candidate, by its path in the run folder.
        platforms: None in statements of earlier versions, `dtypes` likewise.
        dtypes: In which dtypes of a case the verdict holds: those that cases were drawn in.
    """

    version: str
    run: str
    candidate: str
    tier: str
    allowed: bool
    operator: str | None
    operator_digest: str | None
    isolation: str | None
    image: str | None
    strength: Strength | None
    measurement: Resource | None
    files: tuple[Resource, ...]
    platforms: Platforms | None = None
    dtypes: tuple[str, ...] | None = None


class TestResult(_Signed):
    """The first predicate."""

    __test__ = False  # for pytest, which takes the name for one of its own

    result: Literal["PASSED", "WARNED", "FAILED"]
    configuration: tuple[Resource, ...]
    passedTests: tuple[str, ...]  # noqa: N815  # as in-toto writes it; likewise below
    warnedTests: tuple[str, ...]  # noqa: N815
    failedTests: tuple[str, ...]  # noqa: N815
    kernelgate: Facts


class Verifier(_Signed):
    """Who says it, in which version."""

    id: str
    version: dict[str, str]


class Summary(_Signed):
    """The second predicate.

    Attributes:
        timeVerified: When it was signed, by the word of the signer.
    """

    verifier: Verifier
    timeVerified: AwareDatetime  # noqa: N815
    resourceUri: str  # noqa: N815
    policy: Resource
    inputAttestations: tuple[Resource, ...]  # noqa: N815
    verificationResult: Literal["PASSED", "FAILED"]  # noqa: N815
    verifiedLevels: tuple[str, ...]  # noqa: N815


class TestResultStatement(_Signed):
    """The first statement."""

    __test__ = False

    type: Literal["https://in-toto.io/Statement/v1"] = Field(default=STATEMENT, alias="_type")
    subject: tuple[Subject, ...]
    predicateType: Literal["https://in-toto.io/attestation/test-result/v0.1"] = TEST_RESULT  # noqa: N815
    predicate: TestResult


class SummaryStatement(_Signed):
    """The second statement."""

    type: Literal["https://in-toto.io/Statement/v1"] = Field(default=STATEMENT, alias="_type")
    subject: tuple[Subject, ...]
    predicateType: Literal["https://slsa.dev/verification_summary/v1"] = SUMMARY  # noqa: N815
    predicate: Summary
