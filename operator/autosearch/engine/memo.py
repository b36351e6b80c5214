"""What a pass may remember of the last one.

Owns: results that cost time to make anew. Everything in it is checked against the objects it was made of, so that a
fresh memo gives the same plans; a shell keeps one for each job, or none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from autosearch.api.trial import Trial, TrialStatus
from autosearch.engine.tally import Tally, completed_at, in_order, tally_of
from autosearch.search.propose import record_of
from autosearch.search.records import TrialRecord


@dataclass(slots=True)
class Memo:
    """Remembers the finished trials' sums, records of trials, and which observations were judged.

    Attributes:
        passed: by trial name: what was known of all trials when this one was last judged and found good enough.
    """

    passed: dict[str, object] = field(default_factory=dict)
    _records: dict[str, tuple[TrialStatus, TrialRecord]] = field(default_factory=dict)
    _added: dict[str, Trial] = field(default_factory=dict)
    _tally: Tally | None = None

    def record(self, trial: Trial, metric: str) -> TrialRecord:
        """Give a trial as stopping rules see it."""
        name, status = trial.metadata.name, trial.status
        kept = self._records.get(name)
        if kept is None or kept[0] is not status:
            kept = self._records[name] = (status, record_of(trial, metric))
        return kept[1]

    def tally(self, finished: Sequence[Trial], *, maximize: bool) -> Tally:
        """Add up the finished trials; those that were there before, the very same objects, are not read again."""
        added = self._added
        fresh = [trial for trial in finished if added.get(trial.metadata.name) is not trial]
        tally = self._tally
        last = tally.last_completion if tally else None
        intact = tally is not None and tally.maximize == maximize and len(finished) - len(fresh) == len(added)
        if tally is None or not intact or any(last and completed_at(t) <= last for t in fresh):
            tally, self._added, fresh = tally_of(finished, maximize=maximize), {}, list(finished)
        else:
            for trial in in_order(fresh):
                tally.add(trial)
        self._tally = tally
        self._added.update((trial.metadata.name, trial) for trial in fresh)
        return tally.copy()
