"""The end of a search: when it is reached, ending what still runs, and the final conditions.

Owns: target, deadline, failures, the early end on a broken script, exhaustion and completion. That the search ends is
put on record before anything is ended; `Complete` and `Failed` come only when no run is alive, so that they mean: the
GPUs are free.
"""

from collections import Counter
from datetime import timedelta

from autosearch.api.meta import Condition, find_condition, is_true
from autosearch.engine.budget import planned_trials, proposals_exhausted
from autosearch.engine.refusals import template_refused
from autosearch.engine.settle import EXIT_REASONS, stop_without_run
from autosearch.engine.work import ENDINGS, Work, ending_reason

BROKEN_REASONS = frozenset({*EXIT_REASONS.values(), "NoReport", "ReportRefused"})
_BROKEN_TRIALS = 2


def decide(work: Work) -> None:
    """Put on record why the search ends, if it does now."""
    if work.ending:
        return
    for rule in (_target, template_refused, _broken_script, _failures, _deadline, _all_finished):
        verdict = rule(work)
        if verdict is not None:
            reason, message = verdict
            work.set_condition("Progressing", "False", reason, message)
            return


def drain(work: Work) -> None:
    """End what is still going on, once the end is on record."""
    if not work.ending:
        return
    for trial in work.unfinished():
        run = work.run_of(trial)
        if run is None:
            stop_without_run(work, trial)
        elif run.alive and run.report is None:
            work.stop(trial, run, "SearchEnded")


def complete(work: Work) -> None:
    """Set the final conditions when no run is alive any more."""
    reason = ending_reason(work.status)
    if reason is None or work.alive() or work.unfinished():
        return
    recorded = find_condition(work.status.conditions, "Progressing")
    message = recorded.message if recorded else ""
    if reason == "DeadlineExceeded" and work.status.best:
        # A report that was accepted before the deadline may be settled after it.
        reason = "DeadlineReached"
    outcome = ENDINGS[reason]
    for kind in (outcome, "Finished"):
        work.set_condition(kind, "True", reason, message)
    if is_true(work.status.conditions, "Suspended"):
        # The last run reported while it was being ended.
        work.set_condition("Suspended", "False", reason, "the search has ended")
    work.status = work.status.replace(
        state="Complete" if outcome == "Complete" else "Failed", completion_time=work.completion_time()
    )


def finished(work: Work) -> bool:
    """Say whether the search has its final state; nothing is planned for it any more."""
    return is_true(work.status.conditions, "Finished")


def _target(work: Work) -> tuple[str, str] | None:
    target, best = work.job.spec.objective.target, work.status.best
    if target is None or best is None:
        return None
    reached = best.value >= target if work.job.spec.objective.direction == "Maximize" else best.value <= target
    name = work.job.spec.objective.metric
    return (
        ("TargetReached", f"{best.trial_name} reached {name} = {best.value!r}, target {target!r}") if reached else None
    )


def _broken_script(work: Work) -> tuple[str, str] | None:
    """A typo must not burn a GPU day: two such failures before any success are enough."""
    if work.status.best is not None:
        return None
    broken: Counter[str] = Counter()
    for trial in work.tally.failed:
        condition = find_condition(trial.status.conditions, "Failed")
        kind = _kind_of_break(condition) if condition else ""
        broken[kind] += bool(kind)
        if condition and broken[kind] >= _BROKEN_TRIALS:
            start = f"{broken[kind]} trials failed in the same way before any succeeded, the script looks broken"
            return "BrokenScript", f"{start}: {condition.message}"
    return None


def _kind_of_break(failure: Condition) -> str:
    """Give what two failures share that are the script's fault, whatever its parameters; "" if it may be theirs."""
    if failure.reason in BROKEN_REASONS:
        return "broken"
    # The same exception twice: a typo, a file that is not there. Other crashes may be the parameters' doing.
    _, _, last_line = failure.message.rstrip().rpartition("\n")
    return last_line if failure.reason == "ScriptFailed" and "\n" in failure.message else ""


def _failures(work: Work) -> tuple[str, str] | None:
    failed = work.tally.failed
    allowed = work.job.spec.failures_allowed
    if len(failed) <= allowed:
        return None
    return "MaxFailedTrialsExceeded", f"{len(failed)} trials failed, maxFailedTrials is {allowed}{_last_failure(work)}"


def _last_failure(work: Work) -> str:
    """Quote the newest failure, as the end of a sentence; "" if no trial has failed."""
    if not work.tally.failed:
        return ""
    last = work.tally.failed[-1]
    condition = find_condition(last.status.conditions, "Failed")
    return f"; the last one, trial {last.spec.trial_id}: {condition.message}" if condition else ""


def _deadline(work: Work) -> tuple[str, str] | None:
    seconds, start = work.job.spec.active_deadline_seconds, work.status.start_time
    if seconds is None or start is None or work.job.spec.suspend:
        return None
    deadline = start + timedelta(seconds=seconds)
    if work.now < deadline:
        work.wake(deadline)
        return None
    reason = "DeadlineReached" if work.status.best else "DeadlineExceeded"
    return reason, f"activeDeadlineSeconds ({seconds} s) have passed since the search started"


def _all_finished(work: Work) -> tuple[str, str] | None:
    planned = planned_trials(work.job)
    exhausted = proposals_exhausted(work)
    if work.alive() or work.unfinished() or not (exhausted or (planned is not None and len(work.trials) >= planned)):
        return None
    if work.status.best is None:
        return "NoTrialSucceeded", f"none of {len(work.trials)} trials succeeded{_last_failure(work)}"
    if planned is not None and len(work.trials) >= planned:
        return "AllTrialsFinished", f"all {len(work.trials)} trials are finished"
    return "SearchSpaceExhausted", f"every point of the search space was tried: {len(work.trials)} trials"
