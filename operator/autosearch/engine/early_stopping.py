"""Early stopping: asks the rule about running trials, records its decision, ends those that do not end themselves.

Owns: when a hopeless trial ends. The decision is the condition `StopRequested`; the script hears it as the answer to
its next progress report and may still save and report, which wins. If it does not end by itself, it is ended.
"""

from datetime import timedelta

from autosearch.api.meta import find_condition, with_condition
from autosearch.api.trial import Trial
from autosearch.engine.snapshot import Run
from autosearch.engine.work import Work
from autosearch.search.propose import search_of
from autosearch.search.stopping import StoppingView

GRACE = timedelta(seconds=10)


def apply(work: Work) -> None:
    """Decide about every running trial that has reported progress."""
    rule = work.job.spec.early_stopping
    if rule is None or work.ending or work.job.spec.suspend:
        return
    undecided = [trial for trial, run in _running(work) if not _end_requested(work, trial, run)]
    known = _known(work)
    candidates = [
        trial for trial in undecided if trial.status.observations and work.memo.passed.get(trial.name) != known
    ]
    if candidates:
        _judge(work, candidates, known)


def _known(work: Work) -> object:
    """Give what all judgements depend on: a trial that passed is judged again as soon as any of it has changed."""
    steps = tuple((t.name, t.status.observations[-1].step) for t in work.unfinished() if t.status.observations)
    return work.tally.finished, steps


def _running(work: Work) -> list[tuple[Trial, Run]]:
    pairs = ((trial, work.run_of(trial)) for trial in work.unfinished())
    return [(trial, run) for trial, run in pairs if run is not None and run.alive and run.report is None]


def _end_requested(work: Work, trial: Trial, run: Run) -> bool:
    """End a run that was asked to stop and had its time; say whether it was asked."""
    request = find_condition(trial.status.conditions, "StopRequested")
    if request is None:
        return False
    due = request.last_transition_time + GRACE
    if work.now >= due:
        work.stop(trial, run, "EarlyStopped")
    else:
        work.wake(due)
    return True


def _judge(work: Work, candidates: list[Trial], known: object) -> None:
    rule = work.job.spec.early_stopping
    assert rule is not None
    metric = work.job.spec.objective.metric
    records = [work.memo.record(trial, metric) for trial in work.trials.values()]
    view = StoppingView(search_of(work.job), rule.settings, records)
    for trial in candidates:
        stop = view.should_stop(work.memo.record(trial, metric))
        if stop is None:
            work.memo.passed[trial.name] = known
        else:
            _request_stop(work, trial, stop.reason)


def _request_stop(work: Work, trial: Trial, reason: str) -> None:
    conditions = with_condition(trial.status.conditions, "StopRequested", "True", "EarlyStopping", reason, now=work.now)
    work.write(trial, trial.status.replace(conditions=conditions))
    work.wake(work.now + GRACE)
