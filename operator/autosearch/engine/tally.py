"""What the finished trials add up to.

Owns: the sums, the best trial and its predecessors, which policies and the job's status are made of. Each finished
trial is added once, in the order of completion.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from autosearch.api.job import MAX_IMPROVEMENTS, Improvement
from autosearch.api.trial import Trial


@dataclass(slots=True)
class Tally:
    """Sums over finished trials.

    Attributes:
        best: the best succeeded trial; of equals the first.
        improvements: those that were best in their time, the newest ones last.
        trial_seconds: run time of all their attempts.
        gpu_seconds: the same times the GPUs that each attempt held.
    """

    maximize: bool
    states: Counter[str] = field(default_factory=Counter)
    failed: list[Trial] = field(default_factory=list)
    best: Trial | None = None
    improvements: list[Improvement] = field(default_factory=list)
    trial_seconds: float = 0.0
    gpu_seconds: float = 0.0
    last_completion: datetime | None = None

    @property
    def finished(self) -> int:
        """How many trials are finished."""
        return self.states.total()

    def copy(self) -> "Tally":
        """Give a tally that grows on its own."""
        return replace(self, states=self.states.copy(), failed=[*self.failed], improvements=[*self.improvements])

    def add(self, trial: Trial) -> None:
        """Add a trial that finished after all that were added before."""
        status = trial.status
        self.states[status.state] += 1
        if status.state == "Succeeded":
            self._compare(trial)
        elif status.state == "Failed":
            self.failed.append(trial)
        self.trial_seconds += status.usage.trial_seconds
        self.gpu_seconds += status.usage.gpu_seconds
        self.last_completion = status.completion_time

    def _compare(self, trial: Trial) -> None:
        value, time = trial.status.value, trial.status.completion_time
        best = self.best.status.value if self.best else None
        if value is None or time is None or (best is not None and not self._is_better(value, best)):
            return
        self.best = trial
        entry = Improvement.model_construct(trial_name=trial.name, value=value, time=time)
        self.improvements = [*self.improvements, entry][-MAX_IMPROVEMENTS:]

    def _is_better(self, a: float, b: float) -> bool:
        return a > b if self.maximize else a < b


def tally_of(trials: Iterable[Trial], *, maximize: bool) -> Tally:
    """Add up finished trials, given in any order."""
    tally = Tally(maximize)
    for trial in in_order(trials):
        tally.add(trial)
    return tally


def in_order(trials: Iterable[Trial]) -> list[Trial]:
    """Sort finished trials by completion, which is unique."""
    return sorted(trials, key=completed_at)


def completed_at(trial: Trial) -> datetime:
    """Give when a finished trial was completed."""
    time = trial.status.completion_time
    assert time is not None
    return time
