"""How a search ends: target, deadline, failures, broken scripts, exhaustion, and what Finished means."""

import random
from dataclasses import replace

import pytest
from tests.property.engine_world import START, World, a_job
from tests.unit.engine_cases import PBT, edit, fail_all, message, reason, reason_of_trial, running

from autosearch.engine.actions import StopRun
from autosearch.engine.plan import plan
from autosearch.engine.snapshot import Run


def test_a_broken_script_ends_the_job_with_the_likely_fix():
    """Two usage errors before any success end the search, and the condition says what to write."""
    world = running(parallelTrials=2, maxTrials=50)

    fail_all(world, 2, log="train.py: error: unrecognized arguments: --lr=0.1")

    assert reason(world, "Failed") == "BrokenScript"
    assert "does not declare --lr=0.1" in message(world, "Failed")
    assert len(world.trials) == 2


def test_a_script_that_never_reports_ends_the_job():
    """Two trials that end well without a report mean that the script does not report at all."""
    world = running(parallelTrials=2, maxTrials=50, retries=0)

    fail_all(world, 0)

    assert reason(world, "Failed") == "BrokenScript"
    assert "never reported" in message(world, "Failed")


def test_a_diverging_training_is_no_broken_script():
    """A report of NaN fails the trial, not the search."""
    world = running(parallelTrials=2, maxTrials=50, retries=0)
    for run in world.alive():
        world.runs[run.attempt_id] = replace(run, refusal="acc is nan", diverged=True)

    fail_all(world, 0)

    assert reason_of_trial(world, "0-0") == "Diverged"
    assert not world.finished()


def test_one_success_means_that_the_script_is_not_broken():
    """After a success, usage errors are failures like others."""
    world = running(parallelTrials=1, maxTrials=50)
    run = world.alive()[0]
    world.report(run, 0.5)
    world.end(world.runs[run.attempt_id], 0)
    world.converge()

    for _ in range(3):
        fail_all(world, 2)

    assert not world.finished()


def test_more_failures_than_allowed_fail_the_job():
    """`maxFailedTrials` is how many may fail; the next one ends the search and is quoted."""
    world = running(parallelTrials=1, retries=0, maxFailedTrials=1, maxTrials=50)

    fail_all(world, 1)
    assert not world.finished()
    fail_all(world, 1, log="out of luck")

    assert reason(world, "Failed") == "MaxFailedTrialsExceeded"
    assert "out of luck" in message(world, "Failed")


def test_no_success_at_all_fails_the_job():
    """A search without any success is not complete."""
    world = running(parallelTrials=1, retries=0, maxFailedTrials=9, maxTrials=1)

    fail_all(world, 1)

    assert reason(world, "Failed") == "NoTrialSucceeded"


def test_the_target_ends_the_search_and_stops_the_others():
    """A trial that reaches the target completes the job; running ones end as Stopped, reported ones are let be."""
    world = running(parallelTrials=3, objective={"metric": "acc", "direction": "Maximize", "target": 0.9})
    first, second, third = world.alive()
    world.report(first, 0.95)
    world.end(world.runs[first.attempt_id], 0)
    world.report(second, 0.1)
    world.reconcile()

    assert not world.runs[second.attempt_id].stopping
    assert world.runs[third.attempt_id].stopping
    assert not world.finished()
    world.settle(random.Random(0))
    assert reason(world, "Complete") == "TargetReached"
    assert [trial.status.state for trial in world.trials.values()] == ["Succeeded", "Succeeded", "Stopped"]


def test_a_target_to_minimize_is_reached_from_above():
    """With Minimize the target is reached at or below it."""
    world = running(parallelTrials=1, objective={"metric": "acc", "direction": "Minimize", "target": 0.2})
    run = world.alive()[0]
    world.report(run, 0.2)
    world.end(world.runs[run.attempt_id], 0)
    world.converge()

    assert reason(world, "Complete") == "TargetReached"


@pytest.mark.parametrize(
    ("success", "kind", "expected"), [(True, "Complete", "DeadlineReached"), (False, "Failed", "DeadlineExceeded")]
)
def test_the_deadline_ends_the_search(success, kind, expected):
    """Past the deadline a search is complete if any trial has succeeded, else failed; the plan asks to be woken."""
    world = running(parallelTrials=1, maxTrials=50, activeDeadlineSeconds=100)
    if success:
        run = world.alive()[0]
        world.report(run, 0.5)
        world.end(world.runs[run.attempt_id], 0)
        world.converge()
    wake = plan(world.snapshot(), world.now).wake_at
    assert (wake - START).total_seconds() == 100

    world.tick(101)
    world.settle(random.Random(0))

    assert reason(world, kind) == expected


def test_finished_means_that_the_gpus_are_free():
    """The final condition waits for the last run, even one whose trial was deleted by hand."""
    world = running(parallelTrials=2, maxTrials=2)
    stray, other = world.alive()
    del world.trials[stray.trial_name]
    edit(world, max_trials=1)
    world.report(other, 0.5)
    world.end(world.runs[other.attempt_id], 0)
    world.reconcile()
    world.reconcile()
    assert world.runs[stray.attempt_id].stopping
    assert not world.finished()

    world.end(world.runs[stray.attempt_id], 143)
    world.converge()

    assert world.finished()


def test_growing_max_trials_goes_on():
    """A budget that grows before the end simply counts."""
    world = running(parallelTrials=1, maxTrials=2)
    edit(world, max_trials=4)
    world.settle(random.Random(0))

    assert len(world.trials) == 4


def test_growing_rounds_goes_on():
    """More rounds are more trials of the same members."""
    world = World(a_job(**PBT))
    world.live(2, random.Random(0), fail=0)
    pbt = world.job.spec.algorithm.pbt
    edit(world, algorithm=world.job.spec.algorithm.replace(pbt=pbt.replace(rounds=5)))
    world.settle(random.Random(0))

    assert len(world.trials) == 20


def test_a_finite_space_that_is_used_up_completes_the_job():
    """When every point was tried, the search is complete before `maxTrials`."""
    world = World(a_job(maxTrials=10, parameters=[{"name": "b", "boolean": {}}]))
    world.settle(random.Random(0))

    assert (reason(world, "Complete"), len(world.trials)) == ("SearchSpaceExhausted", 2)


def test_nothing_is_planned_for_a_finished_search():
    """A finished job is left alone, whatever else changes."""
    world = World(a_job(maxTrials=1))
    world.settle(random.Random(0))
    edit(world, max_trials=5)

    assert plan(world.snapshot(), world.now).actions == ()


def test_a_report_from_before_the_deadline_makes_the_search_complete():
    """A trial that had reported when the deadline came has succeeded, so the search is complete."""
    world = running(parallelTrials=1, activeDeadlineSeconds=100)
    world.report(world.alive()[0], 0.5)
    world.tick(101)
    world.converge()
    world.end(world.alive()[0], 0)
    world.converge()

    assert reason(world, "Complete") == "DeadlineReached"


def test_a_run_of_a_finished_search_is_ended():
    """A late run, started by somebody who knew less, does not hold its GPU for ever."""
    world = World(a_job(maxTrials=1))
    world.settle(random.Random(0))
    world.runs["0-0-r1"] = Run("demo-01234567-0-0", "0-0-r1", started=START)

    assert plan(world.snapshot(), world.now).actions == (StopRun("demo-01234567-0-0", "0-0-r1", "Stray"),)


def test_the_same_exception_twice_means_a_broken_script():
    """Two trials that crash with the same last line before any success end the search, quoting it."""
    world = running(parallelTrials=2, maxTrials=50, retries=0)

    fail_all(world, 1, log="Traceback (most recent call last):\nNameError: name 'x' is not defined")

    assert reason(world, "Failed") == "BrokenScript"
    assert "NameError: name 'x' is not defined" in message(world, "Failed")


def test_different_exceptions_may_be_the_parameters_doing():
    """Crashes that differ count as failures, and the search goes on."""
    world = running(parallelTrials=1, maxTrials=50, retries=0)

    fail_all(world, 1, log="ValueError: depth 9 is too big")
    fail_all(world, 1, log="ValueError: depth 8 is too big")

    assert not world.finished()


def test_a_search_that_only_stopped_trials_early_has_failed():
    """Without a success there is no best trial; without a failure there is none to quote."""
    world = running(parallelTrials=1, maxTrials=1, earlyStopping={"threshold": {"lower": 0.5}})
    world.observe(world.alive()[0], 1, 0.1)
    world.converge()
    world.tick(11)
    world.settle(random.Random(0))

    assert reason(world, "Failed") == "NoTrialSucceeded"
    assert message(world, "Failed") == "none of 1 trials succeeded"


def test_a_search_that_ended_while_it_was_suspended_is_not_suspended():
    """The last run reports while it is being ended for a suspension: no condition says that one is being ended."""
    world = running(parallelTrials=1, maxTrials=1)
    edit(world, suspend=True)
    world.reconcile()
    world.report(world.alive()[0], 0.5)
    world.end(world.alive()[0], 0)
    world.settle(random.Random(0))

    assert reason(world, "Complete") == "AllTrialsFinished"
    assert reason(world, "Suspended") == "" and message(world, "Suspended") == "the search has ended"
