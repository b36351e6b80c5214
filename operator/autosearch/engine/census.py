"""All trials of a snapshot, sorted and added up.

Owns: the tables that every policy starts from. From one pass to the next only the trials that changed are read; the
outcome is the same as that of a fresh count.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from autosearch.api.trial import Trial
from autosearch.engine.tally import Tally, completed_at, in_order, tally_of


@dataclass(slots=True)
class Census:
    """What the trials of one snapshot are.

    Attributes:
        trials: by name.
        unfinished: by name: those without a final state.
        tally: the sums over the finished ones.
        numbers: of all trials.
        first_free: the smallest number that no trial has.
    """

    tally: Tally
    trials: dict[str, Trial] = field(default_factory=dict)
    unfinished: dict[str, Trial] = field(default_factory=dict)
    numbers: set[int] = field(default_factory=set)
    first_free: int = 0

    def copy(self) -> "Census":
        """Give one that may be changed, but for `numbers`."""
        return Census(self.tally.copy(), self.trials.copy(), self.unfinished.copy(), self.numbers, self.first_free)

    def hold(self, trial: Trial) -> None:
        """Take a trial's new state; one that is finished by now is counted."""
        name = trial.metadata.name
        self.trials[name] = trial
        if trial.status.completion_time is None:
            self.unfinished[name] = trial
        else:
            self.unfinished.pop(name, None)
            self.tally.add(trial)

    def take_number(self, number: int) -> None:
        """Note a trial's number."""
        self.numbers.add(number)
        while self.first_free in self.numbers:
            self.first_free += 1


@dataclass(slots=True)
class LastCensus:
    """The census of the last snapshot, from which that of the next one is made."""

    _trials: Sequence[Trial] = ()
    _census: Census | None = None

    def of(self, trials: Sequence[Trial], *, maximize: bool) -> Census:
        """Give the census of a snapshot's trials; it is the caller's own."""
        if self._census is None or self._census.tally.maximize != maximize or not self._follow(self._census, trials):
            self._census = fresh_census(trials, maximize=maximize)
        self._trials = trials
        return self._census.copy()

    def _follow(self, census: Census, trials: Sequence[Trial]) -> bool:
        """Take what has changed since the last snapshot; False if the order or the past is another one."""
        before = self._trials
        changed = [(old, new) for old, new in zip(before, trials, strict=False) if old is not new]
        added = trials[len(before) :]
        if len(trials) < len(before) or not all(map(_is_next_state, changed)):
            return False
        moved = [*(new for _, new in changed), *added]
        finished = in_order(trial for trial in moved if trial.status.completion_time is not None)
        last = census.tally.last_completion
        if finished and last is not None and completed_at(finished[0]) <= last:
            return False
        for trial in moved:
            if trial.status.completion_time is None:
                census.hold(trial)
        for trial in finished:
            census.hold(trial)
        for trial in added:
            census.take_number(trial.spec.number)
        return True


def _is_next_state(pair: tuple[Trial, Trial]) -> bool:
    """Say whether an object has become another one as trials do: what was finished has been counted."""
    old, new = pair
    return old.metadata.name == new.metadata.name and old.status.completion_time is None and old.spec == new.spec


def fresh_census(trials: Sequence[Trial], *, maximize: bool) -> Census:
    """Count from nothing."""
    finished = [trial for trial in trials if trial.status.completion_time is not None]
    census = Census(
        tally_of(finished, maximize=maximize),
        {trial.metadata.name: trial for trial in trials},
        {trial.metadata.name: trial for trial in trials if trial.status.completion_time is None},
    )
    for trial in trials:
        census.take_number(trial.spec.number)
    return census
