"""Scheduled flows against a real Prefect server, with scripted runners below them."""

from __future__ import annotations

import json
from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import Artifact


def artifact(key: str) -> Artifact:
    """The newest with this key."""
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
    return max(found, key=lambda one: str(one.created))


def page(key: str) -> str:
    """What the newest page with this key shows, as Markdown."""
    data: Any = artifact(key).data
    return str(data)


def table(key: str) -> list[dict[str, str]]:
    """The rows of the newest table with this key."""
    data: Any = artifact(key).data
    rows: list[dict[str, str]] = json.loads(data)
    return rows
