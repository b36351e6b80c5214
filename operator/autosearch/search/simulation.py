"""Searches in simulated time, whose trials run side by side and end in any order.

Owns: the simulator that tests and benchmarks share, with all that goes wrong on bad days. It must not be imported by
the package itself.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from autosearch.search.history import running
from autosearch.search.records import Algorithm, Proposal, Proposals, Search, TrialRecord

Make = Callable[[], Algorithm]
Objective = Callable[[Proposal], float]
Duration = Callable[[Proposal, random.Random], float]


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong in a simulated search; each is a probability.

    Attributes:
        fail: a trial fails by its own fault.
        stop: a trial is stopped early, after a few observations.
        restart: the algorithm's instance is lost before a question.
        stale: a question is asked about a view that lacks the newest events.
        double: a trial is listed twice, once with an older status, and the list is in any order.
        drop: an answer is lost.
    """

    fail: float = 0.0
    stop: float = 0.0
    restart: float = 0.0
    stale: float = 0.0
    double: float = 0.0
    drop: float = 0.0


CALM = Faults()
BAD_DAYS = Faults(fail=0.1, restart=0.2, stale=0.3, double=0.3, drop=0.1)


@dataclass(frozen=True, slots=True)
class Simulation:
    """A search that has run.

    Attributes:
        trials: all trials, by number.
        makespan: simulated time from the first start to the last end.
        busy: share of the slots' time in which a trial ran.
        exhausted: whether the algorithm said that there will be no more.
    """

    trials: tuple[TrialRecord, ...]
    makespan: float
    busy: float
    exhausted: bool


def log_normal(sigma: float) -> Duration:
    """Give run times of median 1 whose logarithm has this standard deviation."""
    return lambda _, rng: math.exp(rng.gauss(0.0, sigma))


def simulate(
    make: Make,
    search: Search,
    objective: Objective,
    *,
    parallel: int = 1,
    seed: int = 0,
    duration: Duration | None = None,
    faults: Faults = CALM,
    most: int = 10_000,
) -> Simulation:
    """Run a search in simulated time; trials end in the order of their run times, not of their numbers.

    Args:
        make: gives a new instance of the algorithm.
        search: the search.
        objective: the value that a trial would report.
        parallel: how many trials run side by side.
        seed: of run times and faults.
        duration: run time of a trial; log-normal with sigma 0.5 if None.
        faults: what goes wrong.
        most: trials at which the simulation ends, for searches that do not.
    """
    world = _World(make, search, objective, parallel, random.Random(seed), duration or log_normal(0.5), faults)
    while len(world.trials) < most:
        answer = world.ask()
        if not world.live:
            if answer is not None and not answer.trials:
                return world.result(exhausted=answer.exhausted)
            continue
        world.end_one()
    return world.result(exhausted=False)


class _World:
    """The state of a simulated search."""

    def __init__(
        self,
        make: Make,
        search: Search,
        objective: Objective,
        parallel: int,
        rng: random.Random,
        duration: Duration,
        faults: Faults,
    ) -> None:
        self.make, self.search, self.objective, self.parallel = make, search, objective, parallel
        self.rng, self.duration, self.faults = rng, duration, faults
        self.algorithm = make()
        self.now, self.work = 0.0, 0.0
        self.trials: dict[int, TrialRecord] = {}
        self.live: dict[int, tuple[float, Proposal]] = {}
        # Trial states as they were after each event, newest last: a stale view is one of the last few.
        self.views: list[dict[int, TrialRecord]] = [{}]

    def ask(self) -> Proposals | None:
        """Ask for the free slots and start what is answered; None if the answer was lost or came from a stale view."""
        slots = self.parallel - len(self.live)
        if slots == 0:
            return None
        if self._happens(self.faults.restart):
            self.algorithm = self.make()
        stale = self._happens(self.faults.stale)
        answer = self.algorithm.propose(self.search, self._seen(stale=stale), slots)
        if self._happens(self.faults.drop):
            return None
        for proposal in answer.trials:
            if proposal.number not in self.trials and len(self.live) < self.parallel:
                self._start(proposal)
        return None if stale else answer

    def _happens(self, probability: float) -> bool:
        return probability > 0 and self.rng.random() < probability

    def _seen(self, *, stale: bool) -> list[TrialRecord]:
        view = list(self.views[-1 - self.rng.randrange(min(3, len(self.views))) if stale else -1].values())
        if self._happens(self.faults.double):
            older = [as_running(trial) if self.rng.choice((True, False)) else trial for trial in view]
            view = [*view, *self.rng.sample(older, len(older) // 2)]
            self.rng.shuffle(view)
        return view

    def _start(self, proposal: Proposal) -> None:
        time = self.duration(proposal, self.rng)
        self.work += time
        self.live[proposal.number] = (self.now + time, proposal)
        self.trials[proposal.number] = running(self.search, proposal)
        self.views = [*self.views[-3:], dict(self.trials)]

    def end_one(self) -> None:
        """Let the trial end whose time has come."""
        number = min(self.live, key=lambda n: (self.live[n][0], n))
        self.now, proposal = self.live.pop(number)
        trial = self.trials[number]
        completion = f"{sum(t.finished for t in self.trials.values()):09d}"
        self.trials[number] = self._ended(replace(trial, completion=completion), self.objective(proposal))
        self.views = [*self.views[-3:], dict(self.trials)]

    def _ended(self, trial: TrialRecord, value: float) -> TrialRecord:
        if self._happens(self.faults.fail):
            return replace(trial, state="Failed")
        if self._happens(self.faults.stop):
            steps = self.rng.randrange(3)
            return replace(
                trial, state="EarlyStopped", observations=tuple((s, value + 1 / (s + 1)) for s in range(steps))
            )
        return replace(trial, state="Succeeded", value=value, checkpoint=f"{trial.name}/model")

    def result(self, *, exhausted: bool) -> Simulation:
        """Give what has run so far."""
        trials = tuple(self.trials[number] for number in sorted(self.trials))
        busy = self.work / (self.now * self.parallel) if self.now else 0.0
        return Simulation(trials, self.now, busy, exhausted)


def as_running(trial: TrialRecord) -> TrialRecord:
    """Give a trial as it looked before it ended."""
    return replace(trial, state="Running", value=None, observations=(), completion=None, checkpoint="")


def bowl(search: Search) -> Objective:
    """Give an objective with one best point, which depends on the search's seed."""
    goal = search.space.to_unit(search.space.draw(random.Random(search.seed)))
    sign = -1 if search.maximize else 1

    def value(proposal: Proposal) -> float:
        here = search.space.to_unit(proposal.parameters)
        return sign * math.fsum((a - b) ** 2 for a, b in zip(here, goal, strict=True))

    return value
