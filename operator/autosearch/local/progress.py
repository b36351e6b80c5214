"""Progress reports on their way from a script into its trial's status.

Owns: when observations are written. At most every half second for each trial, but at once with a checkpoint, and at
once where the stopping rule judges: a report that waited for later ones there would never be judged.
"""

import time
from bisect import bisect_right
from collections.abc import Callable, Collection

from autosearch.api.meta import is_true
from autosearch.api.trial import MAX_OBSERVATIONS, Trial, TrialStatus
from autosearch.engine.observations import with_observation
from autosearch.local.state import State
from autosearch.reporting.messages import ProgressAnswer, ProgressReport
from autosearch.search.propose import record_of, search_of
from autosearch.search.stopping import StoppingView, rungs

STORE_EVERY = 0.5
"""Seconds between two writes of one trial's observations."""


class Progress:
    """The progress reports of one attempt."""

    def __init__(self, state: State, trial: Trial, changed: Callable[[float], None]) -> None:
        """Begin with no report; `changed` is called after each write, with the seconds until a pass is wanted."""
        self._state = state
        self._name = trial.name
        self._changed = changed
        self._metric = state.job.spec.objective.metric
        self._view: StoppingView | None = None
        self._rungs: tuple[int, ...] = ()
        rule = state.job.spec.early_stopping
        if rule is not None:
            search = search_of(state.job)
            self._rungs = rungs(search, rule.settings, trial.spec.number)
            # Which steps are to be kept depends on the trial's own observations alone.
            self._view = StoppingView(search, rule.settings, ())
        self._unstored: list[ProgressReport] = []
        self._stored_at = 0.0
        self._step = -1

    @property
    def due(self) -> float | None:
        """When observations are to be written, on the clock of `time.monotonic`; None if there are none."""
        return self._stored_at + STORE_EVERY if self._unstored else None

    def take(self, report: ProgressReport) -> ProgressAnswer:
        """Take a report, and say whether the script is to stop; raises `OSError` if it cannot be written."""
        trial = self._state.trials.get(self._name)
        if trial is None:
            return ProgressAnswer(accepted=False, stop=True, message="this trial is gone")
        self._unstored.append(report)
        at_rung = self._reaches_rung(report)
        if at_rung or report.checkpoint_path or time.monotonic() >= self._stored_at + STORE_EVERY:
            self.store()
        return ProgressAnswer(accepted=True, stop=is_true(trial.status.conditions, "StopRequested"))

    def _reaches_rung(self, report: ProgressReport) -> bool:
        if self._metric not in report.metrics or report.step <= self._step:
            return False
        passed, self._step = bisect_right(self._rungs, self._step), report.step
        return bisect_right(self._rungs, report.step) > passed

    def store(self) -> None:
        """Write what was not written yet; raises `OSError`."""
        trial = self._state.trials.get(self._name)
        if not self._unstored or trial is None or trial.finished:
            return
        status = trial.status
        for report in self._unstored:
            keep = self._steps_to_keep(trial, status) if len(status.observations) >= MAX_OBSERVATIONS else ()
            status = with_observation(status, report.step, report.metrics, report.checkpoint_path, keep)
        # The engine sees none that is not stored: after a crash it must come to the same decisions.
        self._state.write_trial(trial.name, status)
        self._unstored, self._stored_at = [], time.monotonic()
        self._changed(0.0)

    def _steps_to_keep(self, trial: Trial, status: TrialStatus) -> Collection[int]:
        if self._view is None:
            return ()
        return self._view.steps_to_keep(record_of(trial.replace(status=status), self._metric))
