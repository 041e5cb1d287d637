"""Opens a role: the adapter of its provider, the journal around that, the meter, patience around all, and its
configuration.

An SDK is imported when a role needs it, and never otherwise. Patience stands outside: each try is a call of its own in
the journal, and nobody holds its lock while waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, assert_never

from pipeline.errors import GenerationError, SdkUnavailable
from pipeline.generation.answer_files import AnswerFiles
from pipeline.generation.api_key import ApiKey, read_key
from pipeline.generation.budgets import Purse
from pipeline.generation.content import Content
from pipeline.generation.exchange import Note, Outcome, Part, Provider, Request, Role, nobody
from pipeline.generation.journal import Journal, Journaled, Replay
from pipeline.generation.limited import Limited
from pipeline.generation.metering import Metered
from pipeline.generation.patience import Patient, unlimited_s
from pipeline.generation.prices import Price, PriceTable
from pipeline.generation.roles import (
    FilesProvider,
    MessagesProvider,
    ReplayProvider,
    ResponsesProvider,
    RoleConfiguration,
    Roles,
)
from pipeline.supply.slots import Slot
from pipeline.telemetry.spending import HearSpending, unheard
from runners.operators import OPERATORS, Operator

LEAST_S: Final = 0.001  # of a deadline


@dataclass(frozen=True, slots=True)
class Means:
    """What a run may use, and what things cost.

    Attributes:
        prices: None where nobody gave any.
        slot_of: Returns what is held while the provider of a name is asked, by how many calls it gets at once; None
            limits nothing.
        spent: Hears what each answer used.
    """

    purse: Purse
    prices: PriceTable | None = None
    slot_of: Callable[[str, int], Slot] | None = None
    spent: HearSpending = unheard

    def price_of(self, role: Role, taken: RoleConfiguration) -> Price | None:
        """Returns the price of a role's model; None where there is none and money is not limited.

        Raises:
            GenerationError: money is limited, and there is none.
        """
        price = self.prices.of(taken.provider, taken.model) if self.prices is not None else None
        if price is None and self.purse.limits_money:
            where = (
                "no price table was given" if self.prices is None else f"the price table of {self.prices.date} has none"
            )
            raise GenerationError(
                f"a budget in money needs the price of the {role}'s model '{taken.model}' at provider "
                f"'{taken.provider}', and {where}: add it (prices.yaml beside the roles file), or "
                "limit rounds, tokens or time instead"
            )
        return price


@dataclass(frozen=True, slots=True)
class TakenRole:
    """A role and who takes it; thread-safe.

    Attributes:
        is_billed: Whether answers are paid for: not those of a journal or a folder.
        price: None where nobody knows it, or none is needed.
        left_s: How many seconds the run may go on; no answer is waited for longer.
    """

    role: Role
    configuration: RoleConfiguration
    provider: Provider
    is_billed: bool = False
    price: Price | None = None
    left_s: Callable[[], float] = unlimited_s

    def ask(
        self, operator: str, parts: tuple[Part, ...], wanted: type[Content], serial: int = 0, note: Note = nobody
    ) -> Outcome:
        """Asks for `wanted` and returns what came of it; `read_content` reads an answer.

        Args:
            operator: The name of the operator that it is about.
            parts: The prompt.
            serial: Sets requests apart that ask the same a second time.
            note: As in `Provider.ask`.

        Raises:
            GenerationError: the journal is damaged.
            JournalError: the journal can't be written.
        """
        return self.provider.ask(self.request(operator, parts, wanted, serial), note)

    def request(self, operator: str, parts: tuple[Part, ...], wanted: type[Content], serial: int = 0) -> Request:
        """Returns what `ask` asks with the same arguments."""
        return Request(
            role=self.role,
            operator=operator,
            model=self.configuration.model,
            parts=parts,
            wanted=wanted,
            max_output_tokens=self.configuration.max_output_tokens,
            deadline_s=min(self.configuration.deadline_s, max(self.left_s(), LEAST_S)),
            effort=self.configuration.effort,
            serial=serial,
        )


def open_role(
    roles: Roles,
    role: Role,
    journal: Journal,
    environment: Mapping[str, str],
    operators: Mapping[str, Operator] = OPERATORS,
    means: Means | None = None,
) -> TakenRole:
    """Returns `role`, ready to be asked.

    Args:
        environment: Where keys are; read now and not again.
        operators: Those that candidates may implement.
        means: What the run may use; None limits nothing.

    Raises:
        GenerationError: nobody takes the role, a key is missing, or a folder is; or money is limited and the model has
            no price.
        SdkUnavailable: the provider's SDK is not installed.
    """
    taken = roles.of(role)
    if taken is None:
        raise GenerationError(f"the roles file names no {role}")
    configured = roles.provider(taken.provider)
    match configured:
        case ReplayProvider():
            return TakenRole(role, taken, Replay(Journal(configured.journal)))
        case FilesProvider():
            return TakenRole(role, taken, AnswerFiles(taken.provider, configured.folder, operators))
        case MessagesProvider() | ResponsesProvider():
            needed_by = f"provider '{taken.provider}' of the {role}"
            key = read_key(configured.key_variable, environment, needed_by)
            adapter = _adapter(configured, taken.provider, key)
            journaled = Journaled(adapter, journal)
            if means is None:
                return TakenRole(role, taken, Patient(journaled, taken.patience_s), is_billed=True)
            price, left_s = means.price_of(role, taken), means.purse.left_s
            asked: Provider = Metered(journaled, journal, means.purse, price, means.spent)
            if means.slot_of is not None:
                asked = Limited(asked, means.slot_of(taken.provider, configured.at_once), left_s)
            patient = Patient(asked, taken.patience_s, left_s=left_s)
            return TakenRole(role, taken, patient, is_billed=True, price=price, left_s=left_s)
        case _:
            assert_never(configured)


def _adapter(configured: MessagesProvider | ResponsesProvider, name: str, key: ApiKey) -> Provider:
    match configured:
        case MessagesProvider():
            with _needing("anthropic"):
                from pipeline.generation.messages_api import MessagesApi

            return MessagesApi(name, key, configured.base_url)
        case ResponsesProvider():
            with _needing("openai"):
                from pipeline.generation.responses_api import ResponsesApi

            return ResponsesApi(name, key, configured.base_url)
        case _:
            assert_never(configured)


@contextmanager
def _needing(package: str) -> Iterator[None]:
    """Says what to install where an import of the SDK fails."""
    try:
        yield
    except ImportError as error:
        raise SdkUnavailable(f"the SDK '{package}' can't be imported ({error}): pip install 'kernelgate[generate]', or "
                             f"pip install {package}") from None  # fmt: skip
