"""What the tests of the engine's policies share: a world in a few words."""

from dataclasses import replace

from tests.property.engine_world import World, a_job

from autosearch.api.meta import find_condition

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


def reason_of_trial(world: World, trial_id: str) -> str:
    """Give why a trial has failed."""
    condition = find_condition(world.trials[f"demo-01234567-{trial_id}"].status.conditions, "Failed")
    return condition.reason if condition else ""
