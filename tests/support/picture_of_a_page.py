"""Draws docs/images/report-candidate.png and report-case.png: the first screen of a candidate's page, and the
map of its errors. The page is that of a real run, with a fixed seed; `make pictures` calls this.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from pages_in_a_browser import chromium, opened

PROJECT = Path(__file__).parents[2]
IMAGES = PROJECT / "docs" / "images"
PROGRAM = Path(sys.executable).with_name("kernelgate")
KERNEL = "tests/kernels/layer_norm/wrong_equal_chunk_weights.py"
SEED = "7"


def page_of_a_run(runs: Path) -> Path:
    """Verifies the kernel, which is denied, and returns its page."""
    command = [PROGRAM, "verify", KERNEL, "--seed", SEED, "--runs", str(runs), "-q"]
    done = subprocess.run(command, cwd=PROJECT, stdout=subprocess.DEVNULL, check=False)
    if done.returncode != 1:
        raise SystemExit(f"{KERNEL} was to be denied; kernelgate ended with {done.returncode}")
    (page,) = runs.glob("*/001-*/report.html")
    return page


def draw() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        chromium() as browser,
        opened(browser, page_of_a_run(Path(folder))) as seen,
    ):
        seen.page.screenshot(path=IMAGES / "report-candidate.png")
        seen.page.evaluate("document.getElementById('case').scrollIntoView()")
        seen.page.screenshot(path=IMAGES / "report-case.png")


if __name__ == "__main__":
    draw()
