"""What a pass may remember of the last one.

Owns: results that cost time to make anew. Everything in it is checked against the objects it was made of, so that a
fresh memo gives the same plans; a shell keeps one for each job, or none.
"""

from dataclasses import dataclass, field

from autosearch.api.trial import Trial, TrialStatus
from autosearch.engine.census import LastCensus
from autosearch.search.propose import record_of
from autosearch.search.records import TrialRecord


@dataclass(slots=True)
class Memo:
    """Remembers the last census of trials, records of trials, and which observations were judged.

    Attributes:
        passed: by trial name: what was known of all trials when this one was last judged and found good enough.
        census: of the last snapshot's trials.
    """

    passed: dict[str, object] = field(default_factory=dict)
    census: LastCensus = field(default_factory=LastCensus)
    _records: dict[str, tuple[TrialStatus, TrialRecord]] = field(default_factory=dict)

    def record(self, trial: Trial, metric: str) -> TrialRecord:
        """Give a trial as stopping rules see it."""
        name, status = trial.metadata.name, trial.status
        kept = self._records.get(name)
        if kept is None or kept[0] is not status:
            kept = self._records[name] = (status, record_of(trial, metric))
        return kept[1]
