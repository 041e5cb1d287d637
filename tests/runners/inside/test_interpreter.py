"""Runs the checks of `interpreted/`: with the repairs, all pass; on the stock interpreter, those named here fail.

Both run in a process of their own, since triton decides when it is imported whether it interprets.
"""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "interpreted"
ROOT = Path(__file__).parents[3]
CHECKS = sorted(path.name for path in FOLDER.glob("check_*.py"))

# One check for each repair, and each must notice that its repair is missing: their positive control.
STOCK_FAILS = (
    "check_formats.py::test_every_16_bit_pattern_converts_as_in_torch",
    "check_formats.py::test_float32_rounds_to_16_bits_at_every_boundary",
    "check_formats.py::test_every_16_bit_pattern_converts_to_float8_saturating",
    "check_formats.py::test_every_float8_pattern_widens_exactly",
    "check_formats.py::test_float32_rounds_to_float8_at_every_boundary",
    "check_formats.py::test_float64_and_int32_round_to_bfloat16_once",
    "check_formats.py::test_float_to_integer_truncates_and_saturates_as_measured",
    "check_formats.py::test_a_mask_converts_to_zeros_and_ones",
    "check_formats.py::test_a_constant_is_rounded_to_its_type",
    "check_arithmetic.py::test_16_bit_arithmetic_is_that_of_torch",
    "check_arithmetic.py::test_16_bit_division_is_done_in_float32",
    "check_arithmetic.py::test_maximum_takes_the_positive_zero",
    "check_arithmetic.py::test_comparison_and_where_use_values",
    "check_arithmetic.py::test_clamp_uses_values",
    "check_arithmetic.py::test_fma_rounds_once",
    "check_arithmetic.py::test_negation_and_absolute_value_touch_the_sign_only",
    "check_arithmetic.py::test_a_builtin_imported_by_name_works",
    "check_reductions.py::test_a_16_bit_sum_is_rounded_at_every_step",
    "check_reductions.py::test_arg_reductions_give_the_first_of_equals",
    "check_reductions.py::test_arg_reduction_of_nothing_but_nan_gives_the_last_index",
    "check_reductions.py::test_without_left_ties_any_of_equals_is_given",
    "check_reductions.py::test_custom_reductions_agree_with_torch_on_every_axis",
    "check_reductions.py::test_cumsum_agrees_with_torch",
    "check_reductions.py::test_dot_of_narrow_floats_uses_their_values",
    "check_reductions.py::test_float32_dot_is_tf32_unless_ieee_is_asked",
    "check_reductions.py::test_split_precisions_are_near_exact",
    "check_reductions.py::test_a_float16_accumulator_is_rounded",
    "check_reductions.py::test_a_float8_product_by_wgmma_keeps_14_bits",
    "check_reductions.py::test_equal_rows_and_columns_of_a_dot_have_equal_bits",
    "check_reordering.py::test_what_may_be_reordered_never_keeps_its_order",
    "check_undefined.py::test_division_by_zero_has_no_result",
    "check_undefined.py::test_the_smallest_number_divided_by_minus_one_has_no_result",
    "check_undefined.py::test_a_shift_by_the_width_or_more_has_no_result",
    "check_undefined.py::test_scalars_are_no_exception",
    "check_hints.py::test_a_false_hint_is_the_candidates_error",
    "check_hints.py::test_groups_of_neighbours_are_claimed_truly_and_falsely",
    "check_hints.py::test_what_the_compiler_refuses_of_a_hint_is_refused",
    "check_libdevice.py::test_float32_functions_are_rounded_from_float64",
    "check_libdevice.py::test_every_import_path_reaches_the_same_function",
    "check_launch.py::test_float_int_and_bool_arguments_are_tensors",
    "check_launch.py::test_a_float_argument_is_a_float32_that_promotes",
    "check_launch.py::test_autotune_works_without_a_gpu",
    "check_launch.py::test_a_gathered_lane_that_no_index_names_is_undefined",
    "check_launch.py::test_host_code_can_ask_the_driver_about_the_device",
    "check_launch.py::test_a_bfloat16_atomic_add_adds_each_lane",
    "check_launch.py::test_helpers_docstrings_and_enclosing_variables_work",
    "check_launch.py::test_a_tensor_descriptor_works_on_a_guarded_base",
    "check_launch.py::test_the_line_of_an_error_is_that_of_the_file",
    "check_launch.py::test_a_kernel_gets_no_names_that_its_file_did_not_import",
    "check_blame.py::test_a_limit_of_the_interpreter_is_not_the_candidates_fault",
    "check_blame.py::test_a_keyword_that_is_neither_argument_nor_option_is_refused",
    "check_devices.py::test_what_holds_on_a_gpu_holds_here",
    "check_devices.py::test_a_device_guard_does_nothing",
)


# OpenBLAS multiplies otherwise on each family of processors: on some, equal rows have equal bits without any repair.
EVERYWHERE_ALIKE = {"OPENBLAS_CORETYPE": "Haswell", "TRITON_INTERPRET": "1"}


def outcomes(report: Path, nodes: list[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Runs pytest on `nodes` of the folder; returns the failure text of each check by node id, "" where it passed."""
    command = [
        *(sys.executable, "-m", "pytest", "-q", "--tb=no", "-p", "no:cacheprovider"),
        *("-o", "python_files=check_*.py", "-o", "junit_family=xunit1"),
        *("--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"), f"--junitxml={report}"),
        *(str(FOLDER / node) for node in nodes),
    ]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment, **EVERYWHERE_ALIKE}, capture_output=True, text=True
    )
    assert report.exists(), done.stdout + done.stderr
    found = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        file = Path(case.get("file", "")).name
        problems = [child.get("message", "") for child in case if child.tag in ("failure", "error", "skipped")]
        found[f"{file}::{case.get('name')}"] = "\n".join(problems) or ("failed" if problems else "")
    assert found, done.stdout + done.stderr
    return found


@pytest.fixture(scope="module")
def repaired(tmp_path_factory):
    return outcomes(tmp_path_factory.mktemp("repaired") / "report.xml", CHECKS, {})


@pytest.fixture(scope="module")
def stock(tmp_path_factory):
    report = tmp_path_factory.mktemp("stock") / "report.xml"
    return outcomes(report, list(STOCK_FAILS), {"KERNELGATE_STOCK_INTERPRETER": "1"})


@pytest.mark.parametrize("check", CHECKS)
def test_the_repaired_interpreter_passes(repaired, check):
    results = {name: problem for name, problem in repaired.items() if name.startswith(f"{check}::")}
    assert results
    assert {name: problem for name, problem in results.items() if problem} == {}


@pytest.mark.parametrize("node", STOCK_FAILS)
def test_the_check_fails_where_its_repair_is_missing(stock, node):
    problems = [problem for name, problem in stock.items() if name.partition("[")[0] == node]
    assert any(problems), f"{len(problems)} cases of it passed"


def test_nothing_is_touched_on_a_version_that_the_repairs_do_not_know():
    program = (
        "import triton; triton.__version__ = '4.1.0'\n"
        "import triton.runtime.interpreter as stock\n"
        "before = dict(vars(stock.InterpreterBuilder))\n"
        "from runners.inside import interpreter\n"
        "from runners.wire import Conditions\n"
        "assert interpreter.install() is False\n"
        "triton.__version__ = '3.9.0'\n"
        "genuine = stock.InterpreterBuilder.create_dot\n"
        "stock.InterpreterBuilder.create_dot = lambda self, a, b: None\n"
        "assert interpreter.install() is False\n"
        "stock.InterpreterBuilder.create_dot = genuine\n"
        "assert before == dict(vars(stock.InterpreterBuilder))\n"
        "try:\n"
        "    with interpreter.observe(\n"
        "        Conditions(fresh_byte=0, order_seed=None, choice_seed=0, undefined_lanes=False)\n"
        "    ): pass\n"
        "except interpreter.InterpreterCannot: print('refused')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "refused\n", done.stderr
