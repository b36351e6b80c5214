"""What an algorithm sees and says: the search, its trials, its proposals.

Owns: the boundary between API objects and algorithms. Records are plain and immutable, cheap to build from models or
from dictionaries of the same form, so that ten thousand of them cost little.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from autosearch.api.algorithms import AlgorithmSettings
from autosearch.api.trial import Operation, Values
from autosearch.search.space import SearchSpace

State = Literal["Pending", "Running", "Succeeded", "EarlyStopped", "Failed", "Stopped"]


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """One trial as algorithms and stopping rules see it.

    Attributes:
        name: name of the Trial object.
        number: position in the search.
        value: the objective as reported, whatever the direction; None if there is none.
        observations: `(step, value)` of the objective metric, steps increasing.
        completion: sortable text of the completion time, which orders finished trials; None while not finished.
        checkpoint: reported checkpoint, relative to the output root; "" if there is none.
    """

    name: str
    number: int
    state: State
    parameters: Values
    round: int = 0
    member: int = 0
    value: float | None = None
    observations: tuple[tuple[int, float], ...] = ()
    completion: str | None = None
    checkpoint: str = ""
    finished_seen: int = 0

    @property
    def finished(self) -> bool:
        """Whether the trial has ended for good."""
        return self.completion is not None


@dataclass(frozen=True, slots=True)
class Search:
    """What an algorithm needs to know of a job.

    Attributes:
        algorithm: name in the manifest, never `auto`.
        maximize: direction of the objective.
        seed: the effective seed.
        max_trials: trials in all; None for `grid` without a limit.
        initial: parameter sets that are tried first.
    """

    job_name: str
    space: SearchSpace
    algorithm: str
    settings: AlgorithmSettings
    maximize: bool
    seed: int
    max_trials: int | None
    metric: str = ""
    initial: tuple[Values, ...] = ()

    def better(self, a: float, b: float) -> bool:
        """Say whether value `a` is strictly better than `b`."""
        return a > b if self.maximize else a < b


@dataclass(frozen=True, slots=True)
class Proposal:
    """A trial that an algorithm wants next.

    Attributes:
        number: position in the search; also seeds the draw.
        finished_seen: how many finished trials the algorithm knew.
        resume: PBT: `(parent trial's name, its checkpoint path)`.
    """

    number: int
    parameters: Values
    sampler: str
    round: int = 0
    member: int = 0
    operation: Operation = "Init"
    resume: tuple[str, str] | None = None
    finished_seen: int = 0


@dataclass(frozen=True, slots=True)
class Proposals:
    """An algorithm's answer.

    Attributes:
        trials: at most as many proposals as slots were offered.
        exhausted: True, with no trials, when no further one will ever come, whatever the running ones bring.
    """

    trials: tuple[Proposal, ...] = ()
    exhausted: bool = False


class Algorithm(Protocol):
    """A search algorithm: pure, so that the same arguments give the same proposals.

    It may keep a memo, as long as a fresh instance would answer alike; `autosearch.search.conformance` proves that.
    """

    def propose(self, search: Search, trials: Sequence[TrialRecord], slots: int) -> Proposals:
        """Give up to `slots` new trials; `trials` are all that exist, running ones included, in any order."""
        ...


def finished_in_order(trials: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Give the finished trials in the order of their completion, which is the order that algorithms learn in."""
    return sorted((t for t in trials if t.completion is not None), key=lambda t: (t.completion, t.number))
