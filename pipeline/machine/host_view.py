"""What runners see in the embedded sandbox: this environment's torch and triton, and the harness of this checkout.

The same packages and the same files as in the runner image (`pipeline.machine.runner_image`), but as they are installed
here: nothing pins what the environment holds, which is one reason why no policy above dev takes evidence from there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipeline.machine.runner_image import HARNESS
from sandbox.contract import SandboxUnavailable
from sandbox.python_view import HostView, view_of_host

PACKAGES: Final = ("torch", "triton", "numpy", "pydantic")  # with all that they need
INSIDE: Final = "runners/inside"


def runner_view(project: Path, pins: tuple[str, ...] = ()) -> HostView:
    """Returns the view for runners.

    Args:
        project: The checkout whose harness is used.
        pins: Exact pins of packages that candidates may import besides; they must be installed here.

    Raises:
        SandboxUnavailable: a package or a file is missing, or closed to others.
    """
    harness = {name: project / name for name in (*HARNESS, INSIDE)}
    if lacking := [name for name, path in harness.items() if not path.exists()]:
        raise SandboxUnavailable(f"runners are made from a checkout, and {project} lacks {', '.join(lacking)}")
    return view_of_host(PACKAGES, pins, harness)
