"""The rule `hyperband`: successive halving in several brackets, which differ in where the first rung is.

Owns: a trial's bracket and the bracket's rungs. Trials are shared out by crc32 of job name and number, in the shares
of Optuna 5's `HyperbandPruner`. Two differences are meant: brackets are counted in whole numbers (Optuna's logarithm
gives 5 in place of 6 for 243 steps), and there is no rung at or past `maxResource`: a trial that has got there has
nothing left to save. Source: Li et al. 2018.
"""

from binascii import crc32
from collections.abc import Sequence
from functools import cache

from autosearch.api import algorithms as api
from autosearch.search.records import Search, TrialRecord
from autosearch.search.stopping.asha import geometric
from autosearch.search.stopping.halving import Contest, arrivals
from autosearch.search.stopping.verdict import Stop


class Hyperband:
    """One contest per bracket, made when its first trial is judged."""

    def __init__(self, search: Search, rule: api.Hyperband, trials: Sequence[TrialRecord]) -> None:
        self._search, self._rule, self._trials = search, rule, trials
        self._contests: dict[int, Contest] = {}

    def should_stop(self, trial: TrialRecord) -> Stop | None:
        """Judge the last report among the trial's bracket, if it is the first at a rung."""
        index = self._bracket(trial)
        if index not in self._contests:
            members = (t for t in self._trials if self._bracket(t) == index)
            steps = rungs(self._rule, index)
            self._contests[index] = Contest(self._search, self._rule.reduction_factor, steps, members)
        return self._contests[index].should_stop(trial)

    def steps_to_keep(self, trial: TrialRecord) -> set[int]:
        """The first reports at or past each rung of the trial's bracket."""
        return arrivals(rungs(self._rule, self._bracket(trial)), trial)

    def _bracket(self, trial: TrialRecord) -> int:
        return bracket(self._rule, self._search.job_name, trial.number)


def bracket(rule: api.Hyperband, job_name: str, number: int) -> int:
    """Give the bracket of a trial; in bracket 0 the first rung is `minResource`."""
    budgets = _budgets(rule.min_resource, rule.max_resource, rule.reduction_factor)
    left = crc32(f"{job_name}_{number}".encode()) % sum(budgets)
    index = 0
    while left >= budgets[index]:
        left -= budgets[index]
        index += 1
    return index


def rungs(rule: api.Hyperband, index: int) -> tuple[int, ...]:
    """Give the steps of a bracket's rungs."""
    first = rule.min_resource * rule.reduction_factor**index
    return geometric(first, rule.reduction_factor, rule.max_resource - 1)


@cache
def _budgets(first: int, last: int, factor: int) -> tuple[int, ...]:
    """Give how many of sum(budgets) trials go to each bracket: the paper's n, ceil(brackets x eta^s / (s + 1))."""
    count = len(geometric(first, factor, last))
    return tuple(-(-count * factor**s // (s + 1)) for s in reversed(range(count)))
