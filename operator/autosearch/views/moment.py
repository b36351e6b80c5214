"""A running search at one moment, as the live views see it.

Owns: what is derived from one look at the job, its trials and their runs. It draws nothing and keeps nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import Trial
from autosearch.engine.budget import planned_trials
from autosearch.engine.snapshot import Run
from autosearch.views.scoreboard import Scoreboard, seconds_left
from autosearch.views.standing import job_outcome
from autosearch.views.wording import MINUTE, roughly, run_seconds

DRAINING = "ending after the running trials; press Ctrl-C again to stop now"


@dataclass(frozen=True)
class Moment:
    """What one call of `LiveProgress.update` knows.

    Attributes:
        scores: of all finished trials, those of this look included.
        live: the trials that have not ended.
        runs: those that are alive, by trial name.
        before: the best trial before this look.
        failed: the trial that failed last.
        waiting: further reasons why nothing happens.
    """

    job: AutoSearchJob
    now: datetime
    scores: Scoreboard
    live: Sequence[Trial]
    runs: Mapping[str, Run]
    draining: bool
    before: Trial | None = None
    failed: Trial | None = None
    waiting: Sequence[str] = ()

    @property
    def metric(self) -> str:
        """Name of the objective."""
        return self.job.spec.objective.metric

    @property
    def started(self) -> list[Trial]:
        """The trials that run."""
        return [trial for trial in self.live if trial.status.state == "Running"]

    @property
    def total(self) -> str:
        """How many trials there will be, as the end of `5/16`; empty while nobody can know."""
        planned = planned_trials(self.job)
        return f"/{planned}" if planned is not None else ""

    @property
    def left(self) -> str:
        """The estimate of the time left, in words; empty while there is none."""
        elapsed = [run_seconds(trial, self.now) or 0.0 for trial in self.started]
        seconds = seconds_left(self.scores, planned_trials(self.job), self.job.spec.parallelism, elapsed)
        if seconds is None:
            return ""
        return f"{roughly(seconds)} left" if seconds >= MINUTE else "<1 min left"

    @property
    def elapsed(self) -> float | None:
        """Seconds since the start."""
        start = self.job.status.start_time
        return (self.now - start).total_seconds() if start else None

    def waits(self) -> list[str]:
        """Why something waits, in sentences without repetition."""
        said = [f"{r.reason or 'waiting'}: {r.message}".rstrip(": ") for r in self.runs.values() if _is_waiting(r)]
        outcome = job_outcome(self.job)
        if outcome is not None and outcome.status == "False" and outcome.message:
            said.append(outcome.message)
        return list(dict.fromkeys([*self.waiting, *said]))


def _is_waiting(run: Run) -> bool:
    return run.alive and run.started is None and bool(run.reason or run.message)
