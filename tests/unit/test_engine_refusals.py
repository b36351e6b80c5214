"""What is refused, what is waited for, and what a user is told beside: conditions that name the reason."""

import random
from dataclasses import replace

import pytest
from tests.property.engine_world import START, World, a_job
from tests.unit.engine_cases import edit, message, reason, running

from autosearch.api.errors import Problem
from autosearch.api.job import JobStatus
from autosearch.api.meta import find_condition, is_true
from autosearch.engine.actions import StartRun, UpdateJob
from autosearch.engine.notices import held_by_one_node
from autosearch.engine.plan import plan
from autosearch.engine.refusals import refused_status, text_of
from autosearch.engine.snapshot import Blocked, Note, Run

PROBLEMS = (
    Problem("spec.maxTrials", "", "is required"),
    Problem("spec.parameters[1].name", '"lr"', "must be unique"),
)
QUOTA = Blocked("wait", "QuotaExceeded", "exceeded quota: gpus, requested: 1, used: 8, limited: 8")
REFUSED = Blocked("fatal", "InvalidTemplate", "spec.containers[0].image: Required value")


def condition_of(status: JobStatus, kind: str):
    found = find_condition(status.conditions, kind)
    return (found.status, found.reason) if found else None


def test_quota_is_a_wait_with_a_reason():
    """Nothing ends while the API server takes no pods: the condition says why, and the starts stay wanted."""
    world = World(a_job())
    world.reconcile()
    world.think()
    world.blocked = QUOTA
    made = plan(world.snapshot(), world.now)

    status = next(action.status for action in made.actions if isinstance(action, UpdateJob))
    assert condition_of(status, "Progressing") == ("True", "QuotaExceeded")
    assert find_condition(status.conditions, "Progressing").message == QUOTA.message
    assert [type(action) for action in made.actions].count(StartRun) == 2


def test_a_wait_ends_when_it_is_over():
    """As soon as a pod was taken, the search is simply running."""
    world = running()
    world.blocked = QUOTA
    world.converge()
    assert reason(world, "Progressing") == "QuotaExceeded"

    world.blocked = None
    world.converge()

    assert reason(world, "Progressing") == "TrialsRunning"


def test_a_refused_template_ends_a_search_that_has_no_success():
    """The answer of the API server is the condition's message."""
    world = World(a_job())
    world.reconcile()
    world.think()
    world.blocked = REFUSED
    world.converge()

    assert reason(world, "Failed") == reason(world, "Finished") == "InvalidTemplate"
    assert message(world, "Failed") == REFUSED.message
    assert world.job.status.state == "Failed"
    assert not world.starts


def test_a_refused_template_waits_when_a_trial_has_succeeded():
    """A success is not thrown away because of a policy that came later."""
    world = running(parallelTrials=1)
    run = world.alive()[0]
    world.report(run, 0.5)
    world.end(world.runs[run.attempt_id], 0)
    world.converge()

    world.blocked = REFUSED
    world.converge()

    assert not world.finished()
    assert reason(world, "Progressing") == "TemplateRefused"


def test_a_spec_that_breaks_the_rules_fails_at_once_with_all_problems():
    """No trial is created, and both problems are in the message."""
    world = World(a_job())

    (update,) = plan(replace(world.snapshot(), problems=PROBLEMS), world.now).actions

    assert isinstance(update, UpdateJob)
    assert update.status.state == "Failed"
    assert [condition_of(update.status, kind) for kind in ("Failed", "Finished")] == [("True", "InvalidSpec")] * 2
    told = find_condition(update.status.conditions, "Failed")
    assert told.message == 'spec.maxTrials: is required\nspec.parameters[1].name: found "lr"; must be unique'
    assert (told.observed_generation, update.status.observed_generation) == (1, 1)


def test_a_refused_spec_is_final_only_when_nothing_runs():
    """A run that somebody left is ended first."""
    world = World(a_job())
    world.runs["0-0"] = Run("demo-01234567-0-0", "0-0", started=START)

    update, stop = plan(replace(world.snapshot(), problems=PROBLEMS), world.now).actions

    assert not is_true(update.status.conditions, "Finished")
    assert (stop.attempt_id, stop.reason) == ("0-0", "Stray")


def test_an_edit_that_breaks_the_rules_starts_nothing_more():
    """A search that has started is not thrown away: it goes on when the edit is undone."""
    world = running(parallelTrials=1)
    edit(world, parallel_trials=3)
    made = plan(replace(world.snapshot(), problems=PROBLEMS), world.now)

    (update,) = made.actions
    assert condition_of(update.status, "Progressing") == ("True", "InvalidEdit")


def test_a_document_that_cannot_be_read_gets_a_final_status():
    """Where no snapshot can be made, the status is made of the problems alone, and twice the same."""
    status = refused_status(JobStatus(), PROBLEMS, START, 3)

    assert (status.state, status.observed_generation, status.completion_time) == ("Failed", 3, START)
    assert condition_of(status, "Progressing") == ("False", "InvalidSpec")
    assert condition_of(status, "Finished") == ("True", "InvalidSpec")
    assert JobStatus.from_dict(status.to_dict()) == status
    assert refused_status(status, PROBLEMS, START.replace(hour=5), 3) == status


@pytest.mark.parametrize("length", [10, 5000])
def test_many_problems_are_told_as_far_as_they_fit(length):
    """A condition's message is limited, and says how much it leaves out."""
    problems = [Problem(f"spec.parameters[{i}]", "", "x" * length) for i in range(300)]
    text = text_of(problems)

    assert len(text) < 4096
    assert text.endswith(f"... and {300 - text.count(chr(10))} more")


def test_a_job_without_output_says_that_models_are_not_kept():
    """The least job works, and a condition tells what it does not do."""
    world = running()

    found = find_condition(world.job.status.conditions, "ModelsKept")
    assert (found.status, found.reason) == ("False", "NoOutput")
    assert "output:" in found.message


@pytest.mark.parametrize(("spec", "root"), [({"output": {"volume": {}}}, ""), ({}, "/runs/demo/output")])
def test_a_job_with_an_output_root_says_that_models_are_kept(spec, root):
    """An output volume keeps models, and so does a local folder."""
    world = World(a_job(**spec))
    (update, _) = plan(replace(world.snapshot(), model_root=root), world.now).actions

    assert condition_of(update.status, "ModelsKept") == ("True", "OutputGiven")


def test_notes_become_a_warning():
    """The first note gives the reason, all of them the message."""
    world = World(a_job())
    notes = (Note("VolumeHeldByOneNode", "one"), Note("Other", "two"))
    (update, _) = plan(replace(world.snapshot(), notes=notes), world.now).actions

    found = find_condition(update.status.conditions, "Warning")
    assert (found.status, found.reason, found.message) == ("True", "VolumeHeldByOneNode", "one; two")


@pytest.mark.parametrize(
    ("parallel", "modes", "warned"),
    [
        (2, ["ReadWriteOnce"], True),
        (2, ["ReadWriteOncePod"], True),
        (2, ["ReadWriteOnce", "ReadWriteMany"], False),
        (1, ["ReadWriteOnce"], False),
        (2, [], False),
    ],
)
def test_a_claim_that_one_node_holds_is_warned_of(parallel, modes, warned):
    """Trials side by side on a ReadWriteOnce claim may wait for ever on another node."""
    note = held_by_one_node(a_job(parallelTrials=parallel), "results", modes)

    assert (note is not None) is warned
    if note is not None:
        assert note.reason == "VolumeHeldByOneNode"
        assert "results" in note.message


def test_an_edit_is_acknowledged_in_every_condition():
    """`observedGeneration` follows the spec, of a finished job too, so that clients see that the edit was looked at."""
    world = World(a_job(maxTrials=1))
    world.settle(random.Random(0))
    world.job = world.job.replace(metadata=world.job.metadata.replace(generation=7))
    world.converge()

    status = world.job.status
    assert {condition.observed_generation for condition in status.conditions} == {7}
    assert status.observed_generation == 7


def test_a_suspended_job_is_not_progressing():
    """`Progressing` says that nothing runs, and why."""
    world = running()
    edit(world, suspend=True)
    world.converge()

    assert condition_of(world.job.status, "Progressing") == ("False", "Suspended")


def test_only_a_search_that_does_not_progress_is_ending():
    """A wait ends nothing, even one whose reason is a word for an end: runs go on until `Progressing` is False."""
    world = running()
    world.blocked = replace(QUOTA, reason="InvalidTemplate")
    world.converge()

    assert condition_of(world.job.status, "Progressing") == ("True", "InvalidTemplate")
    assert world.alive() and not condition_of(world.job.status, "Finished")


def test_a_wait_is_over_when_its_attempt_is():
    """A run that is seen waiting and next has ended leaves no reason for a wait on its trial."""
    world = running(parallelTrials=1)
    run = world.alive()[0]
    world.runs[run.attempt_id] = replace(run, started=None, reason="ImagePullBackOff", message="no such image")
    world.converge()
    trial = world.trials[run.trial_name]
    assert condition_of(trial.status, "Running") == ("False", "ImagePullBackOff")

    world.runs[run.attempt_id] = run
    world.report(run, 0.5)
    world.end(world.runs[run.attempt_id], 0)
    world.converge()

    trial = world.trials[run.trial_name]
    assert condition_of(trial.status, "Running") == ("False", "Reported") and trial.status.state == "Succeeded"
