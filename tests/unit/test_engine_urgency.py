"""Which changes of a job's status are written at once, and which may wait a moment."""

from datetime import timedelta

import pytest
from tests.property.engine_world import START

from autosearch.api.job import Best, Improvement, JobStatus, TrialCounts
from autosearch.api.meta import Condition
from autosearch.api.trial import Usage
from autosearch.engine.urgency import is_urgent


def condition(kind: str, status: str = "True", reason: str = "Because", message: str = "") -> Condition:
    return Condition(type=kind, status=status, last_transition_time=START, reason=reason, message=message)


RUNNING = JobStatus(
    state="Running",
    start_time=START,
    conditions=[condition("Started"), condition("Progressing", reason="TrialsRunning")],
)


def with_progressing(status: str, reason: str, message: str = "") -> JobStatus:
    return RUNNING.replace(conditions=[condition("Started"), condition("Progressing", status, reason, message)])


@pytest.mark.parametrize(
    "new",
    [
        RUNNING.replace(state="Suspended"),
        RUNNING.replace(start_time=None),
        RUNNING.replace(start_time=START + timedelta(seconds=1)),
        RUNNING.replace(completion_time=START),
        with_progressing("False", "TargetReached"),
        with_progressing("True", "TargetReached"),
        with_progressing("False", "AlgorithmError"),
        RUNNING.replace(conditions=[*RUNNING.conditions, condition("Suspended")]),
        RUNNING.replace(conditions=RUNNING.conditions[1:]),
        RUNNING.replace(conditions=[condition("Started", "False"), RUNNING.conditions[1]]),
    ],
)
def test_what_is_waited_for_is_urgent(new):
    """States, times, conditions and the decision to end are written at once."""
    assert is_urgent(RUNNING, new)


@pytest.mark.parametrize(
    "new",
    [
        RUNNING,
        RUNNING.replace(trials=TrialCounts(created=3, running=2)),
        RUNNING.replace(usage=Usage(trial_seconds=3.0)),
        RUNNING.replace(best=Best(trial_name="t", value=0.5, parameters={})),
        RUNNING.replace(improvements=[Improvement(trial_name="t", value=0.5, time=START)]),
        with_progressing("True", "Waiting", "0-0: Unschedulable"),
        with_progressing("True", "TrialsRunning", "other words"),
    ],
)
def test_figures_and_wording_may_wait(new):
    """What changes with every trial is no reason for a write of its own."""
    assert not is_urgent(RUNNING, new)


def test_a_cleaner_that_failed_again_is_counted_at_once():
    """The count is in the condition's reason alone, and the failed cleaner is removed after this write."""
    once, twice = (
        RUNNING.replace(conditions=[*RUNNING.conditions, condition("Cleaning", reason=reason)])
        for reason in ("CleanerFailedOnce", "CleanerFailedTwice")
    )
    assert is_urgent(once, twice)


def test_the_wording_of_a_decision_on_record_may_wait():
    """Only the decision itself must be written before anything is done."""
    assert not is_urgent(
        with_progressing("False", "TargetReached", "a"), with_progressing("False", "TargetReached", "b")
    )
