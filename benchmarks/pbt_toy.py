"""The toy of Jaderberg et al. 2017, Figure 2, through `Pbt.propose`: does PBT beat every fixed setting?

Q = 1.2 - (t0^2 + t1^2) is what counts; a member climbs 1.2 - (h0 t0^2 + h1 t1^2) by gradient steps and
sees Q every four of them. With fixed h the best is 0.39. Run: `python benchmarks/pbt_toy.py`; exits 1 when a bar is
missed.
"""

import statistics
import sys
from typing import Literal

from autosearch.api import algorithms as api
from autosearch.api.parameters import Parameter
from autosearch.search.pbt import Pbt
from autosearch.search.records import Search, TrialRecord
from autosearch.search.space import SearchSpace

STEPS_PER_ROUND = 4
LEARNING_RATE = 0.01
START = (0.9, 0.9)
STARTS = ({"h0": 1.0, "h1": 0.0}, {"h0": 0.0, "h1": 0.9})
BAR = 1.18
GRID, GRID_TOLERANCE = 0.39, 0.005
Mode = Literal["Asynchronous", "Synchronous"]
Weights = tuple[float, float]


def toy_search(starts, rounds: int, seed: int, mode: Mode) -> Search:
    """Give the search: h0 and h1 in [0, 1], linear, one member per start."""
    space = SearchSpace.of(
        [Parameter.from_dict({"name": name, "float": {"min": 0.0, "max": 1.0}}) for name in ("h0", "h1")]
    )
    settings = api.Pbt(population=len(starts), rounds=rounds, quantile=0.5, explore_probability=0.25, mode=mode)
    total = len(starts) * rounds
    return Search("toy", space, "pbt", settings, True, seed, total, "q", initial=tuple(starts))


def train(weights: Weights, h) -> Weights:
    """Climb the surrogate for one round."""
    t0, t1 = weights
    for _ in range(STEPS_PER_ROUND):
        t0 -= LEARNING_RATE * 2 * h["h0"] * t0
        t1 -= LEARNING_RATE * 2 * h["h1"] * t1
    return t0, t1


def best_q(starts=STARTS, steps: int = 200, seed: int = 0, mode: Mode = "Asynchronous") -> float:
    """Run one search, its members in turn, and give the best Q of any trial."""
    search = toy_search(starts, steps // STEPS_PER_ROUND, seed, mode)
    trials: list[TrialRecord] = []
    weights: dict[str, Weights] = {"": START}
    while proposals := Pbt().propose(search, trials, len(starts)).trials:
        for p in proposals:
            checkpoint = f"toy/{p.round}-{p.member}/model.pkl"
            weights[checkpoint] = train(weights[p.resume[1] if p.resume else ""], p.parameters)
            q = 1.2 - sum(t * t for t in weights[checkpoint])
            stamp = f"{len(trials):06d}"
            trials.append(
                TrialRecord(
                    f"toy-{p.number}",
                    p.number,
                    "Succeeded",
                    p.parameters,
                    round=p.round,
                    member=p.member,
                    value=q,
                    completion=stamp,
                    checkpoint=checkpoint,
                )
            )
    return max(t.value for t in trials if t.value is not None)


def grid_q(steps: int = 200) -> float:
    """Give the control: each start alone, which never exploits."""
    return max(best_q(starts=(start,), steps=steps) for start in STARTS)


def main() -> int:
    """Print the figures; 1 when a bar is missed."""
    grid = grid_q()
    met = abs(grid - GRID) <= GRID_TOLERANCE
    print(f"grid control: {grid:.4f} (bar: {GRID} +- {GRID_TOLERANCE})")
    for mode in ("Asynchronous", "Synchronous"):
        found = sorted(best_q(seed=seed, mode=mode) for seed in range(50))
        median = statistics.median(found)
        met = met and median >= BAR
        print(f"{mode}: median of 50 seeds {median:.4f} (bar: >= {BAR}), min {found[0]:.4f}, max {found[-1]:.4f}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
