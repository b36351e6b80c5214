"""Successive halving without waiting: at each rung a trial goes on only if it is among the best 1/eta so far.

Owns: the contest at a rung, which `asha` and `hyperband` share; they own where the rungs are. A trial's value at a
rung is that of its first report at or past it, so that everything is found again from stored observations (Optuna
keeps it in the trial's attributes, which a rebuilt study has lost). Decisions are those of Optuna 5's
`SuccessiveHalvingPruner`. One difference is meant: a trial that jumps over several rungs with one report counts at
all of them, even when it was stopped at the first.
"""

import math
from collections.abc import Iterable, Sequence
from functools import cached_property

from autosearch.search.records import Search, TrialRecord
from autosearch.search.stopping.verdict import Stop, figure, first_from, one_each


class Contest:
    """Trials that meet at the same rungs; values at a rung are gathered once, when the first trial is judged there."""

    def __init__(self, search: Search, factor: int, rungs: Sequence[int], trials: Iterable[TrialRecord]) -> None:
        self._search, self._factor, self._rungs, self._given = search, factor, rungs, trials
        self._at: dict[int, dict[int, float]] = {}

    @cached_property
    def _trials(self) -> list[TrialRecord]:
        # Most snapshots have no trial at a rung: nothing is read before there is one.
        return list(one_each(self._given).values())

    def should_stop(self, trial: TrialRecord) -> Stop | None:
        """Judge the last report at each rung that it is the first to reach."""
        step, value = trial.observations[-1] if trial.observations else (-1, 0.0)
        before = trial.observations[-2][0] if len(trial.observations) > 1 else -1
        reached = [rung for rung in self._rungs if before < rung <= step]
        if reached and math.isnan(value):
            return Stop(step, f"the value at step {step} is not a number")
        stops = (self._judge(trial.number, rung, step, value) for rung in reached)
        return next((stop for stop in stops if stop is not None), None)

    def _judge(self, number: int, rung: int, step: int, value: float) -> Stop | None:
        others = [other for n, other in self._values_at(rung).items() if n != number]
        better = sum(self._search.better(other, value) for other in others)
        total = len(others) + 1
        if better < max(total // self._factor, 1):
            return None
        place = f"in place {better + 1} of {total} trials at rung {rung}"
        return Stop(step, f"{figure(value)} at step {step} is {place}, of which the best 1/{self._factor} go on")

    def _values_at(self, rung: int) -> dict[int, float]:
        if rung not in self._at:
            arrivals = ((t, first_from(t.observations, rung)) for t in self._trials)
            values = {t.number: t.observations[i][1] for t, i in arrivals if i < len(t.observations)}
            self._at[rung] = {number: value for number, value in values.items() if not math.isnan(value)}
        return self._at[rung]


def arrivals(rungs: Sequence[int], trial: TrialRecord) -> set[int]:
    """Give the steps of a trial's first reports at or past each rung that it has reached."""
    found = (first_from(trial.observations, rung) for rung in rungs)
    return {trial.observations[i][0] for i in found if i < len(trial.observations)}
