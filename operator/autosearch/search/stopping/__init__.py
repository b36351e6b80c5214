"""Early stopping: which running trials are hopeless, judged from their stored observations and those of the others.

Owns: the way into the rules, one file each. They are pure: the same observations give the same answer, whatever was
lost, doubled or restarted before. They see the last stored observation only, and never stop anything themselves.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autosearch.api import algorithms as api
from autosearch.search.records import Search, TrialRecord
from autosearch.search.stopping import asha, hyperband
from autosearch.search.stopping.asha import Asha
from autosearch.search.stopping.hyperband import Hyperband
from autosearch.search.stopping.median import Median
from autosearch.search.stopping.patience import Patience
from autosearch.search.stopping.threshold import Threshold
from autosearch.search.stopping.verdict import Rule, Stop

__all__ = ["Stop", "StoppingView", "rungs", "should_stop"]

_RULES: Mapping[type, Callable[[Search, Any, Sequence[TrialRecord]], Rule]] = {
    api.Median: Median,
    api.Asha: Asha,
    api.Hyperband: Hyperband,
    api.Threshold: Threshold,
    api.Patience: Patience,
}


class StoppingView:
    """A rule over one snapshot of all trials; it reads the other trials once per step or rung."""

    def __init__(self, search: Search, rule: api.StoppingSettings, trials: Sequence[TrialRecord]) -> None:
        self._rule = _RULES[type(rule)](search, rule, trials)

    def should_stop(self, trial: TrialRecord) -> Stop | None:
        """Judge a running trial's last stored observation; None: it goes on, or has none."""
        return self._rule.should_stop(trial)

    def steps_to_keep(self, trial: TrialRecord) -> set[int]:
        """Give the steps of a trial's observations that thinning must spare, beside the last: later decisions use them.

        At most 31 of them, for `patience` its `steps` + 1.
        """
        return self._rule.steps_to_keep(trial)


def should_stop(
    search: Search, rule: api.StoppingSettings, trial: TrialRecord, trials: Sequence[TrialRecord]
) -> Stop | None:
    """Judge one trial; `trials` are all of the search. For several of one snapshot use `StoppingView`."""
    return StoppingView(search, rule, trials).should_stop(trial)


def rungs(search: Search, rule: api.StoppingSettings, number: int) -> tuple[int, ...]:
    """Give the steps at which `asha` and `hyperband` judge a trial against others; none for the other rules."""
    if isinstance(rule, api.Asha):
        return asha.rungs(rule)
    if isinstance(rule, api.Hyperband):
        return hyperband.rungs(rule, hyperband.bracket(rule, search.job_name, number))
    return ()
