import gc
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from runners.inside.memory import PAGE, guarded

ROOT = Path(__file__).parents[3]
TOUCH = (
    "import ctypes, sys; from runners.inside.memory import guarded\n"
    "g = guarded(int(sys.argv[1]), sys.argv[2])\n"
    "print('before', flush=True); ctypes.string_at(g.buffer.data_ptr() + int(sys.argv[3]), 1); print('after')\n"
)


def mappings() -> int:
    return len(Path("/proc/self/maps").read_text().splitlines())


@pytest.mark.parametrize("nbytes", [1, 2, 100, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE])
def test_the_payload_is_flush_with_the_asked_side(nbytes):
    assert (guarded(nbytes).buffer.data_ptr() + nbytes) % PAGE == 0
    assert guarded(nbytes, "start").buffer.data_ptr() % PAGE == 0


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float32])
def test_a_view_is_aligned_to_its_itemsize(dtype):
    made = guarded(7 * dtype.itemsize).view(dtype, (7,), (1,))
    assert made.data_ptr() % dtype.itemsize == 0
    assert made.untyped_storage().nbytes() == 7 * dtype.itemsize


def test_fresh_bytes_are_zero_and_can_be_filled():
    made = guarded(1000)
    assert not made.buffer.any()
    made.fill(0xAB)
    assert bytes(made.buffer.numpy()) == b"\xab" * 1000


def test_no_bytes_are_no_problem():
    assert guarded(0).buffer.numel() == 0
    assert guarded(0).view(torch.float32, (0, 3), (3, 1)).shape == (0, 3)


def test_a_view_keeps_the_mapping_and_the_last_one_frees_it():
    gc.collect()
    before = mappings()
    views = [guarded(PAGE + 3).buffer[5:] for _ in range(20)]
    assert mappings() >= before + 20
    assert all(int(view.sum()) == 0 for view in views)
    del views
    gc.collect()
    assert mappings() < before + 20


@pytest.mark.parametrize(("side", "offset"), [("end", 100), ("start", -1)])
def test_touching_the_guard_page_is_a_segmentation_fault(side, offset):
    done = subprocess.run(
        [sys.executable, "-c", TOUCH, "100", side, str(offset)], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.stdout, done.returncode) == ("before\n", -11)
