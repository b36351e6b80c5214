"""A running count of a search's finished trials, and what it says about the time left.

Owns: the bookkeeping that keeps live progress cheap: each finished trial is looked at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from autosearch.api.trial import Trial
from autosearch.views.wording import run_seconds

# Fewer finished trials say nothing about the rest.
TRIALS_FOR_ESTIMATE = 2


@dataclass
class Scoreboard:
    """What is known of the finished trials, kept up to date by looking at each of them once.

    Attributes:
        by_state: finished trials by state.
        seconds: run time of all finished trials.
        best: the best succeeded trial.
        fresh: the trials that have finished since the last look, in their order.
    """

    maximize: bool
    by_state: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    best: Trial | None = None
    fresh: list[Trial] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    @property
    def finished(self) -> int:
        """How many trials have ended."""
        return len(self._seen)

    def look(self, trials: Sequence[Trial]) -> list[Trial]:
        """Take in what is new; gives the trials that have not ended."""
        seen = self._seen
        ended: list[Trial] = []
        live: list[Trial] = []
        for trial in trials:
            if trial.metadata.name in seen:
                continue
            (live if trial.status.completion_time is None else ended).append(trial)
        self.fresh = sorted(ended, key=lambda t: (t.status.completion_time, t.spec.number))
        for trial in self.fresh:
            self._take(trial)
        return live

    def _take(self, trial: Trial) -> None:
        self._seen.add(trial.metadata.name)
        status = trial.status
        self.by_state[status.state] = self.by_state.get(status.state, 0) + 1
        self.seconds += run_seconds(trial) or 0.0
        if status.state == "Succeeded" and status.value is not None and self.improves(status.value):
            self.best = trial

    def improves(self, value: float) -> bool:
        """Say whether a value is better than the best so far."""
        best = self.best.status.value if self.best else None
        return best is None or (value > best if self.maximize else value < best)


def seconds_left(scores: Scoreboard, planned: int | None, parallel: int, running: Sequence[float]) -> float | None:
    """Estimate how long the search still takes, in seconds.

    Args:
        planned: trials in all; None gives no estimate.
        parallel: trials that run side by side.
        running: how long each running trial has been running, in seconds.
    """
    if planned is None or scores.finished < TRIALS_FOR_ESTIMATE:
        return None
    mean = scores.seconds / scores.finished
    waiting = max(planned - scores.finished - len(running), 0)
    rest = [max(mean - elapsed, 0.0) for elapsed in running]
    work = (sum(rest) + waiting * mean) / max(min(parallel, waiting + len(running)), 1)
    return max(work, *rest, 0.0)
