"""The rule `median`: stop a trial whose best value so far is worse than the median of the others at the same step.

Owns: that comparison. The others are the Succeeded trials, as in Optuna 5's `MedianPruner`, whose decisions it shares
where all trials report the same steps. One difference is meant: where another trial has no report at exactly this
step (its observations were thinned, or it reports at other steps), its last one before counts, provided that it went
on at least to this step.
"""

import math
from collections.abc import Sequence

from autosearch.api import algorithms as api
from autosearch.search.records import Search, TrialRecord
from autosearch.search.stopping.verdict import Observations, Stop, best_of, figure, first_from, one_each


class Median:
    """The others' values at a step are gathered once, when the first trial is judged there."""

    def __init__(self, search: Search, rule: api.Median, trials: Sequence[TrialRecord]) -> None:
        self._search, self._rule = search, rule
        self._others = [t for t in one_each(trials).values() if t.state == "Succeeded"]
        self._at: dict[int, tuple[float, int]] = {}

    def should_stop(self, trial: TrialRecord) -> Stop | None:
        """Judge the best value so far; never before `warmupSteps` or with less than `startupTrials` others."""
        if not trial.observations or len(self._others) < max(self._rule.startup_trials, 1):
            return None
        step = trial.observations[-1][0]
        if step < self._rule.warmup_steps:
            return None
        best = best_of(self._search, trial.observations)
        if best is None:
            return Stop(step, f"no value up to step {step} is a number")
        return self._judge(step, best[1])

    def _judge(self, step: int, best: float) -> Stop | None:
        middle, count = self._median_at(step)
        if not self._search.better(middle, best):
            return None
        others = f"the median {figure(middle)} of {count} trials at that step"
        return Stop(step, f"the best value {figure(best)} up to step {step} is worse than {others}")

    def _median_at(self, step: int) -> tuple[float, int]:
        """Give the median and of how many trials; NaN, which is never better than a value, if of none."""
        if step not in self._at:
            values = [value for t in self._others if (value := _value_at(t.observations, step)) == value]
            self._at[step] = _median(values), len(values)
        return self._at[step]

    def steps_to_keep(self, trial: TrialRecord) -> set[int]:
        """The best so far."""
        best = best_of(self._search, trial.observations)
        return set() if best is None else {best[0]}


def _value_at(observations: Observations, step: int) -> float:
    """Give the value at a step or the last one before; NaN if the trial did not get there, or began later."""
    if not observations or step > observations[-1][0]:
        return math.nan
    index = first_from(observations, step)
    if observations[index][0] > step:
        index -= 1
    return observations[index][1] if index >= 0 else math.nan


def _median(values: list[float]) -> float:
    if not values:
        return math.nan
    # The even case is written as numpy interpolates, so that a value equal to the median compares alike.
    ordered = sorted(values)
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return high - (high - low) * 0.5
