"""Runs that can never start: ended without blame, but a trial is not tried for ever.

Owns: what happens to a run whose directory exists already, or whose code cannot be copied. Why it was ended is on
record, in the attempt, before it is ended.
"""

from autosearch.api.trial import Attempt, TrialStatus
from autosearch.engine.snapshot import Run
from autosearch.engine.work import Work

LIMIT = 3
"""Attempts in a row that may be doomed for one reason; then the trial has failed."""
# Why the engine ends runs that may well have started; any other word is the reason of a doomed one.
_OTHER_INTENTS = frozenset({"", "Suspended", "Lost", "SearchEnded", "TimedOut", "EarlyStopped"})


def apply(work: Work) -> None:
    """End the runs that can never start."""
    for trial in work.unfinished():
        run = work.run_of(trial)
        if run is not None and run.alive and run.doomed and run.report is None:
            work.stop(trial, run, reason_of(run), run.message)


def is_doomed(attempt: Attempt, run: Run | None) -> bool:
    """Say whether an attempt could not start, by its record or by its run."""
    return attempt.reason not in _OTHER_INTENTS or (run is not None and run.doomed)


def reason_of(run: Run | None) -> str:
    """Give why a run is doomed, in one word."""
    return (run.reason if run else "") or "CannotStart"


def is_hopeless(status: TrialStatus) -> bool:
    """Say whether the last attempts, all closed, were doomed for the same reason."""
    last = status.attempts[-LIMIT:]
    return len(last) == LIMIT and len({attempt.reason for attempt in last}) == 1
