"""What the tools of compute-sanitizer write, read; and what counts as evidence. The texts are a real run's."""

from __future__ import annotations

import pytest
from fake_device import FakeDevice, relu

from runners.device_session import DeviceSession
from runners.sanitizing import CONTROLS, FINDINGS_CAP, TOOLS, read_report, sanitize
from runners.session import Deadlines

MEMCHECK = """========= COMPUTE-SANITIZER
========= Invalid __global__ write of size 4 bytes
=========     at softmax_kernel+0x90 in candidate.py:23
=========     by thread (0,0,0) in block (0,0,0)
=========     Access to 0x7f0ecc8003e8 is out of bounds
=========     and is 1 bytes after the nearest allocation at 0x7f0ecc800000 of size 1,000 bytes
=========     Saved host backtrace up to driver entry point at kernel launch time
=========         Host Frame:  [0x55b15] in cydriver.cpython-312-x86_64-linux-gnu.so
=========         Host Frame: launch in san.py:49
=========
========= Invalid __global__ read of size 4 bytes
=========     at load_at+0x80
=========     by thread (0,0,0) in block (0,0,0)
=========
========= ERROR SUMMARY: 2 errors
"""
RACECHECK = """========= COMPUTE-SANITIZER
========= Error: Race reported between Write access at race+0x90
=========     and Read access at race+0xc0 [512 hazards]
=========
========= RACECHECK SUMMARY: 1 hazard displayed (1 error, 0 warnings)
"""
SYNCCHECK = """========= COMPUTE-SANITIZER
========= Barrier error detected. Invalid arguments.
=========     at k+0x50
=========     by thread (0,0,0) in block (0,0,0)
"""


def test_each_finding_has_its_first_line_its_kernel_and_its_line() -> None:
    first, second = read_report(MEMCHECK)
    assert (first.what, first.kernel, first.line) == ("Invalid __global__ write of size 4 bytes", "softmax_kernel", 23)
    assert (second.what, second.kernel, second.line) == ("Invalid __global__ read of size 4 bytes", "load_at", None)


def test_a_race_names_both_accesses_and_its_kernel() -> None:
    (found,) = read_report(RACECHECK)
    assert found.what == (
        "Error: Race reported between Write access at race+0x90 and Read access at race+0xc0 [512 hazards]"
    )
    assert found.kernel == "race"


def test_a_barrier_error_is_a_finding() -> None:
    (found,) = read_report(SYNCCHECK)
    assert found.what == "Barrier error detected. Invalid arguments."


def test_summaries_and_empty_reports_are_none() -> None:
    assert not list(read_report("========= COMPUTE-SANITIZER\n========= ERROR SUMMARY: 0 errors\n"))
    assert not list(read_report(""))


def test_whatever_else_a_tool_says_is_a_finding_and_is_not_passed_over() -> None:
    (found,) = read_report("========= Something nobody has seen before\n")
    assert found.what == "Something nobody has seen before"


@pytest.fixture
def device() -> FakeDevice:
    return FakeDevice(relu)


@pytest.fixture
def watched(relu_candidate, relu_cases, device):
    """Records plans of one candidate on the device and watches them; evidence by tool."""
    with DeviceSession(relu_candidate, device, Deadlines(2.0, 1.0), 1 << 30) as session:
        for case in relu_cases[:3]:
            session.run(case)
    device.ways.clear()

    def watch():
        evidence = sanitize(relu_candidate.operator, session.plans, device, 1.0)
        assert device.left_running == 0
        assert [one.tool for one in evidence] == list(TOOLS)
        return {one.tool: one for one in evidence}

    return watch


def test_every_tool_watches_every_plan_and_then_reports_its_planted_fault(device, watched) -> None:
    evidence = watched()
    assert all((one.plans, one.control_fired, one.problem) == (1, True, None) for one in evidence.values())
    assert len(device.ways) == len(TOOLS)
    assert all(way.exact for way in device.ways)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_that_does_not_report_its_planted_fault_has_not_fired(device, watched, tool) -> None:
    device.reports[tool] = ""
    evidence = watched()
    assert [name for name in TOOLS if not evidence[name].control_fired] == [tool]


def test_a_report_about_another_kernel_is_not_the_planted_fault(device, watched) -> None:
    device.reports["racecheck"] = RACECHECK
    assert not watched()["racecheck"].control_fired


def test_what_a_tool_reports_of_a_plan_is_a_finding_and_ends_its_run(device, watched) -> None:
    device.said["memcheck"] = MEMCHECK * FINDINGS_CAP
    evidence = watched()
    assert len(evidence["memcheck"].findings) == FINDINGS_CAP
    assert evidence["memcheck"].plans == 1
    assert not evidence["memcheck"].control_fired  # nobody needs it: there is a finding
    assert not evidence["initcheck"].findings


def test_a_tool_that_can_not_be_had_is_missing_evidence(device, watched) -> None:
    device.missing_tools = ("synccheck",)
    evidence = watched()
    assert (evidence["synccheck"].problem, evidence["synccheck"].ours) == ("there is no synccheck", True)
    assert evidence["memcheck"].problem is None


def test_each_control_is_a_fault_of_its_tool_alone() -> None:
    assert set(CONTROLS) == set(TOOLS)
    assert len({control.fault for control in CONTROLS.values()}) == len(TOOLS)
