"""The cleaner: a short run that removes the output directories which `kept_models` chose.

Owns: when it runs, that there is one at a time, its retries, and what is noted when it has succeeded. How often it
failed in a row is in the reason of the job's condition `Cleaning`, so that nothing is lost with the operator.
"""

from datetime import datetime, timedelta

from autosearch.api.meta import find_condition, is_true
from autosearch.engine.actions import Plan, RemoveCleaner, StartCleaner
from autosearch.engine.kept_models import at_most, removable, with_removed
from autosearch.engine.memo import Memo
from autosearch.engine.names import cleaner_name
from autosearch.engine.snapshot import CleanerRun, Snapshot
from autosearch.engine.work import Work

TOGETHER = 10
"""Directories that are worth a cleaner while the search goes on."""
AT_MOST = 200
"""Directories for one cleaner: its arguments must fit into an object."""
AGAIN = timedelta(seconds=60)
_FAILURES = ("", "CleanerFailedOnce", "CleanerFailedTwice", "CleanerFailed")
_TRIES = len(_FAILURES) - 1


def chores(snapshot: Snapshot, now: datetime, memo: Memo | None) -> Plan:
    """Give what to do about old models."""
    cleaner = snapshot.cleaner
    if cleaner is None and not _worth_a_look(snapshot):
        return Plan()
    work = Work(snapshot, now, memo or Memo())
    if cleaner is None:
        _start(work)
    elif not cleaner.alive and cleaner.succeeded:
        _record(work, cleaner)
    elif not cleaner.alive:
        _try_again(work, cleaner)
    return work.plan()


def _worth_a_look(snapshot: Snapshot) -> bool:
    """Say whether enough directories may go, before it is found out which: this is asked at every pass."""
    keep = snapshot.job.spec.keep_best_models
    return keep is not None and at_most(snapshot.trials, keep) >= _enough(_is_over(snapshot))


def _is_over(snapshot: Snapshot) -> bool:
    finished = is_true(snapshot.job.status.conditions, "Finished")
    return finished and all(trial.status.completion_time is not None for trial in snapshot.trials)


def _enough(over: bool) -> int:
    return 1 if over else TOGETHER


def _failures(work: Work) -> int:
    condition = find_condition(work.status.conditions, "Cleaning")
    return _FAILURES.index(condition.reason) if condition is not None and condition.reason in _FAILURES else 0


def _start(work: Work) -> None:
    failures = _failures(work)
    if failures == _TRIES:
        return
    over = _is_over(work.snapshot)
    directories = removable(work, at_least=_enough(over), over=over)[:AT_MOST]
    if directories:
        name = cleaner_name(work.job, directories, failures)
        work.deferred.append(StartCleaner(name, tuple(directories)))


def _record(work: Work, cleaner: CleanerRun) -> None:
    """Note what is gone, in the trials; only then the cleaner, which is the only other record of it, may go."""
    for trial in work.finished():
        with_removed(work, trial, cleaner.directories)
    if _failures(work):
        work.set_condition("Cleaning", "True", "CleanerSucceeded")
    work.deferred.append(RemoveCleaner(cleaner.name))


def _try_again(work: Work, cleaner: CleanerRun) -> None:
    """Count a failure once: the cleaner's name holds how many there were before it."""
    failures = _failures(work)
    if failures < _TRIES and cleaner.name == cleaner_name(work.job, cleaner.directories, failures):
        failures += 1
        work.set_condition("Cleaning", "False" if failures == _TRIES else "True", _FAILURES[failures], cleaner.message)
    due = work.now if cleaner.ended is None else cleaner.ended + AGAIN
    if failures < _TRIES and work.now < due:
        work.wake(due)
    else:
        work.deferred.append(RemoveCleaner(cleaner.name))
