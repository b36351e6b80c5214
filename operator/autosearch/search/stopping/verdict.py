"""What a stopping rule is and says.

Owns: the answer of a rule, and the small readings of observations that several rules share.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from autosearch.search.records import Search, TrialRecord

Observations = Sequence[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Stop:
    """A trial is to be stopped.

    Attributes:
        step: of the observation that was judged: the trial's last stored one.
        reason: one clause for people.
    """

    step: int
    reason: str


class Rule(Protocol):
    """One stopping rule over one set of trials: a pure function of their stored observations."""

    def should_stop(self, trial: TrialRecord) -> Stop | None:
        """Judge the trial's last stored observation; None: it goes on."""
        ...

    def steps_to_keep(self, trial: TrialRecord) -> set[int]:
        """Give the steps of stored observations that later decisions need, the last one left out."""
        ...


def one_each(trials: Iterable[TrialRecord]) -> Mapping[int, TrialRecord]:
    """Give the trials by number; of one that is listed twice the version with more observations."""
    found: dict[int, TrialRecord] = {}
    for trial in trials:
        other = found.get(trial.number)
        if other is None or (len(trial.observations), trial.finished) > (len(other.observations), other.finished):
            found[trial.number] = trial
    return found


def first_from(observations: Observations, step: int) -> int:
    """Give the index of the first observation at or past a step; the length if there is none."""
    # Most scripts report each step: the first guess is then right, and two thousand trials cost a millisecond.
    guess = step - observations[0][0] if observations else -1
    if 0 <= guess < len(observations) and observations[guess][0] == step:
        return guess
    return bisect_left(observations, (step, -math.inf))


def best_of(search: Search, observations: Iterable[tuple[int, float]]) -> tuple[int, float] | None:
    """Give the first of the best observations; None if there is none but NaN."""
    best: tuple[int, float] | None = None
    for observation in observations:
        if not math.isnan(observation[1]) and (best is None or search.better(observation[1], best[1])):
            best = observation
    return best


def figure(value: float) -> str:
    """Write a value for people."""
    return f"{value:.6g}"
