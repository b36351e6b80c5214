"""Which progress reports of a trial its search's stopping rule needs, and how reports are folded into its status.

Owns: what both shells must do alike with progress. A report that is the first at a rung has to be stored before a later
one arrives there: the rules judge the last stored observation alone. It knows no clock: when to write is the shell's.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import MAX_OBSERVATIONS, Trial, TrialStatus
from autosearch.engine.observations import with_observation
from autosearch.search.propose import record_of, search_of
from autosearch.search.stopping import StoppingView, rungs


class Reported(Protocol):
    """One progress report; `autosearch.reporting.messages.ProgressReport` is one."""

    @property
    def step(self) -> int:
        """The script's own unit, not negative."""
        ...

    @property
    def metrics(self) -> dict[str, float]:
        """Finite values by name."""
        ...

    @property
    def checkpoint_path(self) -> str:
        """Relative to the output root; "" for none."""
        ...


class JudgedSteps:
    """The steps of one trial that count for its search's stopping rule."""

    def __init__(self, job: AutoSearchJob, number: int) -> None:
        """Read the rule of a job for its trial of that number."""
        self._metric = job.spec.objective.metric
        self._view: StoppingView | None = None
        self._rungs: tuple[int, ...] = ()
        rule = job.spec.early_stopping
        if rule is not None:
            search = search_of(job)
            self._rungs = rungs(search, rule.settings, number)
            # Which steps are to be kept depends on the trial's own observations alone.
            self._view = StoppingView(search, rule.settings, ())

    def has_objective(self, metrics: Mapping[str, float]) -> bool:
        """Say whether a rule can read a report: those without the objective are never judged."""
        return self._metric in metrics

    def reaches_rung(self, before: int, report: Reported) -> bool:
        """Say whether a report is the first at a rung; `before` is the last step with the objective, -1 for none."""
        if not self.has_objective(report.metrics) or report.step <= before:
            return False
        return bisect_right(self._rungs, report.step) > bisect_right(self._rungs, before)

    def with_reports(self, trial: Trial, reports: Iterable[Reported]) -> TrialStatus:
        """Give the trial's status with these reports in it, thinned so that no later decision changes."""
        status = trial.status
        for report in reports:
            keep = self._steps_to_keep(trial, status) if len(status.observations) >= MAX_OBSERVATIONS else ()
            status = with_observation(status, report.step, report.metrics, report.checkpoint_path, keep)
        return status

    def _steps_to_keep(self, trial: Trial, status: TrialStatus) -> Collection[int]:
        if self._view is None:
            return ()
        return self._view.steps_to_keep(record_of(trial.replace(status=status), self._metric))
