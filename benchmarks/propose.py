"""CPU time of one proposal, with the memo that a worker process keeps.

Run: `python benchmarks/propose.py [--algorithm tpe] [--trials 2000] [--asks 40]`. Prints median and 95th percentile.
"""

import argparse
import os
import random
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "operator"))

from autosearch.search.history import running
from autosearch.search.propose import search_of
from autosearch.search.records import Proposal, Search, TrialRecord
from autosearch.search.registry import NAMES, algorithm_of

PARAMETERS = [
    {"name": "lr", "float": {"min": 1e-5, "max": 1e-1, "scale": "Log"}},
    {"name": "decay", "float": {"min": 1e-6, "max": 1e-2, "scale": "Log"}},
    {"name": "momentum", "float": {"min": 0.0, "max": 0.99}},
    {"name": "dropout", "float": {"min": 0.0, "max": 0.9}},
    {"name": "layers", "int": {"min": 1, "max": 12}},
    {"name": "units", "int": {"min": 16, "max": 4096, "scale": "Log"}},
    {"name": "kernel", "categorical": {"choices": ["linear", "rbf", "poly"]}},
    {"name": "norm", "boolean": {}},
]


def a_search(name, trials):
    """Give a search of 8 parameters: 4 floats, 2 ints, 2 without order."""
    population = name in ("cmaes", "pso", "pbt")
    settings = {"population": 8, "rounds": trials} if population else {}
    spec = {"objective": {"metric": "m", "direction": "Minimize"}, "parameters": PARAMETERS, "template": {}}
    if name == "grid":
        spec["parameters"] = PARAMETERS[4:]
    budget = {} if population or name == "grid" else {"maxTrials": trials * 4}
    spec = {**spec, **budget, "algorithm": {name: settings}, "seed": 1}
    return search_of({"metadata": {"name": "bench"}, "spec": spec})


def finished(search: Search, proposal: Proposal, rng: random.Random, order: int) -> TrialRecord:
    """Give a proposal as a trial that succeeded."""
    trial = running(search, proposal)
    values = {"state": "Succeeded", "value": rng.random(), "completion": f"{order:09d}", "checkpoint": "c"}
    return TrialRecord(**{f: getattr(trial, f) for f in trial.__slots__} | values)


def history(search: Search, count: int, rng: random.Random) -> list[TrialRecord]:
    """Give so many finished trials at drawn points."""
    population = getattr(search.settings, "population", 0)
    trials = []
    for number in range(count):
        place = divmod(number, population) if population else (0, number)
        proposal = Proposal(number, search.space.draw(rng), search.algorithm, *place, finished_seen=number)
        trials.append(finished(search, proposal, rng, number))
    return trials


def main():
    """Measure and print one line per algorithm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--algorithm", choices=NAMES, action="append")
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--asks", type=int, default=40)
    options = parser.parse_args()
    for name in options.algorithm or ["tpe"]:
        rng = random.Random(1)
        search = a_search(name, options.trials)
        trials = history(search, options.trials, rng)
        algorithm = algorithm_of(search.algorithm)
        start = time.process_time()
        algorithm.propose(search, trials, 1)
        first = time.process_time() - start
        spent = []
        for order in range(options.asks):
            start = time.process_time()
            proposals = algorithm.propose(search, trials, 1).trials
            spent.append(time.process_time() - start)
            trials = trials + [finished(search, p, rng, options.trials + order) for p in proposals]
        spent.sort()
        p50, p95 = spent[len(spent) // 2], spent[int(len(spent) * 0.95)]
        print(f"{name}: {options.trials} trials: p50 {p50:.4f} s, p95 {p95:.4f} s CPU; first {first:.3f} s")


if __name__ == "__main__":
    main()
