"""CMA-ES: a normal distribution that moves towards the better half of each generation.

Owns: the fold. Finished trials, in the order of their completion, are cut into chunks of `population`; each full chunk
is one generation that is told to the model. So nothing waits for a slow trial, no finished one is wasted, and the state
is a pure function of the trial list. A failed trial counts with the worst value seen up to its own completion.

Trial `number` is round x population + member; the round is a label only. Values are told as ranks within their chunk:
CMA-ES uses nothing else, and no value is too large for it.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from autosearch.api import algorithms as api
from autosearch.api.trial import Values
from autosearch.search.cma_models import Model, Solution, model_of
from autosearch.search.history import lessons
from autosearch.search.records import Proposals, Search, TrialRecord, finished_in_order
from autosearch.search.seeding import trial_random, trial_seed
from autosearch.search.sequence import Ask, propose_in_sequence

_TRIES = 16
# With fewer solutions in a generation the update has no direction; smaller populations are told four at a time.
_LEAST_POPULATION = 4
# How many generations later a trial may finish and still be told as it was drawn; later ones are told by their values.
_LATEST = 32


@dataclass(frozen=True, slots=True)
class Lesson:
    """One finished trial as a part of a generation.

    Attributes:
        loss: what it counts with; lower is better.
        seen: full generations that its proposal knew.
    """

    trial: TrialRecord
    loss: float
    seen: int


class CmaEs:
    """The algorithm `cmaes`. Its memo holds the states after the last generations."""

    def __init__(self) -> None:
        self._fold: Fold | None = None

    def propose(self, search: Search, trials: Sequence[TrialRecord], slots: int) -> Proposals:
        """Give up to `slots` points, each with a draw of its own from the newest distribution."""
        return propose_in_sequence(search, trials, slots, self._draw, tries=_TRIES)

    def _draw(self, search: Search, ask: Ask) -> Values:
        if self._fold is None or not self._fold.fits(search):
            self._fold = Fold(search)
        drawn = _drawn(self._fold.after(finished_in_order(ask.known)), ask.seed)
        return drawn[0] if drawn is not None else search.space.draw(trial_random(search.seed, ask.number, "prior"))


def _drawn(model: Model | None, seed: int) -> tuple[Values, Solution] | None:
    """Draw a point and the solution to tell for it; None if there is no model, or if it has degenerated."""
    with np.errstate(all="ignore"):
        return model.ask(seed) if model is not None else None


@dataclass
class Fold:
    """The models of one search: the untaught one, and those after each generation, of which the newest are kept."""

    search: Search
    told: list[tuple[Lesson, ...]] = field(default_factory=list)
    models: dict[int, Model | None] = field(default_factory=dict)

    def fits(self, search: Search) -> bool:
        """Say whether all that the models depend on is the same; a search that has grown goes on."""
        a, b = self.search, search
        return (a.space, a.settings, a.maximize, a.seed) == (b.space, b.settings, b.maximize, b.seed)

    @property
    def _settings(self) -> api.Cmaes:
        assert isinstance(self.search.settings, api.Cmaes)
        return self.search.settings

    @property
    def population(self) -> int:
        """Trials in a generation."""
        return max(self._settings.population, _LEAST_POPULATION)

    def after(self, completed: Sequence[TrialRecord]) -> Model | None:
        """Give the model after all full generations; None where the space has a single point.

        Args:
            completed: finished trials in the order of their completion.
        """
        learned = list(self._lessons(completed))
        ends = range(self.population, len(learned) + 1, self.population)
        generations = [tuple(learned[end - self.population : end]) for end in ends]
        self._go_back(_common(self.told, generations))
        for generation in generations[len(self.told) :]:
            self._learn(generation)
        return self.models[len(self.told)]

    def _lessons(self, completed: Sequence[TrialRecord]) -> Iterator[Lesson]:
        counted = dict.fromkeys((trial.number for trial, _ in lessons(self.search, completed)), 1)
        before = [0]
        for trial in completed:
            before.append(before[-1] + counted.get(trial.number, 0))
        for trial, value in lessons(self.search, completed):
            seen = before[min(trial.finished_seen, len(completed))] // self.population
            yield Lesson(trial, -value if self.search.maximize else value, seen)

    def _go_back(self, generation: int) -> None:
        """Forget what was told after a generation; all of it, if the models that the next one needs are gone."""
        needed = {generation, max(generation - _LATEST, 0)}
        if not needed <= self.models.keys():
            generation = 0
            self.models = {0: self._untaught()}
        del self.told[generation:]
        self.models = {number: model for number, model in self.models.items() if number <= generation}

    def _untaught(self) -> Model | None:
        space = self.search.space
        return None if space.size == 1 else model_of(space, self.population, self._settings.step_size / 6)

    def _learn(self, generation: Sequence[Lesson]) -> None:
        ranks = {loss: float(rank) for rank, loss in enumerate(sorted({lesson.loss for lesson in generation}))}
        solutions = [(self._solution(lesson), ranks[lesson.loss]) for lesson in generation]
        model = self.models[len(self.told)]
        self.told.append(tuple(generation))
        self.models[len(self.told)] = _taught(model, solutions)
        # Twice as many as the next generation needs, so that going back a little is no new start.
        self.models.pop(len(self.told) - 2 * _LATEST - 1, None)

    def _solution(self, lesson: Lesson) -> Solution:
        """Give what is told for a trial: the solution it was drawn as, which its whole numbers alone do not show.

        It is drawn again from the model that its proposal saw. A trial that was not drawn so (the user's own, moved
        off a taken point, or later than `_LATEST` generations) is told by its values.
        """
        now = self.models[len(self.told)]
        assert now is not None
        space, trial = self.search.space, lesson.trial
        if len(self.told) - lesson.seen <= _LATEST and lesson.seen <= len(self.told):
            drawn = _drawn(self.models[lesson.seen], trial_seed(self.search.seed, trial.number))
            if drawn is not None and space.key(drawn[0]) == space.key(trial.parameters):
                return drawn[1]
        return now.solution(space.canonical(trial.parameters))


def _common(a: Sequence[object], b: Sequence[object]) -> int:
    """Give how many elements two sequences have in common at their beginning."""
    both = min(len(a), len(b))
    return next((index for index in range(both) if a[index] != b[index]), both)


def _taught(model: Model | None, solutions: Sequence[tuple[Solution, float]]) -> Model | None:
    """Tell one generation to a copy; a generation that breaks the arithmetic is left out."""
    learned = copy.deepcopy(model)
    assert learned is not None
    try:
        with np.errstate(all="ignore"):
            learned.tell(solutions)
        sound = _drawn(learned, 0) is not None
    except (AssertionError, np.linalg.LinAlgError):
        sound = False
    return learned if sound else model
