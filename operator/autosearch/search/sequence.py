"""Algorithms without a horizon of their own: they propose the lowest missing numbers, one after the other.

Owns: which number comes next, and what is known at its draw. What to draw is the algorithm's part.

The draw for number n learns only from the trials below n. So these, with the first `finished_seen` of them in the order
of completion finished and the others running, are all that is needed to propose n again. Only that no point is used
twice looks at all trials: if a trial was deleted by hand and its new point has been tried by a later one meanwhile, it
gets another point than a replay would give.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

from autosearch.api.algorithms import Cmaes
from autosearch.api.trial import Values
from autosearch.search.history import by_number, running
from autosearch.search.initial import SAMPLER, initial_point
from autosearch.search.points import UsedPoints
from autosearch.search.records import Proposal, Proposals, Search, TrialRecord
from autosearch.search.seeding import trial_seed


@dataclass(frozen=True, slots=True)
class Ask:
    """One draw that an algorithm is asked for.

    Attributes:
        number: the trial's number.
        known: the trials below that number, each once, in the order of their numbers.
        seed: of this very draw.
    """

    number: int
    known: Sequence[TrialRecord]
    seed: int


Draw = Callable[[Search, Ask], Values]


def propose_in_sequence(
    search: Search, trials: Iterable[TrialRecord], slots: int, draw: Draw, *, tries: int = 1
) -> Proposals:
    """Propose the lowest missing numbers, each proposal seeing the earlier ones of the same call as running trials.

    Args:
        search: the search.
        trials: all trials, in any order.
        slots: how many proposals are wanted at most.
        draw: the algorithm.
        tries: draws, each with a seed of its own, before an unused point is looked for by enumeration.
    """
    existing = by_number(trials)
    used = UsedPoints(search.space, existing.values())
    missing = list(_missing(existing, search.max_trials, max(slots, 1)))
    proposals: list[Proposal] = []
    for number in missing[: max(slots, 0)]:
        if used.full:
            break
        known = sorted((t for t in existing.values() if t.number < number), key=lambda t: t.number)
        proposal = _proposal(search, Ask(number, known, trial_seed(search.seed, number)), used, draw, tries)
        proposals.append(proposal)
        existing[number] = running(search, proposal)
        used.take(proposal.parameters)
    return Proposals(tuple(proposals), exhausted=not proposals and (used.full or not missing))


def _missing(existing: Mapping[int, TrialRecord], limit: int | None, wanted: int) -> Iterator[int]:
    """Give the lowest `wanted` numbers below the limit that no trial has."""
    for number in count() if limit is None else range(limit):
        if wanted == 0:
            return
        if number not in existing:
            wanted -= 1
            yield number


def _proposal(search: Search, ask: Ask, used: UsedPoints, draw: Draw, tries: int) -> Proposal:
    def drawn(attempt: int) -> Values:
        again = replace(ask, seed=trial_seed(search.seed, ask.number, f"again{attempt}"))
        return draw(search, again if attempt else ask)

    given = initial_point(search, ask.number)
    settings = search.settings
    round_, member = divmod(ask.number, settings.population) if isinstance(settings, Cmaes) else (0, ask.number)
    return Proposal(
        ask.number,
        used.unused(drawn, tries) if given is None else given,
        search.algorithm if given is None else SAMPLER,
        round=round_,
        member=member,
        finished_seen=sum(trial.finished for trial in ask.known),
    )
