"""The rule `patience`: stop a trial that has not improved for some reports.

Owns: that comparison, and nothing of other trials. With `minDelta` 0 and no equal values it decides as Optuna 5's
`PatientPruner(None, patience=steps - 1)`. Two differences are meant: Optuna stops only a trial that got worse (a flat
curve runs for ever), and there `min_delta` makes stopping rarer; here both are as in Keras: an improvement of
`minDelta` or less is none.
"""

from collections.abc import Sequence

from autosearch.api import algorithms as api
from autosearch.search.records import Search, TrialRecord
from autosearch.search.stopping.verdict import Stop, best_of, figure


class Patience:
    """Reports are counted as they are stored: those that came too fast to be stored do not count."""

    def __init__(self, search: Search, rule: api.Patience, trials: Sequence[TrialRecord]) -> None:
        del trials  # the signature is that of all rules
        self._search, self._rule = search, rule

    def should_stop(self, trial: TrialRecord) -> Stop | None:
        """Compare the best of the last `steps` reports with the best before them."""
        before = best_of(self._search, trial.observations[: -self._rule.steps])
        since = best_of(self._search, trial.observations[-self._rule.steps :])
        if before is None or (since is not None and self._improved(since[1], before[1])):
            return None
        delta = f" by more than {figure(self._rule.min_delta)}" if self._rule.min_delta else ""
        text = f"no improvement{delta} on {figure(before[1])} at step {before[0]} in {self._rule.steps} reports"
        return Stop(trial.observations[-1][0], text)

    def _improved(self, value: float, best: float) -> bool:
        margin = self._rule.min_delta if self._search.maximize else -self._rule.min_delta
        return self._search.better(value, best + margin)

    def steps_to_keep(self, trial: TrialRecord) -> set[int]:
        """The last `steps` reports, and the best before them."""
        best = best_of(self._search, trial.observations[: -self._rule.steps])
        recent = {step for step, _ in trial.observations[-self._rule.steps :]}
        return recent if best is None else recent | {best[0]}
