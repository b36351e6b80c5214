"""A search with progress reports in simulated time, its event log, and the snapshots rebuilt from that log."""

import random
from dataclasses import dataclass, field, replace

from autosearch.search.records import TrialRecord
from autosearch.search.stopping import Stop, StoppingView

SLOTS = 6


@dataclass(frozen=True)
class Decision:
    """What was decided about a trial after so many events."""

    number: int
    events: int
    stop: Stop | None


@dataclass
class World:
    """`SLOTS` trials report in random order; each report is judged, and a trial told to stop ends there."""

    search: object
    rule: object
    rng: random.Random
    count: int = 60
    steps: int = 30
    first_step: int = 1
    stride: int = 1
    trials: dict[int, TrialRecord] = field(default_factory=dict)
    events: list[tuple] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    def run(self):
        """Run all trials."""
        curves: dict[int, tuple[float, float]] = {}
        while len(self.trials) < self.count or self.alive():
            if len(self.alive()) < SLOTS and len(self.trials) < self.count:
                number = len(self.trials)
                curves[number] = (self.rng.random(), self.rng.random() / 5)
                self.note(("start", number))
            number = self.rng.choice(self.alive())
            self.report(number, curves[number])
        return self

    def alive(self):
        """Numbers of running trials."""
        return [t.number for t in self.trials.values() if not t.finished]

    def report(self, number, curve):
        """One more report of a trial, which may be its last."""
        done = len(self.trials[number].observations)
        step = self.first_step + done * self.stride
        height, noise = curve
        value = height * (1 - 0.9 ** (done + 1)) + self.rng.gauss(0, noise / 5)
        value = value if self.search.maximize else -value
        self.note(("report", number, step, value))
        stop = StoppingView(self.search, self.rule, list(self.trials.values())).should_stop(self.trials[number])
        self.decisions.append(Decision(number, len(self.events), stop))
        if stop is not None or done + 1 == self.steps:
            self.note(("end", number, "EarlyStopped" if stop else "Succeeded", len(self.events)))

    def note(self, event):
        """Write an event to the log and apply it."""
        self.events.append(event)
        number = event[1]
        trial = self.trials.get(number) or trial_of(number)
        if event[0] == "report":
            trial = replace(trial, observations=(*trial.observations, event[2:]))
        elif event[0] == "end":
            trial = replace(trial, state=event[2], completion=f"{event[3]:09d}")
        self.trials[number] = trial


def trial_of(number):
    """A trial that has just started."""
    return TrialRecord(f"t-{number}", number, "Running", {"x": 0.5})


def rebuilt(events, rng):
    """Give the trials again from events that arrive in any order, some of them twice."""
    heard = [*events, *rng.sample(events, len(events) // 5)]
    rng.shuffle(heard)
    curves, ends = {}, {}
    for kind, number, *rest in heard:
        curve = curves.setdefault(number, {})
        if kind == "report":
            curve.setdefault(*rest)
        elif kind == "end":
            ends[number] = {"state": rest[0], "completion": f"{rest[1]:09d}"}
    return {
        number: replace(trial_of(number), observations=tuple(sorted(curve.items())), **ends.get(number, {}))
        for number, curve in curves.items()
    }
