"""How long one pass of the engine takes for a job of 2,000 trials: `python benchmarks/plan.py`.

Prints CPU milliseconds for each kind of pass; exits with 1 if the 95th percentile of any is over 10 ms.
"""

import random
import sys
import time

from tests.property.engine_world import World, a_job

from autosearch.api.trial import Observation
from autosearch.engine.plan import plan
from autosearch.engine.snapshot import Answer
from autosearch.search.records import Proposal, Proposals

TRIALS, RUNNING, PASSES, BAR_MS = 2000, 8, 60, 10.0


def grown_world(**spec):
    """Make a search with 2,000 finished trials by running it, then let it go on."""
    world = World(a_job(maxTrials=TRIALS, parallelTrials=RUNNING, maxFailedTrials=TRIALS, **spec))
    rng = random.Random(0)
    while len(world.trials) < TRIALS:
        _pass(world, rng)
    world.job = world.job.replace(spec=world.job.spec.replace(max_trials=TRIALS + 10_000))
    return world


def _pass(world, rng):
    world.reconcile()
    _answer(world, rng)
    for run in world.alive():
        world.begin(run)
        world.report(world.runs[run.attempt_id], rng.random())
        world.end(world.runs[run.attempt_id], 0)
    world.tick(1)


def _answer(world, rng):
    """Answer as a cheap algorithm would: only the engine is measured."""
    if world.asked is None:
        return
    known = len(world.trials)
    finished = sum(trial.finished for trial in world.trials.values())
    made = [
        Proposal(known + i, {"lr": rng.uniform(0.001, 1.0)}, "random", finished_seen=finished)
        for i in range(world.asked.slots)
    ]
    world.answer, world.asked = Answer(world.asked, Proposals(tuple(made))), None


def measure(world, rng):
    """Time each of a trial's passes: a run ended, an answer came, a run started."""
    times = []
    for _ in range(PASSES):
        for step in (lambda: _answer(world, rng), lambda: _begin_all(world), lambda: _end_one(world, rng)):
            step()
            snapshot = world.snapshot()
            before = time.process_time()
            made = plan(snapshot, world.now, world.memo)
            times.append((time.process_time() - before) * 1000)
            for action in made.actions:
                world.carry_out(action)
            world.tick(1)
    return sorted(times)


def _begin_all(world):
    for run in world.alive():
        if run.started is None:
            world.begin(run)


def _end_one(world, rng):
    run = next((run for run in world.alive() if run.started), None)
    if run is not None:
        world.report(run, rng.random())
        world.end(world.runs[run.attempt_id], 0)


def with_curves(world, steps):
    """Give every trial as many observations as one can keep."""
    rng = random.Random(1)
    for name, trial in world.trials.items():
        curve = [Observation(step=s, metrics={"acc": rng.random()}) for s in range(steps)]
        world.trials[name] = trial.replace(status=trial.status.replace(observations=curve))
    return world


def main():
    """Print the figures."""
    cases = {
        "plain": grown_world(),
        "median rule, 100 observations each": with_curves(grown_world(earlyStopping={"median": {}}), 100),
    }
    missed = False
    for name, world in cases.items():
        times = measure(world, random.Random(2))
        p50, p95 = times[len(times) // 2], times[int(len(times) * 0.95)]
        missed |= p95 > BAR_MS
        print(f"plan, {TRIALS} trials, {name}: p50 {p50:.2f} ms, p95 {p95:.2f} ms CPU (bar {BAR_MS} ms)")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
