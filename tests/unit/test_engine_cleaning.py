"""`keepBestModels`: what is removed, what never is, and how a cleaner that fails is dealt with."""

import random
from dataclasses import replace

import pytest
from tests.property.engine_world import World, a_job
from tests.unit.engine_cases import PBT, message, running

from autosearch.api.meta import find_condition
from autosearch.engine import cleaning
from autosearch.engine.actions import RemoveCleaner, StartCleaner
from autosearch.engine.housekeeping import housekeeping
from autosearch.engine.kept_models import removable
from autosearch.engine.memo import Memo
from autosearch.engine.work import Work

OUTPUT = {"volume": {"persistentVolumeClaim": {"claimName": "results"}}}
HOME = "demo-01234567"


def search(values, **spec) -> World:
    """Make a world whose trials have ended one after another, with these values; None: it failed."""
    fields = {"parallelTrials": 1, "maxTrials": len(values), "retries": 0, "maxFailedTrials": 99, "output": OUTPUT}
    world = World(a_job(**{**fields, "keepBestModels": 1, **spec}))
    for value in values:
        end_one(world, value)
    return world


def end_one(world: World, value: float | None) -> None:
    """Let the only run that is alive come to its end."""
    (run,) = world.alive() or (world.converge(), *world.alive())[1:]
    world.begin(run)
    if value is not None:
        world.report(world.runs[run.attempt_id], value)
    world.tick(1)
    world.end(world.runs[run.attempt_id], 0 if value is not None else 1)
    world.converge()


def directories(*attempts: str) -> tuple[str, ...]:
    return tuple(f"{HOME}/{attempt}" for attempt in attempts)


def test_the_end_of_a_job_leaves_the_best_models():
    """All directories but the best two go, failed trials' too, and the trials tell which."""
    world = search([0.1, 0.9, None, 0.5, 0.2], keepBestModels=2)
    assert world.finished()
    assert world.cleaner.directories == directories("0-0", "0-2", "0-4")

    world.clean()
    world.converge()

    assert world.cleaner is None
    removed = {name: trial.status.output_removed for name, trial in world.trials.items()}
    assert [name[-3:] for name, gone in removed.items() if gone] == ["0-0", "0-2", "0-4"]
    models = [trial.status.model_path for trial in world.trials.values()]
    assert models == [None, f"{HOME}/0-1", None, f"{HOME}/0-3", None]
    assert world.job.status.best.model_path == f"{HOME}/0-1"


def test_with_minimize_the_smallest_are_the_best():
    """The direction counts."""
    objective = {"metric": "acc", "direction": "Minimize"}
    world = search([0.5, 0.1, 0.3], objective=objective)

    assert world.cleaner.directories == directories("0-0", "0-2")


def test_of_equals_the_first_is_kept():
    """The kept model is the one that `status.best` names."""
    world = search([0.5, 0.5])

    assert world.cleaner.directories == directories("0-1")
    assert world.job.status.best.model_path == f"{HOME}/0-0"


@pytest.mark.parametrize("spec", [{"keepBestModels": None}, {"output": None}], ids=["all are kept", "no output"])
def test_without_the_wish_or_without_output_there_is_nothing_to_remove(spec):
    """Absent means that all models are kept, and without output there are none."""
    assert search([0.1, 0.2, 0.3], **spec).cleaners == 0


def test_of_a_search_without_success_nothing_is_kept():
    """What failed attempts left behind goes, however many models were to be kept."""
    world = search([None, None, None], keepBestModels=5)

    assert world.cleaner.directories == directories("0-0", "0-1", "0-2")


def test_while_the_search_goes_on_ten_directories_make_a_cleaner():
    """A pod for each model would cost more than it frees."""
    world = search([0.99, *(i / 100 for i in range(9))], maxTrials=20)
    assert world.cleaners == 0

    end_one(world, 0.5)

    assert world.cleaners == 1
    assert world.cleaner.directories == directories(*(f"0-{i}" for i in range(1, 11)))


def test_there_is_one_cleaner_at_a_time():
    """While one is alive, none is started, whatever else could go."""
    world = search([0.99, *(i / 100 for i in range(10))], maxTrials=30)
    for _ in range(12):
        end_one(world, 0.1)
    assert world.cleaners == 1

    world.clean()
    world.converge()

    assert world.cleaners == 2


def test_earlier_attempts_of_a_kept_trial_go_and_its_model_stays():
    """The best trial failed once before: only what that attempt left is removed, once."""
    world = search([None, 0.9, 0.1], maxTrials=2, retries=1)
    assert world.cleaner.directories == directories("0-0", "0-1")
    world.clean()
    world.converge()

    best = world.trials[f"{HOME}-0-0"].status
    assert (best.attempts_removed, best.output_removed, best.model_path) == (1, False, f"{HOME}/0-0-r1")
    assert world.cleaners == 1


def test_what_a_kept_trial_reported_stays_wherever_it_lies():
    """A checkpoint in another trial's directory keeps that one, and all later attempts of its trial."""
    world = search([0.1, 0.2, 0.9], maxTrials=4)
    trial = world.trials[f"{HOME}-0-2"]
    path = f"{HOME}/0-0/model.pkl"
    world.trials[trial.name] = trial.replace(status=trial.status.replace(checkpoint_path=path))

    work = Work(world.snapshot(), world.now)
    assert removable(work, at_least=1, over=False) == list(directories("0-1"))
    assert removable(work, at_least=2, over=False) == []


@pytest.mark.parametrize("status", [True, False], ids=["retry", "resume"])
def test_what_an_unfinished_trial_starts_from_stays(status):
    """Its own last checkpoint may lie in a parent's directory."""
    world = search([0.1, 0.2, 0.9], maxTrials=4)
    trial = world.trials[f"{HOME}-0-3"]
    path = f"{HOME}/0-0/model.pkl"
    if status:
        world.trials[trial.name] = trial.replace(status=trial.status.replace(last_checkpoint_path=path))
    else:
        resume = {"trialName": f"{HOME}-0-0", "checkpointPath": path}
        spec = type(trial.spec).from_dict({**trial.spec.to_dict(), "resume": resume})
        world.trials[trial.name] = trial.replace(spec=spec)

    work = Work(world.snapshot(), world.now)
    assert removable(work, at_least=1, over=False) == list(directories("0-1"))


def test_a_directory_that_somebody_writes_to_stays():
    """A stray run of a finished trial may still be at work."""
    world = search([0.1, 0.2, 0.9], maxTrials=4)
    run = world.runs["0-0"]
    world.runs["0-0"] = replace(run, alive=True)

    assert removable(Work(world.snapshot(), world.now), at_least=1, over=False) == list(directories("0-1"))


@pytest.mark.parametrize("mode", ["Synchronous", "Asynchronous"])
@pytest.mark.parametrize("seed", range(5))
def test_pbt_never_misses_a_checkpoint(mode, seed, monkeypatch):
    """With a cleaner for every single directory, each trial finds what it starts from; the world checks that."""
    monkeypatch.setattr(cleaning, "TOGETHER", 1)
    pbt = {"population": 4, "rounds": 6, "mode": mode}
    world = World(a_job(**{**PBT, "algorithm": {"pbt": pbt}, "keepBestModels": 1, "maxFailedTrials": 24}))

    world.settle(random.Random(seed), fail=0.2)
    before_the_end = world.cleaners
    world.live(9, random.Random(seed), fail=0.0)

    left = [trial for trial in world.trials.values() if trial.status.attempt_count and not trial.status.output_removed]
    assert before_the_end > 3
    assert [trial.name for trial in left] == [world.job.status.best.trial_name]


def failed(world: World, times: int) -> None:
    """Let cleaners fail, each after its wait."""
    for _ in range(times):
        world.clean("rm: Permission denied")
        world.converge()
        world.tick(61)
        world.converge()


def test_a_cleaner_that_failed_is_tried_again_a_minute_later():
    """It stays for its log until then; the next one has another name."""
    world = search([0.1, 0.9])
    first = world.cleaner.name
    world.clean("rm: Permission denied")
    world.converge()
    assert world.cleaner.name == first
    assert housekeeping(world.snapshot(), world.now).wake_at == world.cleaner.ended + cleaning.AGAIN

    world.tick(60)
    world.converge()

    assert world.cleaner.alive
    assert world.cleaner.name != first
    assert world.cleaner.directories == directories("0-0")


def test_after_three_failures_a_condition_tells_and_the_job_goes_on():
    """No fourth cleaner is started."""
    world = search([0.1, 0.9])

    failed(world, 3)

    found = find_condition(world.job.status.conditions, "Cleaning")
    assert (found.status, found.reason) == ("False", "CleanerFailed")
    assert message(world, "Cleaning") == "rm: Permission denied"
    assert (world.cleaner, world.cleaners) == (None, 3)
    assert world.job.status.state == "Complete"


def test_failures_before_a_success_are_forgotten():
    """Only failures in a row count."""
    world = search([0.1, 0.9])
    failed(world, 2)
    assert find_condition(world.job.status.conditions, "Cleaning").reason == "CleanerFailedTwice"
    world.clean()
    world.converge()

    found = find_condition(world.job.status.conditions, "Cleaning")
    assert (found.status, found.reason) == ("True", "CleanerSucceeded")
    assert world.trials[f"{HOME}-0-0"].status.output_removed


def test_a_failure_is_counted_once_though_the_operator_crashes():
    """The name of the cleaner tells that it was counted, even if nobody knows when it ended."""
    world = search([0.1, 0.9])
    world.cleaner = replace(world.cleaner, alive=False, message="no", ended=None)
    world.reconcile(crash_after=1)
    assert world.cleaner is not None

    actions = world.reconcile()

    assert actions == (RemoveCleaner(actions[0].name),)
    assert find_condition(world.job.status.conditions, "Cleaning").reason == "CleanerFailedOnce"


def test_a_success_is_noted_though_the_operator_crashes():
    """The cleaner goes only after all trials know."""
    world = search([0.1, 0.9, 0.2])
    world.clean()
    world.reconcile(crash_after=1)
    assert world.cleaner is not None
    world.converge()

    assert [trial.status.output_removed for trial in world.trials.values()] == [True, False, True]


def test_a_cleaner_has_at_most_so_many_directories(monkeypatch):
    """What is left comes next."""
    monkeypatch.setattr(cleaning, "AT_MOST", 2)
    world = search([0.1, 0.2, 0.3, 0.9])
    assert world.cleaner.directories == directories("0-0", "0-1")
    world.clean()
    world.converge()

    assert world.cleaner.directories == directories("0-2")


def test_a_cleaner_of_other_directories_changes_nothing():
    """Somebody removed the trials of what it cleaned."""
    world = running(keepBestModels=1, output=OUTPUT)
    world.cleaner = replace(cleaner_of(world), alive=False, succeeded=True)
    world.converge()

    assert world.cleaner is None


def cleaner_of(world: World):
    world.carry_out(StartCleaner("demo-01234567-clean-0-0", (f"{HOME}/0-99",)))
    return world.cleaner


def test_the_memo_changes_no_chore():
    """A fresh memo gives the same answer."""
    world = search([0.1, 0.2, 0.9])
    world.cleaner = None

    assert housekeeping(world.snapshot(), world.now, Memo()) == housekeeping(world.snapshot(), world.now, world.memo)
