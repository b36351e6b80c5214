"""The rule `threshold`: stop a trial whose value leaves the given bounds.

Owns: that comparison, and nothing of other trials. Same decisions as Optuna 5's `ThresholdPruner`.
"""

import math
from collections.abc import Sequence

from autosearch.api import algorithms as api
from autosearch.search.records import Search, TrialRecord
from autosearch.search.stopping.verdict import Stop, figure


class Threshold:
    """The bounds hold for the value as reported, whatever the direction."""

    def __init__(self, search: Search, rule: api.Threshold, trials: Sequence[TrialRecord]) -> None:
        del search, trials  # the signature is that of all rules
        self._lower, self._upper = rule.lower, rule.upper

    def should_stop(self, trial: TrialRecord) -> Stop | None:
        """Judge the last value; on a bound is inside, NaN is outside."""
        if not trial.observations:
            return None
        step, value = trial.observations[-1]
        if math.isnan(value):
            return Stop(step, f"the value at step {step} is not a number")
        if self._lower is not None and value < self._lower:
            return Stop(step, f"{figure(value)} at step {step} is below {figure(self._lower)}")
        if self._upper is not None and value > self._upper:
            return Stop(step, f"{figure(value)} at step {step} is above {figure(self._upper)}")
        return None

    def steps_to_keep(self, trial: TrialRecord) -> set[int]:
        """None: only the last observation is judged."""
        del trial
        return set()
