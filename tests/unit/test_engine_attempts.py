"""Attempts: retries, ids, lost runs, checkpoints, time limits, and what a run's end means."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.property.engine_world import START
from tests.unit.engine_cases import edit, fail_all, reason_of_trial, running

from autosearch.api.meta import find_condition, is_true
from autosearch.api.trial import Observation
from autosearch.engine.actions import StartRun, StopRun, UpdateTrial
from autosearch.engine.plan import plan
from autosearch.engine.snapshot import Run


def test_a_failed_attempt_is_tried_again_under_a_new_id():
    """A retry has an attempt id, and so a directory, of its own."""
    world = running(parallelTrials=1, retries=1)

    fail_all(world, 1)

    assert [run.attempt_id for run in world.alive()] == ["0-0-r1"]


def test_after_its_retries_a_trial_has_failed():
    """Retries are counted; the last failure is the trial's."""
    world = running(parallelTrials=1, retries=1)

    fail_all(world, 1)
    fail_all(world, 1, log="Traceback: boom")

    trial = world.trials["demo-01234567-0-0"]
    assert (trial.status.state, trial.status.failed_attempts, trial.status.attempt_count) == ("Failed", 2, 2)
    assert "boom" in find_condition(trial.status.conditions, "Failed").message


@pytest.mark.parametrize(("code", "expected"), [(2, "UsageError"), (126, "CannotExecute"), (127, "CommandNotFound")])
def test_exit_codes_that_would_only_come_again_are_not_retried(code, expected):
    """Wrong usage, not executable and not found use no further attempt."""
    world = running(parallelTrials=1, retries=5)

    fail_all(world, code)

    assert reason_of_trial(world, "0-0") == expected


def test_an_accepted_report_wins_over_the_exit_code():
    """A crash after the report does not waste the training; the code is kept in the message."""
    world = running(parallelTrials=1)
    run = world.alive()[0]
    world.report(run, 0.5)
    world.end(world.runs[run.attempt_id], 139)
    world.converge()

    trial = world.trials["demo-01234567-0-0"]
    assert (trial.status.state, trial.status.value) == ("Succeeded", 0.5)
    assert "139" in find_condition(trial.status.conditions, "Complete").message


def test_a_lost_run_uses_up_no_retry():
    """A run that is gone is followed by another attempt, however often."""
    world = running(parallelTrials=1, retries=0)

    for number in range(1, 13):
        world.vanish(world.alive()[0])
        world.converge()
        world.begin(world.alive()[0])
        world.converge()
        assert world.alive()[0].attempt_id == f"0-0-r{number}"

    status = world.trials["demo-01234567-0-0"].status
    assert (status.failed_attempts, status.attempt_count, len(status.attempts)) == (0, 13, 10)
    assert status.attempts[-2].reason == "Lost"


def test_a_pod_deleted_by_hand_is_in_the_attempts():
    """An evicted run leaves its reason and its uid behind."""
    world = running(parallelTrials=1, retries=0)
    run = world.alive()[0]
    world.end(run, 137, disrupted=True)
    world.runs[run.attempt_id] = replace(world.runs[run.attempt_id], reason="Evicted")
    world.converge()

    attempt = world.trials["demo-01234567-0-0"].status.attempts[0]
    assert (attempt.reason, attempt.pod_uid, attempt.exit_code) == ("Evicted", run.uid, 137)


def test_oom_is_named():
    """The shell's reason for a death is the attempt's."""
    world = running(parallelTrials=1, retries=0)
    world.runs["0-0"] = replace(world.runs["0-0"], reason="OOMKilled")
    fail_all(world, 137)

    assert reason_of_trial(world, "0-0") == "OOMKilled"


def test_a_retry_starts_from_the_last_checkpoint_where_the_job_says_so():
    """`retryFrom: LastCheckpoint` hands the newest reported checkpoint to the next attempt."""
    world = running(parallelTrials=1, retries=1, retryFrom="LastCheckpoint", output={"volume": {}})
    trial = world.trials["demo-01234567-0-0"]
    world.trials[trial.name] = trial.replace(status=trial.status.replace(last_checkpoint_path="job/0-0/step-3"))

    world.end(world.alive()[0], 1)
    starts = [action for action in plan(world.snapshot(), world.now).actions if isinstance(action, StartRun)]

    assert starts == [StartRun(trial.name, "0-0-r1", "job/0-0/step-3")]


def test_from_scratch_is_from_scratch():
    """Without `retryFrom` a reported checkpoint is not handed on."""
    world = running(parallelTrials=1, retries=1)
    trial = world.trials["demo-01234567-0-0"]
    world.trials[trial.name] = trial.replace(status=trial.status.replace(last_checkpoint_path="job/0-0/step-3"))

    world.end(world.alive()[0], 1)
    starts = [action for action in plan(world.snapshot(), world.now).actions if isinstance(action, StartRun)]

    assert starts[0].resume_checkpoint_path == ""


def test_a_trial_whose_earlier_attempt_lives_is_not_started_again():
    """Two runs of one trial are never alive together, even if an old one comes back."""
    world = running(parallelTrials=2, maxTrials=1)
    world.end(world.alive()[0], 1)
    world.reconcile()
    world.runs.pop("0-0-r1", None)
    world.runs["0-0"] = Run("demo-01234567-0-0", "0-0", uid="back", started=START)

    starts = [action for action in plan(world.snapshot(), world.now).actions if isinstance(action, StartRun)]

    assert starts == []


def test_a_timed_out_attempt_failed_by_itself():
    """Past `trialTimeoutSeconds` a run is ended, and that uses up a retry."""
    world = running(parallelTrials=1, trialTimeoutSeconds=30, retries=0)
    world.tick(31)
    world.reconcile()
    world.end(world.alive()[0], 143)
    world.converge()

    assert reason_of_trial(world, "0-0") == "TimedOut"


def test_a_run_that_hangs_after_its_report_is_ended():
    """A minute after its report a run that is still alive is ended, and before that its result is put on record."""
    world = running(parallelTrials=1)
    world.report(world.alive()[0], 0.7)
    world.tick(59)
    world.converge()
    assert not world.alive()[0].stopping

    world.tick(2)
    name = "demo-01234567-0-0"
    actions = plan(world.snapshot(), world.now).actions
    kinds = [type(action) for action in actions if getattr(action, "trial_name", "") == name]
    assert kinds == [UpdateTrial, StopRun]

    world.reconcile()
    assert world.alive()[0].stopping
    assert world.trials[name].status.state == "Succeeded"
    assert world.trials[name].status.conditions[-1].message.endswith("60 s after its report, and was ended")
    assert not is_true(world.job.status.conditions, "Finished")
    world.end(world.alive()[0], 137)
    world.converge()


def test_a_hopeless_trial_is_asked_to_stop_and_then_stopped():
    """The decision is recorded first; the script has ten seconds; then the run is ended as EarlyStopped."""
    world = running(parallelTrials=1, earlyStopping={"threshold": {"lower": 0.5}})
    run = world.alive()[0]
    world.observe(run, 1, 0.1)
    world.converge()
    trial = world.trials[run.trial_name]
    assert is_true(trial.status.conditions, "StopRequested")
    assert not world.alive()[0].stopping

    world.tick(11)
    world.reconcile()
    assert world.alive()[0].stopping
    world.end(world.alive()[0], 143)
    world.converge()

    status = world.trials[run.trial_name].status
    assert (status.state, status.value) == ("EarlyStopped", 0.1)
    assert status.attempts[-1].reason == "EarlyStopped"


def test_a_stopped_trial_that_still_reports_has_succeeded():
    """An accepted final report wins over early stopping."""
    world = running(parallelTrials=1, earlyStopping={"threshold": {"lower": 0.5}})
    run = world.alive()[0]
    world.observe(run, 1, 0.1)
    world.converge()
    world.report(world.alive()[0], 0.2)
    world.end(world.alive()[0], 0)
    world.converge()

    assert world.trials[run.trial_name].status.state == "Succeeded"


def test_a_stop_is_on_record_before_it_happens():
    """After a crash between the two, the recorded reason tells why the run ended."""
    world = running(parallelTrials=1, trialTimeoutSeconds=30)
    world.tick(31)
    world.reconcile(crash_after=1)
    world.end(world.alive()[0], 1, disrupted=True)
    world.converge()

    assert world.trials["demo-01234567-0-0"].status.attempts[0].reason == "TimedOut"


def test_an_observation_of_a_decided_step_is_not_judged_again():
    """The memo only saves work: a trial that passed is judged again when it reports more."""
    world = running(parallelTrials=1, earlyStopping={"threshold": {"lower": 0.5}})
    run = world.alive()[0]
    world.observe(run, 1, 0.9)
    world.converge()
    world.observe(run, 2, 0.1)
    world.converge()

    assert is_true(world.trials[run.trial_name].status.conditions, "StopRequested")
    assert world.trials[run.trial_name].status.observations[-1] == Observation(step=2, metrics={"acc": 0.1})


def test_a_suspension_that_was_taken_back_in_time_leaves_no_trace():
    """A run that was to be suspended, and was not, fails by itself when it fails."""
    world = running(parallelTrials=1, retries=0)
    edit(world, suspend=True)
    world.reconcile(crash_after=2)
    assert not world.alive()[0].stopping
    edit(world, suspend=False)
    world.converge()
    fail_all(world, 1)

    assert reason_of_trial(world, "0-0") == "ScriptFailed"


def test_a_judgement_follows_from_the_snapshot_alone():
    """A trial that passed its rung is judged again when others arrive there, memo or not."""
    world = running(parallelTrials=2, earlyStopping={"asha": {"reductionFactor": 2}})
    first, second = world.alive()
    world.observe(first, 1, 0.1)
    world.converge()
    world.observe(second, 1, 0.9)
    snapshot = world.snapshot()

    assert plan(snapshot, world.now, world.memo) == plan(snapshot, world.now)


def test_billed_time_is_what_the_shell_says():
    """Where a pod held its GPUs longer than its process ran, that is what counts."""
    world = running(parallelTrials=1)
    run = world.alive()[0]
    world.report(run, 0.5)
    world.end(world.runs[run.attempt_id], 0)
    held = {"held_from": START, "held_until": START + timedelta(seconds=40), "gpus": 2}
    world.runs[run.attempt_id] = replace(world.runs[run.attempt_id], **held)
    world.converge()

    assert (world.job.status.usage.trial_seconds, world.job.status.usage.gpu_seconds) == (40.0, 80.0)


def test_a_refused_report_is_why_the_attempt_failed():
    """The script's only report was not accepted: the message says why."""
    world = running(parallelTrials=1, retries=0)
    run = world.alive()[0]
    world.runs[run.attempt_id] = replace(run, refusal="no metric acc")
    world.end(world.runs[run.attempt_id], 1)
    world.converge()

    trial = world.trials["demo-01234567-0-0"]
    assert trial.status.attempts[0].reason == "ReportRefused"
    assert trial.status.attempts[0].message == "the report was refused: no metric acc"


def test_a_run_that_something_else_ended_failed_for_that_reason():
    """Without an exit code the reason is the pod's own, and never that the script did not report."""
    world = running(parallelTrials=1, retries=0)
    run = world.alive()[0]
    world.runs[run.attempt_id] = replace(run, alive=False, ended=world.now, reason="DeadlineExceeded")
    world.converge()

    assert reason_of_trial(world, "0-0") == "DeadlineExceeded"
