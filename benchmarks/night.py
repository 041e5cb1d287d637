"""How many processors and GPUs 10,000 candidates a night need, and whether the simulation is to be believed.

    python benchmarks/night.py                                          # the fleets that docs/results/platform.md names
    python benchmarks/night.py --candidates 1000 --hours 4 --gpu-s 55
    python benchmarks/night.py --check --candidates 60 --processors 2 --right-s 9.1 --wall-s 290   # against a run

Costs are of docs/results/h200.md and verdicts.md unless said otherwise: the production policy on the interpreter, and
alone on an H200. `--check` simulates a run that was measured, with the mean cost of its candidates, and prints both.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from capacity import Costs, Fleet, least_fleet, simulate

RELU, SOFTMAX = 26.0, 55.0


def main() -> None:
    """Reads the arguments and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=10_000)
    parser.add_argument("--hours", type=float, default=8.0)
    parser.add_argument("--right-s", type=float, default=36.0, help="processor's seconds of a right candidate")
    parser.add_argument("--wrong-s", type=float, default=6.0, help="of one that is denied")
    parser.add_argument("--gpu-s", type=float, help="GPU's seconds of a right candidate")
    parser.add_argument("--agreed", type=float, help="share that goes on to the GPU")
    parser.add_argument("--overhead-s", type=float, default=0.1)
    parser.add_argument("--processors", type=int, default=2)
    parser.add_argument("--wall-s", type=float, default=0.0)
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args()
    costs = Costs(chosen.right_s, chosen.wrong_s, chosen.gpu_s or RELU, 1.0, overhead_s=chosen.overhead_s)
    if chosen.check:
        costs = replace(costs, agreed=1.0 if chosen.agreed is None else chosen.agreed)
        night = simulate(chosen.candidates, costs, Fleet(chosen.processors, 0))
        print(f"simulated {night.wall_s:.0f} s, measured {chosen.wall_s:.0f} s: {night.wall_s / chosen.wall_s:.2f}")
        return
    print(f"{chosen.candidates} candidates in {chosen.hours:g} h")
    print("agreed  GPU s  fails/h  processors  GPUs  done h  processors busy  GPUs busy  median wait for a GPU  again")
    for agreed in (0.2, 0.5, 1.0) if chosen.agreed is None else (chosen.agreed,):
        for gpu_s in (RELU, SOFTMAX) if chosen.gpu_s is None else (chosen.gpu_s,):
            for failures in (0.0, 0.1):
                told = replace(costs, agreed=agreed, gpu_s=gpu_s)
                fleet, night = least_fleet(chosen.candidates, told, chosen.hours * 3600, failures)
                print(
                    f"{agreed:6.1f} {gpu_s:6.0f} {failures:8.1f} {fleet.processors:11} {fleet.gpus:5} "
                    f"{night.wall_s / 3600:7.2f} {night.processors_busy:16.0%} {night.gpus_busy:10.0%} "
                    f"{night.gpu_wait_s:20.0f} s {night.begun_again:6}"
                )


if __name__ == "__main__":
    main()
