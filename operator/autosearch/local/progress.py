"""Progress reports on their way from a script into its trial's status.

Owns: when observations are written. At most every half second for each trial, but at once with a checkpoint, and at
once where the stopping rule judges: a report that waited for later ones there would never be judged.
"""

import time
from collections.abc import Callable

from autosearch.api.meta import is_true
from autosearch.api.trial import Trial
from autosearch.engine.judged_steps import JudgedSteps
from autosearch.local.state import State
from autosearch.reporting.messages import ProgressAnswer, ProgressReport

STORE_EVERY = 0.5
"""Seconds between two writes of one trial's observations."""


class Progress:
    """The progress reports of one attempt."""

    def __init__(self, state: State, trial: Trial, changed: Callable[[float], None]) -> None:
        """Begin with no report; `changed` is called after each write, with the seconds until a pass is wanted."""
        self._state = state
        self._name = trial.name
        self._changed = changed
        self._judged = JudgedSteps(state.job, trial.spec.number)
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
        at_rung = self._judged.reaches_rung(self._step, report)
        if self._judged.has_objective(report.metrics):
            self._step = max(self._step, report.step)
        if at_rung or report.checkpoint_path or time.monotonic() >= self._stored_at + STORE_EVERY:
            self.store()
        return ProgressAnswer(accepted=True, stop=is_true(trial.status.conditions, "StopRequested"))

    def store(self) -> None:
        """Write what was not written yet; raises `OSError`."""
        trial = self._state.trials.get(self._name)
        if not self._unstored or trial is None or trial.finished:
            return
        # The engine sees none that is not stored: after a crash it must come to the same decisions.
        self._state.write_trial(trial.name, self._judged.with_reports(trial, self._unstored))
        self._unstored, self._stored_at = [], time.monotonic()
        self._changed(0.0)
