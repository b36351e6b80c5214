"""The rule `asha`: successive halving, all trials in one contest.

Owns: where its rungs are: minResource x reductionFactor^k steps, k = 0, 1, ...
Source: Li et al. 2020, the stopping form of it.
"""

from collections.abc import Sequence

from autosearch.api import algorithms as api
from autosearch.search.records import Search, TrialRecord
from autosearch.search.stopping.halving import Contest, arrivals
from autosearch.search.stopping.verdict import Stop

MAX_STEP = 2**31 - 1


class Asha:
    """See the module."""

    def __init__(self, search: Search, rule: api.Asha, trials: Sequence[TrialRecord]) -> None:
        self._rungs = rungs(rule)
        self._contest = Contest(search, rule.reduction_factor, self._rungs, trials)

    def should_stop(self, trial: TrialRecord) -> Stop | None:
        """Judge the last report, if it is the first at a rung."""
        return self._contest.should_stop(trial)

    def steps_to_keep(self, trial: TrialRecord) -> set[int]:
        """The first reports at or past each rung."""
        return arrivals(self._rungs, trial)


def rungs(rule: api.Asha) -> tuple[int, ...]:
    """Give the steps of the rungs, up to the greatest step that a report may carry."""
    return geometric(rule.min_resource, rule.reduction_factor, MAX_STEP)


def geometric(first: int, factor: int, last: int) -> tuple[int, ...]:
    """Give first x factor^k for k = 0, 1, ... up to `last`, which is included."""
    found = []
    while first <= last:
        found.append(first)
        first *= factor
    return tuple(found)
