"""The engine's policies one by one, in a world where only what the test says happens."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.property.engine_world import START, World, a_job

from autosearch.api.meta import find_condition, is_true
from autosearch.api.trial import Observation
from autosearch.engine.actions import StartRun, StopRun, UpdateJob, UpdateTrial
from autosearch.engine.plan import plan
from autosearch.engine.snapshot import Answer, Run

PBT = {
    "parallelTrials": None,
    "algorithm": {"pbt": {"population": 4, "rounds": 3}},
    "maxTrials": None,
    "output": {"volume": {}},
}


def running(**spec) -> World:
    """Make a world whose first runs have started."""
    world = World(a_job(**spec))
    world.converge()
    for run in world.alive():
        world.begin(run)
    world.converge()
    return world


def fail_all(world: World, exit_code: int, log: str = "") -> None:
    """End every run with an exit code and the last lines of a log."""
    for run in world.alive():
        world.begin(run)
        world.end(world.runs[run.attempt_id], exit_code)
        world.runs[run.attempt_id] = replace(world.runs[run.attempt_id], message=log)
    world.tick(1)
    world.converge()


def reason(world: World, kind: str) -> str:
    """Give the reason of a condition of the job that is True."""
    condition = find_condition(world.job.status.conditions, kind)
    return condition.reason if condition and condition.status == "True" else ""


def message(world: World, kind: str) -> str:
    """Give the message of a condition of the job."""
    condition = find_condition(world.job.status.conditions, kind)
    return condition.message if condition else ""


def edit(world: World, **changes) -> None:
    """Edit the spec as its user would."""
    world.job = world.job.replace(spec=world.job.spec.replace(**changes))


def test_slots_are_filled_and_no_more():
    """As many runs start as may be alive at once."""
    world = running(parallelTrials=3)

    assert len(world.alive()) == 3


def test_a_lowered_parallelism_lets_runs_end_by_themselves():
    """Fewer slots end no run; they only leave places empty."""
    world = running(parallelTrials=3)

    edit(world, parallel_trials=1)
    world.converge()

    assert len(world.alive()) == 3
    assert not any(run.stopping for run in world.alive())


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


def reason_of_trial(world: World, trial_id: str) -> str:
    """Give why a trial has failed."""
    condition = find_condition(world.trials[f"demo-01234567-{trial_id}"].status.conditions, "Failed")
    return condition.reason if condition else ""


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


def test_a_trial_whose_earlier_attempt_lives_is_not_started_again():
    """Two runs of one trial are never alive together, even if an old one comes back."""
    world = running(parallelTrials=2, maxTrials=1)
    world.end(world.alive()[0], 1)
    world.reconcile()
    world.runs.pop("0-0-r1", None)
    world.runs["0-0"] = Run("demo-01234567-0-0", "0-0", uid="back", started=START)

    starts = [action for action in plan(world.snapshot(), world.now).actions if isinstance(action, StartRun)]

    assert starts == []


def test_suspension_frees_the_gpus_and_resuming_goes_on():
    """All runs are ended, nothing starts; after resuming, the same trials go on and the deadline counts anew."""
    world = running(parallelTrials=2, activeDeadlineSeconds=100)
    before = set(world.trials)
    edit(world, suspend=True)
    world.reconcile()
    assert all(run.stopping for run in world.alive())
    for run in world.alive():
        world.end(run, 143)
    world.tick(500)
    world.converge()
    assert (world.job.status.state, world.alive(), set(world.trials)) == ("Suspended", [], before)
    assert reason(world, "Suspended") == "Suspended"

    edit(world, suspend=False)
    world.converge()

    assert [run.attempt_id for run in world.alive()] == ["0-0-r1", "0-1-r1"]
    assert not is_true(world.job.status.conditions, "Suspended")
    assert world.job.status.start_time == world.now
    assert all(trial.status.failed_attempts == 0 for trial in world.trials.values())


def test_a_timed_out_attempt_failed_by_itself():
    """Past `trialTimeoutSeconds` a run is ended, and that uses up a retry."""
    world = running(parallelTrials=1, trialTimeoutSeconds=30, retries=0)
    world.tick(31)
    world.reconcile()
    world.end(world.alive()[0], 143)
    world.converge()

    assert reason_of_trial(world, "0-0") == "TimedOut"


def test_a_run_that_hangs_after_its_report_is_ended():
    """A minute after its report a run that is still alive is ended; its result counts."""
    world = running(parallelTrials=1)
    world.report(world.alive()[0], 0.7)
    world.tick(59)
    world.converge()
    assert not world.alive()[0].stopping

    world.tick(2)
    world.reconcile()
    assert world.alive()[0].stopping
    world.end(world.alive()[0], 137)
    world.converge()

    assert world.trials["demo-01234567-0-0"].status.state == "Succeeded"


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


def test_the_lowest_round_starts_first():
    """With fewer slots than members no member falls behind: waiting trials start by round, then member."""
    world = World(a_job(**{**PBT, "parallelTrials": 2}))
    order: list[str] = []
    for _ in range(200):
        world.live(1, random.Random(0), fail=0)
        if world.finished():
            break
    order = world.starts

    rounds = [int(attempt.split("-")[0]) for attempt in order]
    assert rounds == sorted(rounds)


def test_pbt_hands_on_the_parents_checkpoint():
    """A run of a later round starts from the checkpoint that its trial's spec names."""
    world = World(a_job(**PBT))
    world.live(4, random.Random(0), fail=0)
    world.converge()
    child = next(trial for trial in world.trials.values() if trial.spec.round == 1)
    world.runs = {}
    world.trials[child.name] = child.replace(
        status=child.status.replace(attempts=[], attempt_count=0, completion_time=None)
    )
    starts = [
        a for a in plan(world.snapshot(), world.now).actions if isinstance(a, StartRun) and a.trial_name == child.name
    ]

    assert starts[0].resume_checkpoint_path == child.spec.resume.checkpoint_path


def test_a_waiting_run_has_a_reason_in_the_trial_and_in_the_job():
    """Why a run waits stands where people look."""
    world = World(a_job(parallelTrials=1))
    world.converge()
    run = world.alive()[0]
    world.runs[run.attempt_id] = replace(run, reason="Unschedulable", message="0/3 nodes have nvidia.com/gpu")
    world.converge()

    condition = find_condition(world.trials[run.trial_name].status.conditions, "Running")
    assert (condition.status, condition.reason) == ("False", "Unschedulable")
    assert reason(world, "Progressing") == "Waiting"
    assert "0/3 nodes" in message(world, "Progressing")
    world.begin(world.runs[run.attempt_id])
    world.converge()
    assert reason(world, "Progressing") == "TrialsRunning"


def test_an_algorithms_error_is_shown_and_not_asked_again():
    """A search whose algorithm fails says so, and goes on once the shell drops the answer."""
    world = World(a_job(parallelTrials=1))
    world.reconcile()
    world.answer, world.asked = Answer(world.asked, error="tpe: ValueError: no"), None
    world.converge()

    condition = find_condition(world.job.status.conditions, "Progressing")
    assert (condition.status, condition.reason, condition.message) == ("False", "AlgorithmError", "tpe: ValueError: no")
    world.answer = None
    world.settle(random.Random(0))
    assert world.job.status.state == "Complete"


def test_the_status_counts_what_is_there():
    """Counters, best, improvements, usage, seed and target are those of the trials."""
    world = running(
        parallelTrials=2, maxTrials=4, seed=None, objective={"metric": "acc", "direction": "Minimize", "target": -1}
    )
    for value, seconds in ((0.5, 10), (0.7, 5), (0.2, 5)):
        run = world.alive()[0]
        world.begin(run)
        world.tick(seconds)
        world.report(world.runs[run.attempt_id], value)
        world.end(world.runs[run.attempt_id], 0)
        world.converge()

    status = world.job.status
    assert (status.best.value, [entry.value for entry in status.improvements]) == (0.2, [0.5, 0.2])
    assert (status.trials.succeeded, status.trials.created, status.trials.planned) == (3, 4, 4)
    assert (status.usage.trial_seconds, status.usage.gpu_seconds) == (20.0, 20.0)
    assert status.target == -1
    assert status.seed is not None


def test_a_finite_space_that_is_used_up_completes_the_job():
    """When every point was tried, the search is complete before `maxTrials`."""
    world = World(a_job(maxTrials=10, parameters=[{"name": "b", "boolean": {}}]))
    world.settle(random.Random(0))

    assert (reason(world, "Complete"), len(world.trials)) == ("SearchSpaceExhausted", 2)


def test_a_deleted_trial_is_run_again():
    """A Trial object deleted by hand is proposed anew under its number; its run is ended."""
    world = running(parallelTrials=2)
    gone = world.alive()[0]
    del world.trials[gone.trial_name]
    actions = world.reconcile()
    assert StopRun(gone.trial_name, gone.attempt_id, "Stray") in actions
    world.end(world.runs[gone.attempt_id], 143)
    world.runs.pop(gone.attempt_id)
    world.converge()

    assert gone.trial_name in world.trials


def test_nothing_is_planned_for_a_finished_search():
    """A finished job is left alone, whatever else changes."""
    world = World(a_job(maxTrials=1))
    world.settle(random.Random(0))
    edit(world, max_trials=5)

    assert plan(world.snapshot(), world.now).actions == ()


def test_results_are_written_before_anything_new_starts():
    """Status writes come before creations and starts, so that a crash in between loses no result."""
    world = running(parallelTrials=1)
    run = world.alive()[0]
    world.report(run, 0.5)
    world.end(world.runs[run.attempt_id], 0)
    actions = plan(world.snapshot(), world.now).actions

    kinds = [type(action) for action in actions]
    assert kinds[:2] == [UpdateTrial, UpdateJob]


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


def test_a_report_from_before_the_deadline_makes_the_search_complete():
    """A trial that had reported when the deadline came has succeeded, so the search is complete."""
    world = running(parallelTrials=1, activeDeadlineSeconds=100)
    world.report(world.alive()[0], 0.5)
    world.tick(101)
    world.converge()
    world.end(world.alive()[0], 0)
    world.converge()

    assert reason(world, "Complete") == "DeadlineReached"


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


def test_a_run_of_a_finished_search_is_ended():
    """A late run, started by somebody who knew less, does not hold its GPU for ever."""
    world = World(a_job(maxTrials=1))
    world.settle(random.Random(0))
    world.runs["0-0-r1"] = Run("demo-01234567-0-0", "0-0-r1", started=START)

    assert plan(world.snapshot(), world.now).actions == (StopRun("demo-01234567-0-0", "0-0-r1", "Stray"),)


def test_a_failed_answer_is_asked_for_again_after_a_while():
    """An algorithm that failed is asked again half a minute later, and the plan asks to be woken for it."""
    world = World(a_job(parallelTrials=1))
    world.reconcile()
    world.answer, world.asked = Answer(world.asked, error="tpe: no", failed_at=world.now), None
    world.converge()
    assert (plan(world.snapshot(), world.now).wake_at - world.now).total_seconds() == 30

    world.tick(31)
    world.reconcile()

    assert world.asked is not None


def test_a_draining_search_starts_nothing():
    """Somebody who wants an end gets one: what runs may end, nothing new starts."""
    world = running(parallelTrials=2)
    world.report(world.alive()[0], 0.5)
    world.end(world.alive()[0], 0)
    made = plan(replace(world.snapshot(), draining=True), world.now)

    assert not any(isinstance(action, StartRun) for action in made.actions)


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


def test_the_best_models_address_is_made_from_the_output_root():
    """`modelURI` is the root's address and the model's path."""
    world = running(parallelTrials=1)
    run = world.alive()[0]
    world.report(run, 0.5)
    world.end(world.runs[run.attempt_id], 0)
    made = plan(replace(world.snapshot(), model_root="pvc://results/team-a"), world.now)

    status = next(action.status for action in made.actions if isinstance(action, UpdateJob))
    assert status.best.model_uri == "pvc://results/team-a/job/0-0"


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
