"""What runs next, suspension, and the status that people read."""

import random
from dataclasses import replace

from tests.property.engine_world import World, a_job
from tests.unit.engine_cases import PBT, edit, message, reason, running

from autosearch.api.meta import find_condition, is_true
from autosearch.engine.actions import StartRun, StopRun, UpdateJob, UpdateTrial
from autosearch.engine.plan import plan
from autosearch.engine.snapshot import Answer


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


def test_results_are_written_before_anything_new_starts():
    """Status writes come before creations and starts, so that a crash in between loses no result."""
    world = running(parallelTrials=1)
    run = world.alive()[0]
    world.report(run, 0.5)
    world.end(world.runs[run.attempt_id], 0)
    actions = plan(world.snapshot(), world.now).actions

    kinds = [type(action) for action in actions]
    assert kinds[:2] == [UpdateTrial, UpdateJob]


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


def test_the_best_models_address_is_made_from_the_output_root():
    """`modelURI` is the root's address and the model's path."""
    world = running(parallelTrials=1)
    run = world.alive()[0]
    world.report(run, 0.5)
    world.end(world.runs[run.attempt_id], 0)
    made = plan(replace(world.snapshot(), model_root="pvc://results/team-a"), world.now)

    status = next(action.status for action in made.actions if isinstance(action, UpdateJob))
    assert status.best.model_uri == "pvc://results/team-a/demo-01234567/0-0"


def test_a_deleted_trial_is_proposed_again():
    """A question that was asked of other trials has no answer yet: a trial that somebody deletes is run again."""
    world = running(parallelTrials=1, maxTrials=3)
    for _ in range(2):
        _finish(world)
    world.trials.pop("demo-01234567-0-0")
    world.runs.pop("0-0")
    _finish(world)
    world.settle(random.Random(0))

    assert sorted(trial.spec.number for trial in world.trials.values()) == [0, 1, 2]


def _finish(world: World) -> None:
    """Let the run that is alive report and end, and the next one start."""
    world.report(world.alive()[0], 0.5)
    world.end(world.alive()[0], 0)
    world.tick(1)
    world.converge()
    for run in world.alive():
        world.begin(run)
