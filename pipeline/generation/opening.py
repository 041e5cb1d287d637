"""Opens a role: the adapter of its provider, the journal around that, patience around both, and its configuration.

An SDK is imported when a role needs it, and never otherwise. Patience stands outside: each try is a call of its own in
the journal, and nobody holds its lock while waiting.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from pipeline.errors import GenerationError, SdkUnavailable
from pipeline.generation.answer_files import AnswerFiles
from pipeline.generation.api_key import ApiKey, read_key
from pipeline.generation.content import Content
from pipeline.generation.exchange import Note, Outcome, Part, Provider, Request, Role, nobody
from pipeline.generation.journal import Journal, Journaled, Replay
from pipeline.generation.patience import Patient
from pipeline.generation.roles import (
    FilesProvider,
    MessagesProvider,
    ReplayProvider,
    ResponsesProvider,
    RoleConfiguration,
    Roles,
)
from runners.operators import OPERATORS, Operator

if TYPE_CHECKING:
    from types import ModuleType


@dataclass(frozen=True, slots=True)
class TakenRole:
    """A role and who takes it; thread-safe."""

    role: Role
    configuration: RoleConfiguration
    provider: Provider

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
        request = Request(
            role=self.role,
            operator=operator,
            model=self.configuration.model,
            parts=parts,
            wanted=wanted,
            max_output_tokens=self.configuration.max_output_tokens,
            deadline_s=self.configuration.deadline_s,
            effort=self.configuration.effort,
            serial=serial,
        )
        return self.provider.ask(request, note)


def open_role(
    roles: Roles,
    role: Role,
    journal: Journal,
    environment: Mapping[str, str],
    operators: Mapping[str, Operator] = OPERATORS,
) -> TakenRole:
    """Returns `role`, ready to be asked.

    Args:
        environment: Where keys are; read now and not again.
        operators: Those that candidates may implement.

    Raises:
        GenerationError: nobody takes the role, a key is missing, or a folder is.
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
            return TakenRole(role, taken, Patient(Journaled(adapter, journal), taken.patience_s))
        case _:
            assert_never(configured)


def _adapter(configured: MessagesProvider | ResponsesProvider, name: str, key: ApiKey) -> Provider:
    match configured:
        case MessagesProvider():
            _sdk("anthropic")
            from pipeline.generation.messages_api import MessagesApi

            return MessagesApi(name, key, configured.base_url)
        case ResponsesProvider():
            _sdk("openai")
            from pipeline.generation.responses_api import ResponsesApi

            return ResponsesApi(name, key, configured.base_url)
        case _:
            assert_never(configured)


def _sdk(package: str) -> ModuleType:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise SdkUnavailable(f"the SDK '{package}' can't be imported ({error}): pip install 'kernelgate[generate]', or "
                             f"pip install {package}") from None  # fmt: skip
