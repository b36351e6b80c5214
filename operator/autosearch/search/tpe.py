"""Tree-structured Parzen Estimator: Optuna's `TPESampler`, asked about one trial at a time.

Owns: how a search and its trials are told to Optuna. The sampler is made anew for each draw, with the draw's own seed,
so that a restart changes nothing. Optuna's own storage is never used: the trials are the only state.

A running trial is told as running, one that was stopped early as pruned with its curve, one that failed by its own
fault as complete with the worst value of the search so far. One that was stopped for another reason is not told.
Source: Optuna 5, `optuna.samplers.TPESampler`: multivariate, with constant liar.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import TPESampler
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from autosearch.api import algorithms as api
from autosearch.api.base import Scalar
from autosearch.api.parameters import Boolean, Categorical, Discrete, FloatRange, IntRange
from autosearch.api.trial import Values
from autosearch.search.history import failed, own_value, worst_value
from autosearch.search.records import Proposals, Search, TrialRecord
from autosearch.search.sequence import Ask, propose_in_sequence
from autosearch.search.space import Dimension, SearchSpace

_TRIES = 3
optuna.logging.set_verbosity(optuna.logging.ERROR)


class Tpe:
    """The algorithm `tpe`. Its memo holds the trials in Optuna's form, each as long as it looks the same."""

    def __init__(self) -> None:
        self._form: Form | None = None
        self._told: dict[int, tuple[TrialRecord, float | None, FrozenTrial | None]] = {}

    def propose(self, search: Search, trials: Sequence[TrialRecord], slots: int) -> Proposals:
        """Give up to `slots` points, each seeing the earlier ones as running trials."""
        if self._form is None or self._form.space != search.space:
            self._form, self._told = Form(search.space), {}
        return propose_in_sequence(search, trials, slots, self._draw, tries=_TRIES)

    def _draw(self, search: Search, ask: Ask) -> Values:
        assert isinstance(search.settings, api.Tpe) and self._form is not None
        worst = worst_value(search, ask.known)
        history = [trial for record in ask.known if (trial := self._frozen(self._form, record, worst)) is not None]
        sampler = TPESampler(n_startup_trials=search.settings.startup_trials, seed=ask.seed)
        return self._form.values(_sampled(_study(search, history, sampler), ask.number, self._form.searched))

    def _frozen(self, form: "Form", record: TrialRecord, worst: float | None) -> FrozenTrial | None:
        counted = worst if failed(record) else None
        known = self._told.get(record.number)
        if known is None or known[1] != counted or known[0] != record:
            known = self._told[record.number] = (record, counted, _told(form, record, counted))
        return known[2]


@dataclass(frozen=True)
class Form:
    """A search space as Optuna sees it. Numbers in order are told by index, so that neighbours are neighbours."""

    space: SearchSpace

    @cached_property
    def searched(self) -> dict[str, BaseDistribution]:
        """The distributions of all parameters that have more than one value."""
        dimensions = (d for d in self.space.dimensions if d.count != 1)
        return {d.name: distribution(d) for d in dimensions}

    def told(self, values: Values) -> dict[str, Scalar]:
        """Give a point as Optuna sees it."""
        return {d.name: _told_value(d, values[d.name]) for d in self.space.dimensions if d.name in self.searched}

    def values(self, told: dict[str, Scalar]) -> Values:
        """Give Optuna's point as one of the space."""
        return {
            d.name: _legal_value(d, told[d.name]) if d.name in self.searched else d.at(0) for d in self.space.dimensions
        }


def distribution(dimension: Dimension) -> BaseDistribution:
    """Give Optuna's distribution for a parameter."""
    domain, count = dimension.domain, dimension.count
    if isinstance(domain, FloatRange):
        # The end of a range that is no multiple of the step: Optuna wants the last value that is.
        high = domain.max if count is None else float(dimension.at(count - 1))
        return FloatDistribution(domain.min, high, log=dimension.log, step=domain.step)
    assert count is not None
    if isinstance(domain, IntRange):
        return IntDistribution(domain.min, int(dimension.at(count - 1)), log=dimension.log, step=domain.step or 1)
    if isinstance(domain, Discrete):
        return IntDistribution(0, count - 1)
    return CategoricalDistribution([dimension.at(index) for index in range(count)])


def _told_value(dimension: Dimension, value: Scalar) -> Scalar:
    if isinstance(dimension.domain, Categorical | Boolean):
        return value
    if isinstance(dimension.domain, Discrete):
        return dimension.index_of(value)
    return float(value) if isinstance(dimension.domain, FloatRange) else int(value)


def _legal_value(dimension: Dimension, value: Scalar) -> Scalar:
    domain = dimension.domain
    if isinstance(domain, Discrete):
        return dimension.at(int(value))
    if dimension.count is not None:
        return dimension.at(dimension.index_of(value))
    assert isinstance(domain, FloatRange)
    return min(max(float(value), domain.min), domain.max)


def _told(form: Form, record: TrialRecord, worst: float | None) -> FrozenTrial | None:
    """Give a record as Optuna's trial; None if it is not told. `worst` is what it counts with if it failed."""
    state, value, curve = TrialState.RUNNING, None, record.observations[:0]
    if record.finished:
        state, value = TrialState.COMPLETE, own_value(record) if worst is None else worst
        if value is None:
            return None
        if record.state == "EarlyStopped":
            state, curve = TrialState.PRUNED, record.observations
    return _trial(record.number, state, value, form.told(record.parameters), form.searched, curve)


def _trial(
    number: int,
    state: TrialState,
    value: float | None = None,
    values: dict[str, Scalar] | None = None,
    space: dict[str, BaseDistribution] | None = None,
    curve: Iterable[tuple[int, float]] = (),
) -> FrozenTrial:
    # Made directly: `create_trial` would check each value again, which takes longer than the search itself.
    return FrozenTrial(
        number=number,
        state=state,
        value=value,
        datetime_start=None,
        datetime_complete=None,
        params=values or {},
        distributions=space or {},
        user_attrs={},
        system_attrs={},
        intermediate_values=dict(curve),
        trial_id=number,
    )


class _History(InMemoryStorage):
    """A storage that holds exactly the trials it is given, in their order."""

    def __init__(self, trials: Sequence[FrozenTrial]) -> None:
        super().__init__()
        self._history = trials

    def get_all_trials(
        self,
        study_id: int,  # noqa: ARG002 - Optuna's signature; there is one study
        deepcopy: bool = True,  # noqa: ARG002 - the same; nobody changes a told trial
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """Give the trials in the given states."""
        return [trial for trial in self._history if states is None or trial.state in states]

    def set_trial_system_attr(self, trial_id: int, key: str, value: object) -> None:
        """Forget what the sampler notes down for other processes: there are none."""


def _study(search: Search, history: Sequence[FrozenTrial], sampler: TPESampler) -> optuna.Study:
    direction = StudyDirection.MAXIMIZE if search.maximize else StudyDirection.MINIMIZE
    return optuna.create_study(storage=_History(history), sampler=sampler, direction=direction, study_name="search")


def _sampled(study: optuna.Study, number: int, space: dict[str, BaseDistribution]) -> dict[str, Scalar]:
    """Do what `Study.ask` does, without a trial in a storage and without finding out the space from all trials."""
    trial = _trial(number, TrialState.RUNNING)
    sampler = study.sampler
    finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    # Optuna takes parameters together once a finished trial has shown them to it.
    joint = sampler.sample_relative(study, trial, dict(sorted(space.items())) if finished else {})
    return {
        name: joint[name] if name in joint else sampler.sample_independent(study, trial, name, space[name])
        for name in space
    }
