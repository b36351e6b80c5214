"""`podHistory`: how many ended runs are kept, for their logs.

Owns: which of them go. A run whose outcome is not yet in its trial's status is never touched, nor is the best trial's.
"""

from datetime import UTC, datetime

from autosearch.api.trial import Trial
from autosearch.engine.actions import RemoveRun
from autosearch.engine.memo import Memo
from autosearch.engine.names import attempt_id
from autosearch.engine.snapshot import Run, Snapshot
from autosearch.engine.work import attempt_number

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Ended = tuple[Run, Trial]


def removals(snapshot: Snapshot, memo: Memo | None) -> list[RemoveRun]:
    """Give the ended runs beyond the newest ones of each kind; what did not end well counts as failed."""
    history = snapshot.job.spec.pod_history
    runs = [run for run in snapshot.runs if not run.alive and not run.stopping]
    if len(runs) <= min(history.succeeded, history.failed):
        return []
    ended = _settled(snapshot, runs)
    good = [pair for pair in ended if _went_well(*pair)]
    bad = [pair for pair in ended if not _went_well(*pair)]
    surplus = [*good[history.succeeded :], *bad[history.failed :]]
    told = snapshot.job.status.best
    surplus = _without_last_run_of(told.trial_name if told else "", surplus)
    if surplus:
        # What was told may be out of date.
        best = _best(snapshot, memo)
        surplus = _without_last_run_of(best.name if best else "", surplus)
    return [RemoveRun(run.trial_name, run.attempt_id) for run, _ in surplus]


def _without_last_run_of(name: str, ended: list[_Ended]) -> list[_Ended]:
    return [(run, trial) for run, trial in ended if not (trial.name == name and run.attempt_id == _last_attempt(trial))]


def _settled(snapshot: Snapshot, runs: list[Run]) -> list[_Ended]:
    """Give the runs whose outcome is on record, with their trials, the newest first; a missing trial takes its own."""
    names = {run.trial_name for run in runs}
    trials = {trial.metadata.name: trial for trial in snapshot.trials if trial.metadata.name in names}
    pairs = [(run, trials[run.trial_name]) for run in runs if run.trial_name in trials]
    return sorted((pair for pair in pairs if _is_settled(*pair)), key=_age, reverse=True)


def _age(pair: _Ended) -> tuple[datetime, int]:
    run, trial = pair
    return run.ended or _EPOCH, trial.spec.number


def _is_settled(run: Run, trial: Trial) -> bool:
    if trial.finished:
        return True
    closed = range(attempt_number(trial.status))
    return any(run.attempt_id == attempt_id(trial, number) for number in closed)


def _went_well(run: Run, trial: Trial) -> bool:
    return trial.status.state in {"Succeeded", "EarlyStopped"} and run.attempt_id == _last_attempt(trial)


def _last_attempt(trial: Trial) -> str:
    return attempt_id(trial, attempt_number(trial.status) - 1)


def _best(snapshot: Snapshot, memo: Memo | None) -> Trial | None:
    maximize = snapshot.job.spec.objective.direction == "Maximize"
    return (memo or Memo()).census.of(snapshot.trials, maximize=maximize).tally.best
