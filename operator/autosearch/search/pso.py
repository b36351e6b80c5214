"""Particle swarm: each member flies on, pulled to its own best point and to the swarm's.

Owns: the swarm as a fold over the trial list, with a horizon for each decision. Nothing is remembered between calls: a
particle's velocity is its last move. It never waits for the slowest particle, and never looks past the horizon.

Trial `number` is round x population + member. The decision for member m, round r+1 falls when (m, r) finishes, and sees
the trials that finished up to then. Decisions are proposed in the order in which they fell, round 0 first; so the
trials that exist are always the first ones of that order, which makes "no point twice" replayable as well.
Source: Kennedy and Eberhart 1995, with inertia (Shi and Eberhart 1998); in the unit cube, clipped at its walls: a
particle that has hit one has lost its speed against it.
"""

import random
from collections.abc import Iterable, Mapping, Sequence

from autosearch.api import algorithms as api
from autosearch.api.trial import Values
from autosearch.search.history import by_number, own_value, running
from autosearch.search.initial import SAMPLER, initial_point
from autosearch.search.points import UsedPoints
from autosearch.search.records import Proposal, Proposals, Search, TrialRecord, finished_in_order
from autosearch.search.seeding import trial_random

# The first velocity, of any direction, as a share of each parameter's range.
_FIRST_SPEED = 0.1
_TRIES = 8


class Pso:
    """The algorithm `pso`."""

    def propose(self, search: Search, trials: Sequence[TrialRecord], slots: int) -> Proposals:
        """Give up to `slots` trials; a failed trial is never a best point, and its member flies on.

        Exhausted when population x rounds trials exist, or every point of a finite space is taken.
        """
        settings = _settings(search)
        total = settings.population * settings.rounds
        existing = {n: t for n, t in by_number(trials).items() if n < total}
        completed = finished_in_order(existing.values())
        used = UsedPoints(search.space, existing.values())
        proposals: list[Proposal] = []
        for number, seen in _due(settings, existing, completed)[: max(slots, 0)]:
            if used.full:
                break
            proposal = _proposal(search, number, existing, completed[:seen], used)
            proposals.append(proposal)
            used.take(proposal.parameters)
            existing[number] = running(search, proposal)
        return Proposals(tuple(proposals), exhausted=not proposals and (used.full or len(existing) == total))


def _settings(search: Search) -> api.Pso:
    assert isinstance(search.settings, api.Pso)
    return search.settings


def _due(
    settings: api.Pso, existing: Mapping[int, TrialRecord], completed: Sequence[TrialRecord]
) -> list[tuple[int, int]]:
    """Give the missing trials that are decided, in the order of their decisions: number, finished trials seen."""
    first = [(number, 0) for number in range(settings.population)]
    later = [(trial.number + settings.population, seen) for seen, trial in enumerate(completed, 1)]
    total = settings.population * settings.rounds
    return [(number, seen) for number, seen in first + later if number < total and number not in existing]


def _proposal(
    search: Search,
    number: int,
    existing: Mapping[int, TrialRecord],
    completed: Sequence[TrialRecord],
    used: UsedPoints,
) -> Proposal:
    def moved(attempt: int) -> Values:
        rng = trial_random(search.seed, number, f"again{attempt}" if attempt else "")
        return _moved(search, number, existing, completed, rng)

    given = initial_point(search, number)
    round_, member = divmod(number, _settings(search).population)
    return Proposal(
        number,
        used.unused(moved, _TRIES) if given is None else given,
        search.algorithm if given is None else SAMPLER,
        round=round_,
        member=member,
        finished_seen=len(completed),
    )


def _moved(
    search: Search,
    number: int,
    existing: Mapping[int, TrialRecord],
    completed: Sequence[TrialRecord],
    rng: random.Random,
) -> Values:
    """Give where the particle flies from its last position, or a drawn position in round 0."""
    settings = _settings(search)
    last = existing.get(number - settings.population)
    if last is None:
        return search.space.draw(rng)
    own = [trial for trial in completed if trial.number % settings.population == number % settings.population]
    position = search.space.to_unit(last.parameters)
    velocity = _velocity(search, position, number, existing)
    pulls = (
        (settings.local_acceleration, _best(search, own)),
        (settings.global_acceleration, _best(search, completed)),
    )
    speeds = [settings.inertia * speed for speed in velocity]
    for acceleration, target in pulls:
        for axis, (here, there) in enumerate(zip(position, target or position, strict=True)):
            speeds[axis] += acceleration * rng.random() * (there - here)
    return search.space.from_unit([here + speed for here, speed in zip(position, speeds, strict=True)])


def _velocity(
    search: Search, position: Sequence[float], number: int, existing: Mapping[int, TrialRecord]
) -> list[float]:
    """Give the particle's last move; before it has moved, a small drawn one."""
    population = _settings(search).population
    before = existing.get(number - 2 * population)
    if before is None:
        rng = trial_random(search.seed, number % population, "velocity")
        return [rng.uniform(-_FIRST_SPEED, _FIRST_SPEED) for _ in position]
    previous = search.space.to_unit(before.parameters)
    return [here - there for here, there in zip(position, previous, strict=True)]


def _best(search: Search, trials: Iterable[TrialRecord]) -> list[float] | None:
    """Give the best of the trials' points, in the unit cube; the earlier of two that are equal, None if none counts."""
    best: tuple[float, TrialRecord] | None = None
    for trial in trials:
        value = own_value(trial)
        if value is not None and (best is None or search.better(value, best[0])):
            best = (value, trial)
    return None if best is None else search.space.to_unit(best[1].parameters)
