"""Runs that can never start: they are ended, cost no retry, and are not repeated for ever."""

from dataclasses import replace

import pytest
from tests.property.engine_world import World, a_job
from tests.unit.engine_cases import edit, message, reason

from autosearch.engine.actions import StopRun, UpdateTrial
from autosearch.engine.plan import plan


def doomed(why: str = "DirectoryExists", **spec) -> World:
    """Make a world whose first runs cannot start, as nobody has noticed yet."""
    world = World(a_job(**{"parallelTrials": 1, "retries": 0, **spec}))
    world.converge()
    for run in world.alive():
        world.doom(run, why)
    return world


def end_all(world: World) -> None:
    """Let the runs that were told to end do so."""
    for run in world.alive():
        world.end(run, 137)


def test_a_run_that_cannot_start_is_ended_with_its_reason_on_record():
    """The reason and the message are written before the run is told to end."""
    world = doomed()

    update, *_, stop = plan(world.snapshot(), world.now).actions

    assert isinstance(update, UpdateTrial)
    assert update.status.attempts[-1].reason == "DirectoryExists"
    assert update.status.attempts[-1].message == "DirectoryExists of 0-0"
    assert stop == StopRun("demo-01234567-0-0", "0-0", "DirectoryExists")


@pytest.mark.parametrize("vanishes", [False, True], ids=["seen ending", "gone unseen"])
def test_a_doomed_attempt_costs_no_retry(vanishes):
    """With no retries at all there is still another attempt, whether the end of the first was seen or not."""
    world = doomed()
    world.converge()
    if vanishes:
        world.vanish(world.alive()[0])
    else:
        end_all(world)
    world.converge()

    trial = world.trials["demo-01234567-0-0"]
    assert (trial.status.failed_attempts, trial.status.attempt_count) == (0, 1)
    assert trial.status.attempts[0].message == "DirectoryExists of 0-0"
    assert [run.attempt_id for run in world.alive()] == ["0-0-r1"]


def test_a_doomed_run_that_a_node_took_away_still_counts_as_doomed():
    """That its pod was deleted by us, which looks like a disruption, does not make the count start anew."""
    world = doomed()
    for _ in range(3):
        for run in world.alive():
            world.doom(run, "CodeCopyFailed")
        world.converge()
        for run in world.alive():
            world.end(run, 137, disrupted=True)
        world.converge()

    assert world.trials["demo-01234567-0-0"].status.state == "Failed"


def test_a_run_that_ended_by_itself_because_it_could_not_start_costs_no_retry():
    """It makes no difference whether the run ends before the engine ends it."""
    world = doomed()
    end_all(world)
    world.converge()

    assert [run.attempt_id for run in world.alive()] == ["0-0-r1"]


def test_three_doomed_attempts_in_a_row_fail_the_trial_and_then_the_job():
    """A job whose code volume is broken ends with maxFailedTrials and says why."""
    world = World(a_job(parallelTrials=1, retries=9, maxFailedTrials=1, maxTrials=50))
    for _ in range(6):
        world.converge()
        for run in world.alive():
            world.doom(run, "CodeCopyFailed")
        world.converge()
        end_all(world)
    world.converge()

    assert len(world.starts) == 6
    assert reason(world, "Failed") == "MaxFailedTrialsExceeded"
    assert "3 attempts in a row could not start: CodeCopyFailed of 0-1-r2" in message(world, "Failed")


def test_reasons_that_change_are_no_row():
    """Only the same reason again and again is hopeless."""
    world = World(a_job(parallelTrials=1))
    for why in ("DirectoryExists", "CodeCopyFailed") * 3:
        world.converge()
        world.doom(world.alive()[0], why)
        world.converge()
        end_all(world)
    world.converge()

    assert world.trials["demo-01234567-0-0"].status.state == "Pending"


def test_a_doomed_run_of_a_suspended_job_was_suspended():
    """A suspension ends it like every other run."""
    world = doomed()
    edit(world, suspend=True)
    world.converge()
    end_all(world)
    world.converge()

    assert world.trials["demo-01234567-0-0"].status.attempts[0].reason == "Suspended"


def test_a_doomed_run_without_a_word_gets_one():
    """A reason is never empty, as the record of the intent."""
    world = doomed()
    world.runs["0-0"] = replace(world.runs["0-0"], reason="")
    world.converge()

    assert world.trials["demo-01234567-0-0"].status.attempts[0].reason == "CannotStart"
