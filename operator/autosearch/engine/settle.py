"""Attempts: what a run's end means for its trial, and whether there is another attempt.

Owns: the outcome of every attempt (retries, attempt ids, results). An accepted report always wins. A run that was
lost, evicted, deleted or suspended uses up no retry. Results are written once, in the order in which the runs ended.
"""

from datetime import UTC, datetime

from autosearch.api.meta import find_condition, is_true, with_condition
from autosearch.api.trial import Attempt, Trial, TrialState, TrialStatus, Usage
from autosearch.engine import doomed
from autosearch.engine.advice import advice
from autosearch.engine.names import attempt_id
from autosearch.engine.snapshot import Run
from autosearch.engine.timeouts import AFTER_REPORT, hangs
from autosearch.engine.work import Work, attempt_number, new_attempt, open_attempt, with_attempt, with_end

# Exit codes that another attempt would only repeat: wrong usage, not executable, not found.
EXIT_REASONS = {2: "UsageError", 126: "CannotExecute", 127: "CommandNotFound"}
_AGAIN = frozenset({"Suspended", "Lost"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def apply(work: Work) -> None:
    """Bring every unfinished trial's status up to what its run shows."""
    ended: list[tuple[Trial, Run | None]] = []
    for trial in work.unfinished():
        run = work.run_of(trial)
        if run is not None and run.alive and not hangs(run, work.now):
            _seen(work, trial, run)
        elif run is not None or open_attempt(trial.status):
            ended.append((trial, run))
    for trial, run in sorted(ended, key=lambda pair: _end_order(*pair)):
        _settle(work, trial, run)


def _end_order(trial: Trial, run: Run | None) -> tuple[datetime, int]:
    return (run.ended if run and run.ended else _EPOCH, trial.spec.number)


def _seen(work: Work, trial: Trial, run: Run) -> None:
    """Record that a run is there: that it works, or why it waits."""
    status = trial.status
    attempt = open_attempt(status)
    if attempt is not None and attempt.reason == "Suspended" and not (run.stopping or work.job.spec.suspend):
        # Resumed before the run was ended: from now on it ends by itself.
        attempt = attempt.replace(reason="")
        status = with_attempt(status, attempt)
    if run.started is not None and (status.state != "Running" or attempt is None or attempt.start_time is None):
        attempt = (attempt or new_attempt(run)).replace(start_time=run.started, pod_uid=run.uid)
        status = with_attempt(status, attempt).replace(state="Running", start_time=status.start_time or run.started)
        if status.conditions:
            status = _condition(work, status, "Running", "True", "Started", "")
    elif run.started is None and run.reason:
        status = with_attempt(status, attempt or new_attempt(run))
        status = _condition(work, status, "Running", "False", run.reason, run.message)
    work.write(trial, status)


def _settle(work: Work, trial: Trial, run: Run | None) -> None:
    attempt = open_attempt(trial.status) or _unseen(trial, run)
    intent = attempt.reason
    if run is not None and run.report is not None:
        _succeed(work, trial, attempt, run)
    elif is_true(trial.status.conditions, "StopRequested"):
        _stop_early(work, trial, attempt, run)
    elif intent == "SearchEnded" or (work.ending and intent != "TimedOut"):
        status = _closed(work, trial, attempt, run, "SearchEnded", "")
        _finish(work, trial, status, "Stopped", "Stopped", "SearchEnded", "the search ended before this trial did")
    elif intent in _AGAIN:
        _interrupted(work, trial, attempt, run)
    elif doomed.is_doomed(attempt, run):
        _never_started(work, trial, attempt, run)
    elif intent != "TimedOut" and (run is None or run.disrupted):
        _interrupted(work, trial, attempt, run)
    else:
        _failed_attempt(work, trial, attempt, run)


def _unseen(trial: Trial, run: Run | None) -> Attempt:
    return new_attempt(run) if run else Attempt(id=attempt_id(trial, attempt_number(trial.status)))


def _succeed(work: Work, trial: Trial, attempt: Attempt, run: Run) -> None:
    report = run.report
    assert report is not None
    status = _closed(work, trial, attempt, run, "Reported", "")
    status = status.replace(
        value=report.value,
        metrics=dict(report.metrics),
        model_path=report.model_path or None,
        checkpoint_path=report.checkpoint_path or None,
    )
    # A crash in interpreter shutdown must not waste a GPU day; the code is kept for those who look.
    note = f"; its process then ended with exit code {run.exit_code}" if run.exit_code else ""
    if run.alive:
        note = f"; it did not end within {AFTER_REPORT.seconds} s after its report, and was ended"
    _finish(work, trial, status, "Succeeded", "Complete", "Reported", f"{_value_text(work, report.value)}{note}")


def _value_text(work: Work, value: float) -> str:
    return f"{work.job.spec.objective.metric} = {value!r}"


def _stop_early(work: Work, trial: Trial, attempt: Attempt, run: Run | None) -> None:
    metric = work.job.spec.objective.metric
    values = [o.metrics[metric] for o in trial.status.observations if metric in o.metrics]
    status = _closed(work, trial, attempt, run, "EarlyStopped", "")
    status = status.replace(value=values[-1] if values else None)
    request = next(c for c in status.conditions if c.type == "StopRequested")
    _finish(work, trial, status, "EarlyStopped", "Complete", "EarlyStopped", request.message)


def _interrupted(work: Work, trial: Trial, attempt: Attempt, run: Run | None) -> None:
    """Make room for the next attempt; whoever ended this one, it was not the trial."""
    reason = attempt.reason or (run.reason if run else "") or "Lost"
    message = run.message if run else "its run is gone and nothing tells why; it was deleted, or its node was lost"
    status = _closed(work, trial, attempt, run, reason, message)
    work.write(trial, status.replace(state="Pending"))


def _never_started(work: Work, trial: Trial, attempt: Attempt, run: Run | None) -> None:
    """Try again without blame, but not for ever."""
    reason = attempt.reason or doomed.reason_of(run)
    message = attempt.message or (run.message if run else "")
    status = _closed(work, trial, attempt, run, reason, message)
    if not doomed.is_hopeless(status):
        work.write(trial, status.replace(state="Pending"))
        return
    status = status.replace(failed_attempts=status.failed_attempts + 1)
    _finish(
        work, trial, status, "Failed", "Failed", reason, f"{doomed.LIMIT} attempts in a row could not start: {message}"
    )


def _failed_attempt(work: Work, trial: Trial, attempt: Attempt, run: Run | None) -> None:
    reason = attempt.reason or _failure_reason(run)
    message = _failure_message(work, run, reason)
    status = _closed(work, trial, attempt, run, reason, message)
    status = status.replace(failed_attempts=status.failed_attempts + 1)
    if reason in EXIT_REASONS.values() or status.failed_attempts > work.job.spec.retries:
        _finish(work, trial, status, "Failed", "Failed", reason, message)
    else:
        work.write(trial, status.replace(state="Pending"))


def _failure_reason(run: Run | None) -> str:
    assert run is not None
    code = run.exit_code or 0
    if run.diverged:
        return "Diverged"
    if code in EXIT_REASONS:
        return EXIT_REASONS[code]
    if run.refusal:
        return "ReportRefused"
    # Without an exit code something else ended it, such as a deadline of the pod, and has said so.
    if run.reason and run.exit_code is None:
        return run.reason
    return (run.reason or "ScriptFailed") if code else "NoReport"


def _failure_message(work: Work, run: Run | None, reason: str) -> str:
    if reason == "TimedOut":
        return f"still running after trialTimeoutSeconds ({work.job.spec.trial_timeout_seconds} s)"
    assert run is not None
    head = f"the report was refused: {run.refusal}" if run.refusal else advice(reason, run.exit_code, run.message)
    return f"{head}\n{run.message}".strip()


def _closed(work: Work, trial: Trial, attempt: Attempt, run: Run | None, reason: str, message: str) -> TrialStatus:
    """Close the attempt and charge its time, in the same write."""
    closed = with_end(attempt, run, work.now, reason, message)
    begun = (run.held_from if run else None) or closed.start_time
    ended = (run.held_until if run else None) or closed.end_time
    seconds = (ended - begun).total_seconds() if begun and ended else 0.0
    usage = trial.status.usage
    status = with_attempt(trial.status, closed)
    if find_condition(status.conditions, "Running"):
        # What it waited for, or that it runs, is over.
        status = _condition(work, status, "Running", "False", reason, "")
    return status.replace(
        start_time=trial.status.start_time or closed.start_time,
        usage=Usage(
            trial_seconds=usage.trial_seconds + max(seconds, 0.0),
            gpu_seconds=usage.gpu_seconds + max(seconds, 0.0) * (run.gpus if run else 0),
        ),
    )


def stop_without_run(work: Work, trial: Trial) -> None:
    """Give a trial that has no run its final state, because the search ends."""
    _finish(work, trial, trial.status, "Stopped", "Stopped", "SearchEnded", "the search ended before this trial ran")


def _finish(
    work: Work, trial: Trial, status: TrialStatus, state: TrialState, condition: str, reason: str, message: str
) -> None:
    status = _condition(work, status, condition, "True", reason, message)
    work.write(trial, status.replace(state=state, completion_time=work.completion_time()))


def _condition(work: Work, status: TrialStatus, kind: str, value: str, reason: str, message: str) -> TrialStatus:
    conditions = with_condition(
        status.conditions, kind, "True" if value == "True" else "False", reason, message, now=work.now
    )
    return status.replace(conditions=conditions)
