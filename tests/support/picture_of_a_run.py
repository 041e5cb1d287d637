"""Draws docs/images/scheduled-run.png: what Prefect shows of a measurement in which the gate fell.

The gate did not: one of four bundled kernels gets a wrong label for it. `make pictures` calls this.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
from lasting_server import lasting_server
from prefect_pages import shown

PROJECT = Path(__file__).parents[2]
KERNELS = PROJECT / "tests" / "kernels" / "softmax"
LABELS = {
    "right_block": "right",
    "right_online": "right",
    "wrong_no_maximum": "right",
    "wrong_padding_counted": "wrong",
}
RUN = (
    "from pathlib import Path; from pipeline.scheduled.corpus_watch import corpus_watch; "
    "from pipeline.scheduled.parameters import Corpus, Gate; "
    "corpus_watch(Corpus(folder=Path('kernels')), Gate(reports_url='https://runs.example'), return_state=True)"
)


def measure(folder: Path, address: str) -> None:
    """Runs the flow over four kernels."""
    (folder / "kernels").mkdir()
    for name in LABELS:
        shutil.copy(KERNELS / f"{name}.py", folder / "kernels")
    labels = (f'[{name}]\nlabel = "{label}"\noperator = "softmax"\n' for name, label in LABELS.items())
    (folder / "kernels" / "labels.toml").write_text("".join(labels))
    environment = os.environ | {"PREFECT_API_URL": f"{address}/api", "KERNELGATE_RUNS": str(folder / "runs")}
    subprocess.run([sys.executable, "-c", RUN], cwd=folder, env=environment, check=True)


def draw() -> None:
    with (
        tempfile.TemporaryDirectory() as home,
        tempfile.TemporaryDirectory() as folder,
        lasting_server(Path(home)) as at,
    ):
        measure(Path(folder), at)
        asked = {"artifacts": {"key": {"any_": ["kernelgate-corpus"]}}}
        (artifact,) = httpx.post(f"{at}/api/artifacts/filter", json=asked, timeout=60).json()
        with shown(f"{at}/artifacts/artifact/{artifact['id']}", "How often it is wrong") as page:
            page.screenshot(path=PROJECT / "docs" / "images" / "scheduled-run.png")


if __name__ == "__main__":
    draw()
