"""Promises of `plan`, against a world that crashes, forgets, repeats itself and is edited by its user."""

import random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.property.engine_world import World, a_job

from autosearch.api.job import AutoSearchJob
from autosearch.engine.housekeeping import housekeeping
from autosearch.engine.plan import plan

PBT = {"algorithm": {"pbt": {"population": 3, "rounds": 3}}, "maxTrials": None, "output": {"volume": {}}}
CHAOS = (
    {},
    {"parallelTrials": 3, "retries": 0},
    {"maxTrials": 4, "maxFailedTrials": 1},
    {"objective": {"metric": "acc", "direction": "Maximize", "target": 0.95}},
    {"activeDeadlineSeconds": 60},
    {"trialTimeoutSeconds": 20, "retries": 2},
    {"earlyStopping": {"median": {"startupTrials": 1}}},
    {"earlyStopping": {"asha": {"reductionFactor": 2}}, "parallelTrials": 3},
    {"earlyStopping": {"hyperband": {"maxResource": 4}}, "parallelTrials": 3},
    {"earlyStopping": {"patience": {"steps": 2}}},
    {"earlyStopping": {"threshold": {"lower": 0.3}}},
    {"retryFrom": "LastCheckpoint", "output": {"volume": {}}},
    {"algorithm": {"grid": {}}, "maxTrials": None, "parameters": [{"name": "b", "boolean": {}}]},
    PBT,
    {**PBT, "algorithm": {"pbt": {"population": 3, "rounds": 3, "mode": "Synchronous"}}},
    {**PBT, "parallelTrials": 2, "retries": 0, "maxFailedTrials": 4},
    {**PBT, "keepBestModels": 1, "podHistory": {"succeeded": 0, "failed": 1}},
    {"keepBestModels": 2, "output": {"volume": {}}, "retries": 2, "podHistory": {"succeeded": 1, "failed": 0}},
    {"ttlSecondsAfterFinished": 30, "retryFrom": "LastCheckpoint", "keepBestModels": 1, "output": {"volume": {}}},
)
SPECS = st.sampled_from(CHAOS)
PICK = st.integers(0, 7)


def edited(job: AutoSearchJob, **changes: object) -> AutoSearchJob:
    """Edit a job's spec as its user would."""
    generation = (job.metadata.generation or 0) + 1
    return job.replace(spec=job.spec.replace(**changes), metadata=job.metadata.replace(generation=generation))


class Engine(RuleBasedStateMachine):
    """Everything that may happen, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(a_job())

    @initialize(spec=SPECS)
    def start(self, spec):
        self.world = World(a_job(**spec))

    def pick(self, number, started=None):
        runs = [run for run in self.world.alive() if started is None or (run.started is not None) == started]
        return runs[number % len(runs)] if runs else None

    @rule(crash_after=st.none() | st.integers(0, 6), stale=st.booleans())
    def reconcile(self, crash_after, stale):
        self.world.reconcile(crash_after, stale)

    @rule()
    def converge(self):
        self.world.converge()

    @rule(rounds=st.integers(1, 4), seed=st.integers(0, 99))
    def all_is_well_for_a_while(self, rounds, seed):
        self.world.live(rounds, random.Random(seed), fail=0.3)

    @rule()
    def plan_is_a_function(self):
        snapshot = self.world.snapshot()
        fresh = plan(snapshot, self.world.now)

        assert plan(snapshot, self.world.now) == fresh
        assert plan(snapshot, self.world.now, self.world.memo) == fresh
        tidied = housekeeping(snapshot, self.world.now, planned=fresh)
        assert housekeeping(snapshot, self.world.now, self.world.memo, fresh) == tidied

    @rule()
    def think(self):
        self.world.think()

    @rule(seconds=st.sampled_from([0, 1, 11, 61]))
    def time_passes(self, seconds):
        self.world.tick(seconds)

    @rule(number=PICK)
    def begin(self, number):
        if run := self.pick(number, started=False):
            self.world.begin(run)

    @rule(number=PICK, step=st.integers(0, 4), value=st.floats(0, 1))
    def observe(self, number, step, value):
        if run := self.pick(number, started=True):
            self.world.observe(run, step, value)

    @rule(number=PICK, value=st.floats(0, 1))
    def report(self, number, value):
        if run := self.pick(number, started=True):
            self.world.report(run, value)

    @rule(number=PICK, exit_code=st.sampled_from([0, 0, 1, 2, 127, 137]), disrupted=st.booleans())
    def end(self, number, exit_code, disrupted):
        if run := self.pick(number):
            self.world.end(run, exit_code, disrupted)

    @rule(number=PICK)
    def vanish(self, number):
        if run := self.pick(number):
            self.world.vanish(run)

    @rule(number=PICK, reason=st.sampled_from(["DirectoryExists", "CodeCopyFailed"]))
    def doom(self, number, reason):
        if run := self.pick(number, started=False):
            self.world.doom(run, reason)

    @rule(message=st.sampled_from(["", "no permission"]))
    def clean(self, message):
        self.world.clean(message)

    @rule(suspend=st.booleans())
    def suspend(self, suspend):
        self.world.job = edited(self.world.job, suspend=suspend)

    @rule(more=st.integers(1, 3))
    @precondition(lambda self: self.world.job.spec.max_trials is not None)
    def grow(self, more):
        self.world.job = edited(self.world.job, max_trials=self.world.job.spec.max_trials + more)

    @rule(more=st.integers(1, 2))
    @precondition(lambda self: self.world.job.spec.algorithm.pbt is not None)
    def grow_rounds(self, more):
        algorithm = self.world.job.spec.algorithm
        pbt = algorithm.pbt.replace(rounds=algorithm.pbt.rounds + more)
        self.world.job = edited(self.world.job, algorithm=algorithm.replace(pbt=pbt))

    @rule(seconds=st.none() | st.sampled_from([30, 300]))
    def change_deadline(self, seconds):
        self.world.job = edited(self.world.job, active_deadline_seconds=seconds)

    @rule(parallel=st.integers(1, 4))
    def change_parallelism(self, parallel):
        self.world.job = edited(self.world.job, parallel_trials=parallel)

    @invariant()
    def results_are_kept(self):
        for trial in self.world.trials.values():
            if trial.status.state == "Succeeded":
                last = trial.status.attempts[-1].id
                expected = self.world.accepted.get(last, trial.status.value)

                assert trial.status.value == expected

    def teardown(self):
        """The search ends, and every accepted result that is still there counts once."""
        settle_and_check(self.world)


Engine.TestCase.settings = settings(
    max_examples=120, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestEngine = Engine.TestCase


def happen(world, rng):
    """Let one thing happen, each about as often as it takes to get anywhere."""
    running = [run for run in world.alive() if run.started]
    waiting = [run for run in world.alive() if not run.started]
    event = rng.choices(
        ["reconcile", "crash", "stale", "think", "begin", "observe", "report", "end", "vanish", "tick", "edit"],
        [8, 3, 2, 6, 6, 4, 5, 5, 1, 4, 1],
    )[0]
    if event in ("reconcile", "crash", "stale"):
        world.reconcile(rng.randrange(6) if event == "crash" else None, stale=event == "stale")
    elif event == "think":
        world.think()
    elif event == "begin" and waiting:
        begin_or_doom(world, rng.choice(waiting), rng)
    elif event == "observe" and running:
        world.observe(rng.choice(running), rng.randrange(5), rng.random())
    elif event == "report" and running:
        world.report(rng.choice(running), rng.random())
    elif event == "end" and world.alive():
        world.end(rng.choice(world.alive()), rng.choice([0, 1, 1, 2, 137]), disrupted=rng.random() < 0.3)
    elif event == "vanish" and world.alive():
        world.vanish(rng.choice(world.alive()))
    elif event == "tick":
        world.tick(rng.choice([0, 0.5, 5, 61]))
        world.clean(rng.choice(["", "no permission"]))
    elif event == "edit":
        spec = {"suspend": rng.random() < 0.4, "parallel_trials": rng.randint(1, 4)}
        world.job = edited(world.job, **spec)


def begin_or_doom(world, run, rng):
    """Let a run start, or now and then turn out to be unable to."""
    if rng.random() < 0.1:
        world.doom(run, "DirectoryExists")
    else:
        world.begin(run)


@pytest.mark.parametrize("spec", CHAOS, ids=[str(index) for index in range(len(CHAOS))])
def test_chaos_loses_nothing(spec):
    """Hundreds of accidents in a row, then peace: the search ends and every accepted result counts once."""
    for seed in range(25):
        rng = random.Random(seed)
        world = World(a_job(**spec))
        for _ in range(200):
            happen(world, rng)
        settle_and_check(world)


def settle_and_check(world):
    """Give a world peace; the search must end with every accepted result that is still there."""
    world.job = edited(world.job, suspend=False)
    world.settle(random.Random(0))
    for attempt, value in world.accepted.items():
        trial = world.trials[world.trial_of[attempt]]

        assert (trial.status.state, trial.status.value) == ("Succeeded", value)


@pytest.mark.parametrize("seed", range(20))
def test_a_search_with_failures_ends_with_every_number_used_once(seed):
    """A fair world with failing trials comes to an end with exactly the planned trials."""
    world = World(a_job(maxTrials=20, parallelTrials=4, maxFailedTrials=20))

    world.settle(random.Random(seed), fail=0.3)

    assert sorted(trial.spec.number for trial in world.trials.values()) == list(range(20))
    assert world.job.status.state == "Complete"
