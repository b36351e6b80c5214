"""Where a search stands: its trials ranked and counted, once for all views.

Owns: facts derived from a job and its trials. The job's status wins where it says something; a search that was never
summed up (an old directory, objects read by hand) is derived from its trials.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from autosearch.api.job import AutoSearchJob
from autosearch.api.meta import Condition
from autosearch.api.trial import Trial
from autosearch.engine.budget import planned_trials
from autosearch.views.wording import run_seconds

_OUTCOMES = ("Failed", "Complete", "Suspended", "Progressing")


@dataclass(frozen=True)
class Standing:
    """A search at one moment.

    Attributes:
        now: until when running attempts are counted; timezone-aware.
    """

    job: AutoSearchJob
    trials: Sequence[Trial]
    now: datetime | None = None

    @property
    def maximize(self) -> bool:
        """Whether greater is better."""
        return self.job.spec.objective.direction == "Maximize"

    def goodness(self, value: float) -> float:
        """Turn a value into one where greater is better."""
        return value if self.maximize else -value

    @cached_property
    def finished(self) -> list[Trial]:
        """The trials that have ended, in the order of their completion."""
        ended = [trial for trial in self.trials if trial.status.completion_time is not None]
        return sorted(ended, key=lambda trial: (trial.status.completion_time, trial.spec.number))

    @cached_property
    def ranked(self) -> list[Trial]:
        """The succeeded trials, best first; of equal ones the one that finished first."""
        done = [t for t in self.finished if t.status.state == "Succeeded" and t.status.value is not None]
        return sorted(done, key=lambda trial: -self.goodness(trial.status.value or 0.0))

    @cached_property
    def best(self) -> Trial | None:
        """The best succeeded trial: the one that the status names, if it is there."""
        named = self.job.status.best.trial_name if self.job.status.best else None
        found = next((trial for trial in self.trials if trial.name == named), None)
        return found or (self.ranked[0] if self.ranked else None)

    @cached_property
    def counts(self) -> Counter[str]:
        """Trials by state."""
        return Counter(trial.status.state for trial in self.trials)

    @property
    def planned(self) -> int | None:
        """How many trials the search will have at most; None while nobody can know."""
        return planned_trials(self.job)

    @cached_property
    def in_order(self) -> list[Trial]:
        """All trials: the succeeded best first, then the rest by number."""
        ranked = {trial.name for trial in self.ranked}
        rest = [trial for trial in self.trials if trial.name not in ranked]
        return [*self.ranked, *sorted(rest, key=lambda trial: trial.spec.number)]

    @property
    def outcome(self) -> Condition | None:
        """The condition that says how the search stands."""
        return job_outcome(self.job)

    @cached_property
    def trial_seconds(self) -> float:
        """Run time of all attempts, in seconds."""
        told = self.job.status.usage.trial_seconds
        return told or sum(run_seconds(trial, self.now) or 0.0 for trial in self.trials)


def job_outcome(job: AutoSearchJob) -> Condition | None:
    """Give the condition that says how a search stands: how it ended, or what it waits for."""
    by_type = {condition.type: condition for condition in job.status.conditions}
    for kind in _OUTCOMES:
        condition = by_type.get(kind)
        if condition is not None and (condition.status == "True" or kind == "Progressing"):
            return condition
    return None
