"""The one place that talks about connecting to a container engine, and what its errors mean.

Every failure of the engine or of the way to it becomes `SandboxUnavailable`: whoever calls the engine through
`engine_errors` handles one exception. The environment is not read here; the caller resolves `DOCKER_HOST` once and
passes it as `base_url` (None is the default socket).

No other module imports the SDK or opens the engine's socket; what the others need to tell its errors apart is passed on
from here. Containers are created in one place too (`sandbox.container`), from nothing but a `ContainerSpec`.

Deliberately not handled: TLS and ssh endpoints. A worker's conversation needs a plain socket that can be polled and
closed in one direction, so such a URL is refused at once instead of failing later.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import docker
from docker.errors import APIError as APIError
from docker.errors import DockerException as DockerException
from docker.errors import ImageNotFound
from docker.errors import NotFound as NotFound
from docker.utils import parse_repository_tag as parse_repository_tag
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import RequestException
from requests.exceptions import Timeout as RequestsTimeout
from urllib3.exceptions import HTTPError

from sandbox.contract import SandboxUnavailable
from sandbox.os_errors import reason_of
from sandbox.seccomp import LOG_FLAG

DEFAULT_URL: Final = "unix:///var/run/docker.sock"
CALL_TIMEOUT_S: Final = 60
KNOCK_TIMEOUT_S: Final = 5.0
PLAIN_SCHEMES: Final = ("unix://", "tcp://")
SETTLED: Final = (404, 409)
RUNTIME_FEATURES: Final = "org.opencontainers.runtime-spec.features"


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What the engine says about itself; recorded with the evidence."""

    version: str
    api: str
    default_runtime: str
    runtimes: tuple[str, ...]
    cgroup_version: str
    kernel: str
    security: tuple[str, ...]
    logging_runtimes: tuple[str, ...] = ()  # those that say that they have the kernel log what a filter refuses

    @property
    def is_rootless(self) -> bool:
        """Whether the engine says that it runs without root: a program that leaves its container is nobody then."""
        return "rootless" in self.security

    @property
    def title(self) -> str:
        """The engine in one line, for people and for evidence."""
        return f"Docker Engine {self.version} (API {self.api}, cgroup v{self.cgroup_version})"


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What the engine says about an image that it has.

    Attributes:
        id: The content id (`sha256:…`).
        architecture: In Go's words (`amd64`).
        variables: Names of the environment that programs in it find.
    """

    id: str
    architecture: str
    variables: tuple[str, ...]


class DockerEngine:
    """A connection to one engine, verified at construction. Thread-safe as far as the SDK is."""

    def __init__(self, base_url: str | None = None) -> None:
        """Connects and asks the engine for its facts.

        Raises:
            SandboxUnavailable: nothing answers there, or it is not an engine that we can use.
        """
        self.url = base_url or DEFAULT_URL
        if not self.url.startswith(PLAIN_SCHEMES):
            raise SandboxUnavailable(
                f"the engine at {self.url} cannot be used: only unix:// and plain tcp:// are supported; "
                "forward its socket to this machine and set DOCKER_HOST=unix:///path/to/socket"
            )
        with engine_errors("connect to the container engine", self.url):
            _knock(self.url)
            self.api = docker.APIClient(base_url=self.url, version="auto", timeout=CALL_TIMEOUT_S)
        try:
            self.facts = self._ask()
        except BaseException:
            self.api.close()
            raise

    def _ask(self) -> EngineFacts:
        with engine_errors("ask the container engine what it is", self.url):
            version = self.api.version()
            info = self.api.info()
        return EngineFacts(
            version=str(version.get("Version", "unknown")),
            api=str(version.get("ApiVersion", "unknown")),
            default_runtime=str(info.get("DefaultRuntime", "unknown")),
            runtimes=tuple(sorted(info.get("Runtimes") or {})),
            cgroup_version=str(info.get("CgroupVersion", "unknown")),
            kernel=str(info.get("KernelVersion", "unknown")),
            security=tuple(sorted(map(_security_name, info.get("SecurityOptions") or ()))),
            logging_runtimes=tuple(sorted(_logging(info.get("Runtimes") or {}))),
        )

    def find_image(self, reference: str) -> ImageFacts | None:
        """Returns the facts about an image, or None when the engine does not have it.

        Raises:
            SandboxUnavailable: the engine does not answer.
        """
        with engine_errors(f"look for the image {reference}", self.url):
            try:
                said = self.api.inspect_image(reference)  # type: ignore[no-untyped-call]  # the stubs lack it
            except ImageNotFound:
                return None
            variables = tuple(line.partition("=")[0] for line in said["Config"]["Env"] or ())
            return ImageFacts(str(said["Id"]), str(said["Architecture"]), variables)

    def image(self, reference: str) -> ImageFacts:
        """Returns the facts about an image that the engine has.

        Raises:
            SandboxUnavailable: it does not have it, or does not answer.
        """
        if (facts := self.find_image(reference)) is None:
            raise SandboxUnavailable(
                f"the engine at {self.url} has no image {reference}; build it with `kernelgate image build`"
            )
        return facts

    def address(self, path: str) -> str:
        """The address of a resource of the engine's API, for calls that the SDK does not wrap well."""
        return f"{self.api.base_url}/v{self.api.api_version}/{path}"

    def close(self) -> None:
        """Closes the connections to the engine; safe to call twice."""
        self.api.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def engine_errors(doing: str, url: str) -> Iterator[None]:
    """Turns every failure of the engine, and of the way to it, into `SandboxUnavailable`.

    Args:
        doing: What was tried, to follow "could not".
        url: Which engine was asked.

    Raises:
        SandboxUnavailable: with what happened and what to do next.
    """
    try:
        yield
    except (DockerException, RequestException, HTTPError, OSError) as error:
        raise SandboxUnavailable(f"could not {doing}: {_what_happened(error)} ({url}); {_advice(error)}") from error


def _knock(url: str) -> None:
    """Fails fast and cleanly where nothing listens; the SDK leaves its socket open when that happens to it."""
    if url.startswith("unix://"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knocking:
            knocking.settimeout(CALL_TIMEOUT_S)
            knocking.connect(url.removeprefix("unix://"))


def silence_at(url: str) -> str | None:
    """Says in plain words why nobody answers at a socket of this machine, or None where somebody does; quick."""
    if not url.startswith("unix://"):
        return None
    path = url.removeprefix("unix://")
    with socket.socket(socket.AF_UNIX) as knock:
        knock.settimeout(KNOCK_TIMEOUT_S)
        try:
            knock.connect(path)
        except FileNotFoundError:
            return f"there is no {path}"
        except PermissionError:
            return f"this user may not open {path} (root and its group may)"
        except OSError as error:
            return f"nobody listens at {path} ({reason_of(error)})"
    return None


def _security_name(option: object) -> str:
    """The name in an option such as `name=seccomp,profile=default`."""
    return str(option).partition(",")[0].removeprefix("name=")


def _logging(runtimes: dict[str, Any]) -> Iterator[str]:
    """Engines since 25 pass on what a runtime says of itself; of others nobody knows, and runc before 1.2 can't."""
    for name, runtime in runtimes.items():
        with suppress(ValueError, KeyError, TypeError):
            features = json.loads(runtime["status"][RUNTIME_FEATURES])
            if LOG_FLAG in features["linux"]["seccomp"]["supportedFlags"]:
                yield str(name)


def is_settled(error: APIError) -> bool:
    """Whether the engine refused because the container is gone already, is going, or is not running."""
    return error.response is not None and error.response.status_code in SETTLED


def is_still_dying(error: APIError) -> bool:
    """Whether the engine sent SIGKILL and gave up waiting (10 s): hundreds of busy processes take longer to die."""
    return "did not receive an exit event" in str(error.explanation)


def _what_happened(error: Exception) -> str:
    if isinstance(error, APIError) and error.explanation:
        return str(error.explanation).strip()
    deepest: BaseException = error
    while (cause := deepest.__cause__ or deepest.__context__) is not None:
        deepest = cause
    return f"{type(deepest).__name__}: {deepest}"[:500]


def _advice(error: Exception) -> str:
    match error:
        case ImageNotFound():
            return "build it with `kernelgate image build`"
        case NotFound():
            return "something else removed it, or the engine was restarted; try again"
        case APIError():
            return "the engine answered, but refused; its log says more"
        case RequestsTimeout():
            return "the engine hangs or is overloaded; check it with `docker info`"
        case RequestsConnectionError() | PermissionError() | ConnectionRefusedError():
            return "is it running, and may this user open its socket? `docker info` shows both"
        case _:
            return "start an engine, or point DOCKER_HOST at one; `kernelgate doctor` shows what this machine has"
