"""Progress reports between their arrival and their trial's status.

Owns: what is not written yet, for each trial, and when it is to be written: at once with the first report and where the
stopping rule judges, else at most once in five seconds. It writes nothing itself and reads no clock; its memory is
bounded for each trial. What was taken stays here until the shell says that it is stored: a failed write loses nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import Trial, TrialStatus
from autosearch.engine.judged_steps import JudgedSteps
from autosearch.reporting.messages import ProgressReport

STORE_EVERY = 5.0
"""Seconds between two writes of one trial's observations."""
MAX_WAITING = 100
"""Reports of one trial that are kept unwritten; a rule's rungs are always among them (at most 31)."""
AT_ONCE = 0.0

Key = tuple[str | None, str, str | None]


def key(trial: Trial) -> Key:
    """Give what tells a trial from all others, also from an earlier one of its name."""
    return trial.metadata.namespace, trial.name, trial.metadata.uid


@dataclass(slots=True)
class _Waiting:
    """The reports of one trial that are not known to be stored.

    Attributes:
        last_step: of the newest report, stored or not; later reports have later steps.
        last_judged_step: the same of reports with the objective.
        at_rungs: steps of waiting reports that are the first at a rung.
        stored_at: when the last write was, on the caller's clock.
        taken_step, taken_checkpoint: what the last `take` gave out.
    """

    judged: JudgedSteps
    last_step: int
    last_judged_step: int
    stored_at: float
    reports: list[ProgressReport] = field(default_factory=list)
    checkpoint: str = ""
    at_rungs: set[int] = field(default_factory=set)
    taken_step: int = -1
    taken_checkpoint: str = ""

    @classmethod
    def of(cls, job: AutoSearchJob, trial: Trial) -> "_Waiting":
        judged = JudgedSteps(job, trial.spec.number)
        stored = trial.status.observations
        readable = [o.step for o in stored if judged.has_objective(o.metrics)]
        return cls(
            judged,
            last_step=stored[-1].step if stored else -1,
            last_judged_step=readable[-1] if readable else -1,
            stored_at=-STORE_EVERY,
        )

    def add(self, report: ProgressReport) -> None:
        self.checkpoint = report.checkpoint_path or self.checkpoint
        if report.step <= self.last_step:
            return
        self.last_step = report.step
        self.reports.append(ProgressReport(report.step, report.metrics))
        if self.judged.reaches_rung(self.last_judged_step, report):
            self.at_rungs.add(report.step)
        if self.judged.has_objective(report.metrics):
            self.last_judged_step = report.step
        if len(self.reports) > MAX_WAITING:
            self._thin()

    def _thin(self) -> None:
        """Drop the report whose neighbours are closest together, as the status does it."""
        steps = [report.step for report in self.reports]
        inner = (i for i in range(1, len(steps) - 1) if steps[i] not in self.at_rungs)
        del self.reports[min(inner, key=lambda i: (steps[i + 1] - steps[i - 1], i))]

    @property
    def due(self) -> float | None:
        if self.at_rungs:
            return AT_ONCE
        return self.stored_at + STORE_EVERY if self.reports or self.checkpoint else None

    def take(self, trial: Trial, *, ended: bool) -> TrialStatus:
        # Later reports wait for the next pass: the rule has to see the one at the rung as the last one.
        until = self.last_step if ended else min(self.at_rungs, default=self.last_step)
        status = self.judged.with_reports(trial, [report for report in self.reports if report.step <= until])
        self.taken_step, self.taken_checkpoint = until, self.checkpoint
        return status.replace(last_checkpoint_path=self.checkpoint) if self.checkpoint else status

    def stored(self, now: float) -> None:
        self.reports = [report for report in self.reports if report.step > self.taken_step]
        self.at_rungs = {step for step in self.at_rungs if step > self.taken_step}
        if self.checkpoint == self.taken_checkpoint:
            self.checkpoint = ""
        self.stored_at = now


class ProgressStore:
    """The unwritten progress of all trials; one for each operator process."""

    def __init__(self) -> None:
        self._trials: dict[Key, _Waiting] = {}

    def __len__(self) -> int:
        return len(self._trials)

    def add(self, job: AutoSearchJob, trial: Trial, report: ProgressReport) -> float | None:
        """Keep a report of a running trial, as the caller's cache has it.

        Returns:
            When the trial's observations are to be written, on the clock of `stored`: now or earlier means at once;
            None for never, as the report says nothing new.
        """
        if trial.finished:
            return None
        waiting = self._trials.get(key(trial))
        if waiting is None:
            waiting = self._trials[key(trial)] = _Waiting.of(job, trial)
        waiting.add(report)
        return waiting.due

    def due(self, trial: Trial) -> float | None:
        """Say when a trial's observations are to be written, as `add` does; None if there is nothing to write."""
        waiting = self._trials.get(key(trial))
        return None if waiting is None or trial.finished else waiting.due

    def take(self, trial: Trial, *, ended: bool = False) -> TrialStatus:
        """Give the trial's status with what is to be written in it, up to the first report at a rung.

        The caller writes it, calls `stored`, and lets the engine plan with it before the next `take`. Without `stored`
        the same and newer reports come again.

        Args:
            ended: the attempt is over and is judged no more: all that waits is given.
        """
        waiting = self._trials.get(key(trial))
        if waiting is None or waiting.due is None or trial.finished:
            return trial.status
        return waiting.take(trial, ended=ended)

    def stored(self, trial: Trial, now: float) -> None:
        """Note that what the last `take` gave was written at `now`, seconds on any clock that only grows."""
        waiting = self._trials.get(key(trial))
        if waiting is not None:
            waiting.stored(now)

    def forget(self, trial: Trial) -> None:
        """Drop all of a trial that has finished or is gone."""
        self._trials.pop(key(trial), None)

    def keep_only(self, trials: Collection[Key]) -> None:
        """Drop the trials that are not among these: their end was not seen."""
        for gone in self._trials.keys() - set(trials):
            del self._trials[gone]
