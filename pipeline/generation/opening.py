"""Opens the provider that a role names: the adapter, the journal around it, and patience around both.

An SDK is imported when a role needs it, and never otherwise. Patience stands outside: each try is a call of its own in
the journal, and nobody holds its lock while waiting.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, assert_never

from pipeline.errors import GenerationError, SdkUnavailable
from pipeline.generation.answer_files import AnswerFiles
from pipeline.generation.api_key import ApiKey, read_key
from pipeline.generation.exchange import Provider, Role
from pipeline.generation.journal import Journal, Journaled, Replay
from pipeline.generation.patience import Patient
from pipeline.generation.roles import (
    FilesProvider,
    MessagesProvider,
    ReplayProvider,
    ResponsesProvider,
    Roles,
)
from runners.operators import OPERATORS, Operator

if TYPE_CHECKING:
    from types import ModuleType


def open_provider(
    roles: Roles,
    role: Role,
    journal: Journal,
    environment: Mapping[str, str],
    operators: Mapping[str, Operator] = OPERATORS,
) -> Provider:
    """Returns who answers the requests of `role`.

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
            return Replay(Journal(configured.journal))
        case FilesProvider():
            return AnswerFiles(taken.provider, configured.folder, operators)
        case MessagesProvider() | ResponsesProvider():
            needed_by = f"provider '{taken.provider}' of the {role}"
            key = read_key(configured.key_variable, environment, needed_by)
            adapter = _adapter(configured, taken.provider, key)
            return Patient(Journaled(adapter, journal), taken.patience_s)
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
