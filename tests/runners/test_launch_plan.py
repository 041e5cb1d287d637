"""A plan is a claim: what can't be carried out is refused before anything is."""

from __future__ import annotations

import pytest

from runners.launch_plan import Buffer, Copy, Fill, Kernel, Launch, LaunchPlan, Place, Pointer, Scalar, View, problem_in

BASES = (64, 0)
MEMORY = 1 << 20


def view(buffer: int, offset: int = 0, shape: tuple[int, ...] = (4,), strides: tuple[int, ...] = (1,)) -> View:
    return View(place=Place(buffer=buffer, offset=offset), dtype="float32", shape=shape, strides=strides)


def plan(**changes: object) -> LaunchPlan:
    kernel = Kernel(name="k", cubin_bytes=8, shared_bytes=0, warps=4, scratch_bytes=0)
    arguments = (Pointer(place=Place(buffer=0, offset=0)), Pointer(place=Place(buffer=1, offset=16)),
                 Scalar(type="i32", value=4))  # fmt: skip
    given = {
        "kernels": (kernel,),
        "buffers": (Buffer(argument=0, nbytes=64), Buffer(argument=None, nbytes=32)),
        "steps": (Fill(target=view(1), value=0.0), Launch(kernel=0, grid=(1, 1, 1), arguments=arguments)),
        "outputs": (view(1, 16),),
    }
    return LaunchPlan.model_validate(given | changes)


def launch(**changes: object) -> tuple[Launch]:
    return (Launch.model_validate({"kernel": 0, "grid": (1, 1, 1), "arguments": ()} | changes),)


def test_what_can_be_carried_out_has_no_problem() -> None:
    assert problem_in(plan(), BASES, MEMORY) is None


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"steps": (Fill(target=view(1), value=0.0),)}, "it launches nothing"),
        ({"buffers": (Buffer(argument=0, nbytes=68), Buffer(argument=None, nbytes=32))}, "is no base"),
        ({"buffers": (Buffer(argument=2, nbytes=64), Buffer(argument=None, nbytes=32))}, "is no base"),
        ({"buffers": (Buffer(argument=0, nbytes=64), Buffer(argument=None, nbytes=MEMORY))}, "more than 1048576 bytes"),
        ({"outputs": (view(1, 20),)}, "outside of buffer 1"),
        ({"outputs": (view(2),)}, "there is no buffer 2"),
        ({"outputs": (view(0),)}, "a result lies in an argument"),
        ({"steps": (*launch(), Fill(target=view(0), value=0.0))}, "writes to an argument"),
        ({"steps": (*launch(), Fill(target=view(1, 0, (2, 2), (8, 1)), value=0.0))}, "outside of buffer 1"),
        ({"steps": (*launch(), Copy(target=view(1), source=view(0, 0, (2,))))}, "changes shape"),
        ({"steps": launch(kernel=1)}, "there is no kernel 1"),
        ({"steps": launch(grid=(1, 65_536, 1))}, "no GPU has a grid"),
        ({"steps": launch(grid=(131_072, 32_768, 1))}, "counts blocks in 32 bits"),
        ({"steps": launch(arguments=(Pointer(place=Place(buffer=1, offset=33)),))}, "outside of buffer 1"),
        ({"steps": launch(grid=(1 << 20, 1, 1)),
          "kernels": (Kernel(name="k", cubin_bytes=8, shared_bytes=0, warps=4, scratch_bytes=64),)}, "scratch memory"),
    ],
)  # fmt: skip
def test_what_can_not_is_refused_with_a_reason(changes: dict[str, object], problem: str) -> None:
    assert problem in str(problem_in(plan(**changes), BASES, MEMORY))


def test_as_many_blocks_as_the_launcher_counts_are_no_problem() -> None:
    assert problem_in(plan(steps=launch(grid=(32_769, 65_533, 1))), BASES, MEMORY) is None
