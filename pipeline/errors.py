"""What can go wrong around the gate, by what the user has to do about it.

    UserError            exit 2: the call, a file or a setting is wrong
      ├─ UsageError        paths
      ├─ SettingsError     the environment
      ├─ LabelsError       the labels of a corpus
      ├─ OperatorsError    a folder with operators of one's own
      ├─ GenerationError   what generation is configured with: roles, keys, notes, a journal
      ├─ AttestationError  a key, a keyring or an attestation
      ├─ RegistryError     a registry, or something in it
      │    └─ PromotionDenied  a kernel that may not serve
      └─ StoredRunError    a run or case that was asked for
    UnavailableError     exit 3: something this machine should give is missing
      ├─ FlowUnavailable   a Prefect server
      ├─ SlotUnavailable   a slot on a Prefect server
      ├─ SdkUnavailable    a provider's SDK
      ├─ JournalError      room for the journal of answers
      ├─ GitUnavailable    git
      ├─ RegistryUnavailable  the registry's database
      ├─ ReportError       room for a report
      ├─ StorageError      a file in the storage that machines share
      └─ RunFolderError    room for the run folder

Two more come from below: `policies.policy.PolicyError` means 2, `sandbox.contract.SandboxUnavailable` means 3.
Each text says what happened and what to do; it is printed as it is. Whatever else is raised is our own bug.
"""

from __future__ import annotations


class UserError(Exception):
    """The user has to change something."""


class UsageError(UserError):
    """The command was called in a way that can't work."""


class SettingsError(UserError):
    """A variable of the environment can't be used."""


class LabelsError(UserError):
    """The labels of a corpus can't be used."""


class OperatorsError(UserError):
    """A folder with operators can't be used."""


class GenerationError(UserError):
    """What generation is configured with can't be used."""


class AttestationError(UserError):
    """A key, a keyring or an attestation can't be used, or is not to be believed."""


class RegistryError(UserError):
    """A registry, or something in it, is not there or is not what it should be."""


class PromotionDenied(RegistryError):
    """A kernel may not serve: its evidence does not say so, or it is revoked. The command ends with exit code 1."""


class StoredRunError(UserError):
    """A run or case that was asked for is not stored, or is damaged."""


class UnavailableError(Exception):
    """The machine does not give what is needed."""


class FlowUnavailable(UnavailableError):
    """No Prefect server can be had."""


class SlotUnavailable(UnavailableError):
    """A slot can't be had that has to be held first."""


class SdkUnavailable(UnavailableError):
    """A provider's SDK is not installed."""


class JournalError(UnavailableError):
    """The journal of answers can't be written."""


class GitUnavailable(UnavailableError):
    """Git is not installed, or fails."""


class RegistryUnavailable(UnavailableError):
    """The registry's database is locked, full, or does not answer."""


class ReportError(UnavailableError):
    """A report can't be written."""


class StorageError(UnavailableError):
    """The storage that machines share does not take or give a file."""


class RunFolderError(UnavailableError):
    """A run folder can't be written."""
