"""Population Based Training: after each round the worst members take over the best ones' weights and parameters.

Owns: which trial of the population comes next, from which checkpoint, with which parameters. It is a pure
function of the trial list: a late, repeated or crashed pass comes to the same decision. It must never look past
the decision's horizon, and never wait for a member that failed.

Trial `number` is round x population + member. Source: Jaderberg et al. 2017 with truncation selection, as Ray
Tune has it.
"""

import math
import random
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from autosearch.api import algorithms as api
from autosearch.api.trial import Operation, Values
from autosearch.search.explore import explore
from autosearch.search.initial import SAMPLER as INITIAL
from autosearch.search.initial import initial_point
from autosearch.search.records import Proposal, Proposals, Search, TrialRecord, finished_in_order
from autosearch.search.seeding import trial_random

SAMPLER = "pbt"


@dataclass(frozen=True, slots=True)
class Decision:
    """All that may be known when a member's next trial is chosen.

    Attributes:
        number: of the trial to be chosen.
        own: the member's trial of the round before.
        view: one finished trial of each member that has one within the horizon; `own` is among them.
        seen: finished trials of the search within the horizon.
    """

    number: int
    own: TrialRecord
    view: tuple[TrialRecord, ...]
    seen: int


class Pbt:
    """The algorithm `pbt`, with or without a barrier after each round (`mode`)."""

    def propose(self, search: Search, trials: Sequence[TrialRecord], slots: int) -> Proposals:
        """Give up to `slots` trials, the lowest round first and in it the lowest member.

        A trial that is missing (deleted by hand, or new because `rounds` grew) is proposed like any other.
        Exhausted when population x rounds trials exist.
        """
        settings = _settings(search)
        total = settings.population * settings.rounds
        known = {n: t for n, t in _by_number(trials).items() if n < total}
        ready = {d.number: d for d in _decisions(settings, known.values(), known) if d.number < total}
        missing = [n for n in range(settings.population) if n not in known] + list(ready)
        chosen = sorted(missing)[: max(slots, 0)]
        return Proposals(
            trials=tuple(_next(search, ready[n]) if n in ready else _first(search, n) for n in chosen),
            exhausted=len(known) == total,
        )


def checkpoints_needed(search: Search, trials: Sequence[TrialRecord]) -> set[str]:
    """Give the checkpoint paths, relative to the output root, that no one may delete while the search goes on.

    These are the latest usable one of each member, which a decision yet to come may choose, and what every
    decision whose trial has not finished starts from: as decisions are pure, those already taken are found
    again here. The round after the last counts too, as `rounds` may grow. Not covered: a finished Trial object
    that is deleted by hand and then proposed again.
    """
    settings = _settings(search)
    finished = {n: t for n, t in _by_number(trials).items() if t.finished}
    latest = {n % settings.population: finished[n] for n in sorted(finished) if _usable(finished[n])}
    undecided = _decisions(settings, finished.values(), finished)
    sources = [_source(search, d, trial_random(search.seed, d.number)) for d in undecided]
    return {t.checkpoint for t in (*latest.values(), *sources) if t is not None}


def _settings(search: Search) -> api.Pbt:
    assert isinstance(search.settings, api.Pbt)
    return search.settings


def _by_number(trials: Iterable[TrialRecord]) -> dict[int, TrialRecord]:
    # A trial that is listed twice counts once, as the later of its two versions.
    return {t.number: t for t in sorted(trials, key=lambda t: t.finished)}


def _decisions(settings: api.Pbt, trials: Iterable[TrialRecord], decided: Container[int]) -> Iterator[Decision]:
    """Give each decision that can be taken and whose number is not yet `decided`."""
    horizons = _rounds if settings.mode == "Synchronous" else _latest
    for seen, (owners, view) in enumerate(horizons(settings.population, finished_in_order(trials)), 1):
        for own in owners:
            if own.number + settings.population not in decided:
                yield Decision(own.number + settings.population, own, tuple(view.values()), seen)


_Horizon = tuple[Sequence[TrialRecord], Mapping[int, TrialRecord]]


def _latest(population: int, finished: Sequence[TrialRecord]) -> Iterator[_Horizon]:
    """Asynchronous: each finished trial lets its member go on, seeing only what had finished until then."""
    latest: dict[int, TrialRecord] = {}
    for trial in finished:
        member = trial.number % population
        newest = max(latest.get(member, trial), trial, key=lambda t: t.number)
        latest[member] = trial
        yield (trial,), latest
        latest[member] = newest


def _rounds(population: int, finished: Sequence[TrialRecord]) -> Iterator[_Horizon]:
    """Synchronous: the last finished trial of a round lets all its members go on, seeing exactly that round."""
    rounds: dict[int, dict[int, TrialRecord]] = {}
    for trial in finished:
        view = rounds.setdefault(trial.number // population, {})
        view[trial.number % population] = trial
        yield (tuple(view.values()) if len(view) == population else ()), view


def _usable(trial: TrialRecord) -> bool:
    """Say whether others may start from this trial: it succeeded, with a finite value and a checkpoint."""
    ok = trial.state == "Succeeded" and bool(trial.checkpoint)
    return ok and trial.value is not None and math.isfinite(trial.value)


def _better(search: Search, a: TrialRecord, b: TrialRecord) -> bool:
    """Say whether `a` is strictly better: anything usable beats what is not."""
    if not (_usable(a) and _usable(b)):
        return _usable(a) and not _usable(b)
    assert a.value is not None and b.value is not None
    return search.better(a.value, b.value)


def _ranked(search: Search, population: int, view: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Order a view from best to worst; ties by member."""

    def rank(trial: TrialRecord) -> tuple[bool, float, int]:
        value = trial.value if _usable(trial) and trial.value is not None else 0.0
        return not _usable(trial), -value if search.maximize else value, trial.number % population

    return sorted(view, key=rank)


def _source(search: Search, decision: Decision, rng: random.Random) -> TrialRecord | None:
    """Choose whose checkpoint the trial starts from: a better one's, its own, or None to start anew."""
    settings = _settings(search)
    ranked = _ranked(search, settings.population, decision.view)
    # The tiny amount keeps 100 x 0.07 = 7.000000000000001 from becoming 8.
    size = min(math.ceil(len(ranked) * settings.quantile - 1e-9), len(ranked) // 2)
    own = decision.own
    if not _usable(own) or own in ranked[len(ranked) - size :]:
        eligible = [t for t in ranked[:size] if _better(search, t, own)]
        if eligible:
            return rng.choice(eligible)
    return own if _usable(own) else None


def _first(search: Search, number: int) -> Proposal:
    """A member of round 0: one of the user's own sets if there is one left, else drawn from the prior."""
    given = initial_point(search, number)
    if given is not None:
        return Proposal(number, given, INITIAL, member=number)
    return Proposal(number, search.space.draw(trial_random(search.seed, number)), SAMPLER, member=number)


def _next(search: Search, decision: Decision) -> Proposal:
    """A member's trial after round 0."""
    settings = _settings(search)
    rng = trial_random(search.seed, decision.number)
    source = _source(search, decision, rng)
    round_, member = divmod(decision.number, settings.population)
    operation, parameters = _course(search, decision, source, rng)
    return Proposal(
        decision.number,
        parameters,
        SAMPLER,
        round=round_,
        member=member,
        operation=operation,
        resume=None if source is None else (source.name, source.checkpoint),
        finished_seen=decision.seen,
    )


def _course(
    search: Search, decision: Decision, source: TrialRecord | None, rng: random.Random
) -> tuple[Operation, Values]:
    if source is None:
        return "Restart", search.space.draw(rng)
    parameters = search.space.canonical(source.parameters)
    if source is decision.own:
        return "Continue", parameters
    return "Exploit", explore(search.space, parameters, _settings(search).explore_probability, rng)
