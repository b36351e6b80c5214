"""What is tidied up: ended runs beyond the history, finished jobs past their time to live."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.property.engine_world import START, World, a_job
from tests.unit.engine_cases import edit, running

from autosearch.engine.actions import Plan, RemoveJob, RemoveRun, UpdateJob
from autosearch.engine.housekeeping import housekeeping
from autosearch.engine.plan import plan
from autosearch.engine.snapshot import CleanerRun

DAY = timedelta(days=1)


def run_one(world: World, value: float | None) -> str:
    """Let the only run report and end, or fail; give its attempt id. Its trial's status does not know yet."""
    world.converge()
    (run,) = world.alive()
    world.begin(run)
    if value is not None:
        world.report(world.runs[run.attempt_id], value)
    world.tick(1)
    world.end(world.runs[run.attempt_id], 0 if value is not None else 1)
    return run.attempt_id


def finished(**spec) -> World:
    """Make a world whose only trial has succeeded."""
    world = World(a_job(maxTrials=1, **spec))
    world.settle(random.Random(0))
    return world


def test_the_newest_runs_of_each_kind_are_kept_and_the_best_ones():
    """Two succeeded and one failed are kept by their end; the best trial's run is kept beside them, however old."""
    history = {"succeeded": 2, "failed": 1}
    world = World(a_job(parallelTrials=1, maxTrials=9, maxFailedTrials=9, retries=0, podHistory=history))
    for value in (0.1, 0.9, None, 0.2, 0.3, None, 0.4):
        run_one(world, value)
    world.converge()

    assert [run.attempt_id for run in world.runs.values() if not run.alive] == ["0-1", "0-4", "0-5", "0-6"]


def test_with_a_history_of_nothing_all_go_but_the_best_ones():
    """`succeeded: 0` and `failed: 0` leave only the run that people ask for."""
    world = World(a_job(parallelTrials=1, maxTrials=9, retries=1, podHistory={"succeeded": 0, "failed": 0}))
    for value in (None, 0.5, 0.1):
        run_one(world, value)
    world.converge()

    assert [run.attempt_id for run in world.runs.values() if not run.alive] == ["0-0-r1"]


def test_a_run_whose_outcome_is_not_on_record_is_never_removed():
    """Before its result is in the trial's status, the pod is all that knows of it."""
    world = World(a_job(parallelTrials=1, podHistory={"succeeded": 0, "failed": 0}))
    run_one(world, 0.9)
    run_one(world, 0.5)

    assert housekeeping(world.snapshot(), world.now).actions == ()


def test_a_failed_attempt_of_a_trial_that_goes_on_may_go():
    """Its end is in the trial's attempts."""
    world = World(a_job(parallelTrials=1, podHistory={"succeeded": 0, "failed": 0}))
    run_one(world, None)
    world.reconcile()

    assert housekeeping(world.snapshot(), world.now).actions == (RemoveRun("demo-01234567-0-0", "0-0"),)


def test_an_interrupted_attempt_counts_as_a_failed_one():
    """Nobody may look for it among those that succeeded."""
    world = World(a_job(parallelTrials=1, podHistory={"succeeded": 9, "failed": 0}))
    world.converge()
    world.end(world.alive()[0], 137, disrupted=True)
    world.converge()

    assert "0-0" not in world.runs


def test_a_run_of_a_trial_that_is_gone_is_left_to_its_owner():
    """What owns the pod takes it along; a trial that is not seen yet is no reason to remove its run."""
    world = running(podHistory={"succeeded": 0, "failed": 0})
    stray = world.alive()[0]
    world.end(stray, 1)
    del world.trials[stray.trial_name]

    assert housekeeping(world.snapshot(), world.now).actions == ()


def test_a_run_that_is_being_removed_is_not_removed_again():
    """It counts as gone already."""
    world = finished(podHistory={"succeeded": 0, "failed": 0})
    run = world.runs["0-0"]
    world.runs["0-0"] = replace(run, attempt_id="0-0-r1", stopping=True)

    assert housekeeping(world.snapshot(), world.now).actions == ()


def test_a_finished_job_is_removed_after_its_time():
    """The plan asks to be woken when the time has come."""
    world = finished(ttlSecondsAfterFinished=100)
    end = world.job.status.completion_time

    before = housekeeping(world.snapshot(), end + timedelta(seconds=99))
    assert before == Plan(wake_at=end + timedelta(seconds=100))
    assert housekeeping(world.snapshot(), end + timedelta(seconds=100)).actions == (RemoveJob(),)


@pytest.mark.parametrize("spec", [{}, {"ttlSecondsAfterFinished": 0}])
def test_a_job_without_time_to_live_or_without_an_end_stays(spec):
    """Neither is removed, at whatever time."""
    world = finished() if not spec else running(**spec)

    assert housekeeping(world.snapshot(), world.now + 9 * DAY) == Plan()


def test_a_changed_time_to_live_counts():
    """It may be edited when the job is finished."""
    world = finished()
    edit(world, ttl_seconds_after_finished=0)

    assert housekeeping(world.snapshot(), world.now).actions == (RemoveJob(),)


def test_an_end_in_the_future_defers_the_removal():
    """Clocks differ: nothing is removed early, and nobody sleeps longer than a day because of a wrong one."""
    world = finished(ttlSecondsAfterFinished=0)
    now = world.job.status.completion_time - 400 * DAY

    assert housekeeping(world.snapshot(), now) == Plan(wake_at=now + DAY)


def test_nothing_is_done_for_a_job_that_is_being_deleted():
    """Its objects go with it."""
    world = finished(ttlSecondsAfterFinished=0)
    world.job = world.job.replace(metadata=world.job.metadata.replace(deletion_timestamp=START))

    assert housekeeping(world.snapshot(), world.now) == Plan()


def test_the_planned_status_counts():
    """What `plan` writes in the same pass is built upon: a job that ends now has its time to live from now on."""
    world = World(a_job(parallelTrials=1, maxTrials=1, ttlSecondsAfterFinished=5))
    run_one(world, 0.5)
    planned = plan(world.snapshot(), world.now)
    (end,) = [action.status.completion_time for action in planned.actions if isinstance(action, UpdateJob)]

    assert housekeeping(world.snapshot(), world.now, planned=planned) == Plan(wake_at=end + timedelta(seconds=5))


@pytest.mark.parametrize(("minutes", "removed"), [(9, False), (10, True)])
def test_a_job_waits_for_its_cleaner_but_not_for_ever(minutes, removed):
    """The cleaner would be deleted with the job; one that cannot run does not keep the job."""
    world = finished(ttlSecondsAfterFinished=0, keepBestModels=1, output={"volume": {}})
    world.cleaner = CleanerRun("demo-01234567-clean-0-0", ())
    now = world.job.status.completion_time + timedelta(minutes=minutes)

    assert (housekeeping(world.snapshot(), now).actions == (RemoveJob(),)) is removed
