"""Asynchronous against synchronous PBT in simulated time: how much of the machines' time does the barrier waste?

Eight members, ten rounds, eight slots, log-normal run times of sigma 0.5, the same for both modes. Run:
`python benchmarks/pbt_async.py`; exits 1 when a bar is missed.
"""

import heapq
import random
import statistics
import sys
from dataclasses import replace
from typing import Literal

from autosearch.api import algorithms as api
from autosearch.api.parameters import Parameter
from autosearch.search.pbt import Pbt
from autosearch.search.records import Search, TrialRecord
from autosearch.search.space import SearchSpace

POPULATION, ROUNDS, SIGMA = 8, 10, 0.5
BUSY_BAR, MAKESPAN_BAR = 0.75, 0.75
Mode = Literal["Asynchronous", "Synchronous"]


def simulate(mode: Mode, seed: int) -> tuple[float, float]:
    """Run one search; give its makespan (median run times) and the share of slot time that was busy."""
    space = SearchSpace.of([Parameter.from_dict({"name": "x", "float": {"min": 0.0, "max": 1.0}})])
    settings = api.Pbt(population=POPULATION, rounds=ROUNDS, mode=mode)
    search = Search("async", space, "pbt", settings, True, seed, POPULATION * ROUNDS)
    draw = random.Random(seed)
    duration = [draw.lognormvariate(0.0, SIGMA) for _ in range(POPULATION * ROUNDS)]
    trials: dict[int, TrialRecord] = {}
    running: list[tuple[float, int]] = []
    now = 0.0
    while True:
        for p in Pbt().propose(search, list(trials.values()), POPULATION - len(running)).trials:
            trials[p.number] = TrialRecord(f"t-{p.number}", p.number, "Running", p.parameters, p.round, p.member)
            heapq.heappush(running, (now + duration[p.number], p.number))
        if not running:
            return now, sum(duration) / (POPULATION * now)
        now, number = heapq.heappop(running)
        trials[number] = replace(
            trials[number],
            state="Succeeded",
            value=draw.random(),
            completion=f"{now:020.9f}",
            checkpoint=f"c/{number}",
        )


def compare(seeds: range) -> tuple[float, float, float]:
    """Give the medians over seeds: busy share without and with the barrier, and the ratio of the makespans."""
    free = [simulate("Asynchronous", seed) for seed in seeds]
    barred = [simulate("Synchronous", seed) for seed in seeds]
    ratio = statistics.median(a[0] / s[0] for a, s in zip(free, barred, strict=True))
    return statistics.median(b for _, b in free), statistics.median(b for _, b in barred), ratio


def main() -> int:
    """Print the figures; 1 when a bar is missed."""
    busy, barred, ratio = compare(range(20))
    print(f"busy share, median of 20 seeds: asynchronous {busy:.3f} (bar: >= {BUSY_BAR}), synchronous {barred:.3f}")
    print(f"makespan, asynchronous / synchronous: {ratio:.3f} (bar: <= {MAKESPAN_BAR})")
    return 0 if busy >= BUSY_BAR and ratio <= MAKESPAN_BAR else 1


if __name__ == "__main__":
    sys.exit(main())
