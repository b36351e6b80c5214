"""What every algorithm must keep to, as checks that run against any implementation; also against one of your own.

Owns: the promises of the search layer. It draws its own spaces and histories from seeds, so it needs no test framework:
each `check_...` raises `AssertionError`. It must not be imported by the package itself.

    def test_mine():
        for seed in range(50):
            check_all(MyAlgorithm, drawn_search("random", seed))
"""

import random
from collections.abc import Iterable, Sequence
from typing import Any

from autosearch.api.algorithms import Algorithm as AlgorithmChoice
from autosearch.api.algorithms import Pbt, Pso
from autosearch.api.parameters import Parameter
from autosearch.search.records import Proposal, Search, TrialRecord, finished_in_order
from autosearch.search.simulation import BAD_DAYS, Make, Simulation, as_running, bowl, simulate
from autosearch.search.space import SearchSpace


def known_then(search: Search, trials: Iterable[TrialRecord], trial: TrialRecord) -> list[TrialRecord]:
    """Give the trials as they were when one of them was proposed, as far as its proposal may depend on it.

    For algorithms that go by numbers these are the trials below its own; for `pso` and `pbt` those whose decision fell
    before. The first `finished_seen` of them, in the order of completion, are finished; the others run.
    """
    everything = list(trials)
    settings = search.settings
    if not isinstance(settings, Pso | Pbt) or trial.number < settings.population:
        existing = [t for t in everything if t.number < trial.number]
    else:
        decided = {t.number + settings.population for t in finished_in_order(everything)[: trial.finished_seen]}
        first = range(settings.population)
        existing = [t for t in everything if t.number != trial.number and (t.number in first or t.number in decided)]
    done = {t.number for t in finished_in_order(existing)[: trial.finished_seen]}
    return [t if t.number in done else as_running(t) for t in existing]


def check_legal(search: Search, proposals: Iterable[Proposal]) -> None:
    """Every point is in the space, each value of the declared type, parameters in the manifest's order."""
    for proposal in proposals:
        assert search.space.contains(proposal.parameters), f"{proposal} is outside the space"
        canonical = search.space.canonical(proposal.parameters)
        # `repr` tells 1 from 1.0 and from True, which `==` does not.
        assert repr(proposal.parameters) == repr(canonical), f"{proposal.parameters} should be {canonical}"


def check_slots(make: Make, search: Search, trials: Sequence[TrialRecord]) -> None:
    """No answer has more trials than slots, and all have numbers that no trial has."""
    for slots in (0, 1, 3):
        answer = make().propose(search, trials, slots)
        numbers = [proposal.number for proposal in answer.trials]
        assert len(numbers) <= slots
        assert len({*numbers, *(t.number for t in trials)}) == len(numbers) + len(trials)
        assert not (answer.exhausted and numbers), "exhausted is for an answer without trials"
        check_legal(search, answer.trials)


def check_deterministic(make: Make, search: Search, trials: Sequence[TrialRecord], seed: int = 0) -> None:
    """The same trials give the same answer, in any order and listed twice."""
    expected = make().propose(search, trials, 3)
    shuffled = [*trials, *(as_running(trial) for trial in trials), *trials]
    random.Random(seed).shuffle(shuffled)
    assert make().propose(search, trials, 3) == expected
    assert make().propose(search, shuffled, 3) == expected, "the order of the list, or a doubled trial, matters"


def check_memo(make: Make, search: Search, trials: Sequence[TrialRecord], seed: int = 0) -> None:
    """An instance that has answered other questions, older and newer ones, answers like a new one."""
    rng, used = random.Random(seed), make()
    ordered = finished_in_order(trials)
    for _ in range(6):
        seen = rng.randrange(len(ordered) + 1)
        done = {trial.number for trial in ordered[:seen]}
        # Now and then a trial is not seen at all.
        view = [t if t.number in done else as_running(t) for t in trials if rng.randrange(10)]
        assert used.propose(search, view, 2) == make().propose(search, view, 2), "a memo changes the answer"


def check_replay(make: Make, search: Search, trials: Sequence[TrialRecord]) -> int:
    """Each trial is proposed again from what was known then; gives the number of decisions that were compared."""
    for trial in trials:
        known = known_then(search, trials, trial)
        # Lower numbers first, or the decisions that fell first: what comes before it may be missing.
        slots = max(trial.number - len(known), 0) + 1 + _population(search)
        answers = make().propose(search, known, slots).trials
        again = next((p for p in answers if p.number == trial.number), None)
        assert again is not None, f"trial {trial.number} is not proposed again"
        assert again.parameters == trial.parameters, f"trial {trial.number}: {again.parameters}, was {trial.parameters}"
        assert (again.round, again.member, again.finished_seen) == (trial.round, trial.member, trial.finished_seen)
    return len(trials)


def _population(search: Search) -> int:
    return search.settings.population if isinstance(search.settings, Pso | Pbt) else 0


def check_no_point_twice(search: Search, trials: Iterable[TrialRecord]) -> None:
    """No point of a finite space is tried twice while there are unused ones."""
    if search.space.size is None:
        return
    keys = [search.space.key(trial.parameters) for trial in trials]
    assert len(set(keys)) == len(keys), f"{len(keys) - len(set(keys))} points were tried twice"


def check_end(search: Search, simulation: Simulation) -> None:
    """The search ends by itself, with all of its trials or with all points of its space."""
    limits = [limit for limit in (search.max_trials, search.space.size) if limit is not None]
    assert simulation.exhausted
    assert [t.number for t in simulation.trials] == sorted({t.number for t in simulation.trials})
    # PBT tries a point again on purpose: with other weights it is another trial.
    most = search.max_trials if isinstance(search.settings, Pbt) else min(limits)
    assert len(simulation.trials) == most, f"{len(simulation.trials)} trials instead of {most}"


def check_all(make: Make, search: Search, seed: int = 0, *, parallel: int = 3) -> Simulation:
    """Run a search through bad days, and check every promise on it; gives the simulation."""
    simulation = simulate(make, search, bowl(search), parallel=parallel, seed=seed, faults=BAD_DAYS)
    trials = list(simulation.trials)
    check_end(search, simulation)
    if not isinstance(search.settings, Pbt):
        check_no_point_twice(search, trials)
    for trial in trials:
        assert search.space.contains(trial.parameters)
    half = known_then(search, trials, trials[len(trials) // 2])
    check_slots(make, search, half)
    check_deterministic(make, search, half, seed)
    check_memo(make, search, trials, seed)
    check_replay(make, search, trials)
    return simulation


def drawn_search(name: str, seed: int, *, finite: bool | None = None, trials: int = 24) -> Search:
    """Draw a search for an algorithm: one to four parameters of any kind, any direction, sometimes initial trials.

    Args:
        name: of the algorithm.
        seed: of everything drawn.
        finite: whether every parameter is counted; drawn if None, always for `grid`.
        trials: about how many trials it has.
    """
    rng = random.Random(f"{name}/{seed}")
    counted = name == "grid" or (rng.choice(_COIN) if finite is None else finite)
    kinds = [k for k in _KINDS if not counted or k not in ("real", "real log")]
    parameters = [_parameter(rng.choice(kinds), index, rng) for index in range(rng.randint(1, 4))]
    space = SearchSpace.of([Parameter.from_dict(parameter) for parameter in parameters])
    population = rng.randint(1, 9)
    rounds = max(2, trials // population)
    settings: dict[str, Any] = {"population": population, "rounds": rounds} if name in ("cmaes", "pso", "pbt") else {}
    settings |= {"startupTrials": rng.randint(0, 12)} if name == "tpe" else {}
    settings |= {"mode": rng.choice(["Asynchronous", "Synchronous"])} if name == "pbt" else {}
    initial = [] if rng.randrange(3) else [space.draw(rng)]
    return Search(
        job_name="job",
        space=space,
        algorithm=name,
        settings=AlgorithmChoice.from_dict({name: settings}).settings,
        maximize=rng.choice(_COIN),
        seed=rng.randrange(2**31),
        max_trials=population * rounds if "population" in settings else trials,
        metric="m",
        initial=tuple(initial),
    )


_COIN = (True, False)
_KINDS = ("real", "real log", "real step", "int", "int log", "int step", "discrete", "categorical", "boolean", "one")


def _parameter(kind: str, index: int, rng: random.Random) -> dict[str, object]:
    """Draw a parameter of a kind, as the manifest writes it."""
    low, width = rng.randint(-3, 3), rng.randint(2, 9)
    drawn: dict[str, tuple[str, dict[str, object]]] = {
        "real": ("float", {"min": low - 0.5, "max": low + rng.random() * 100}),
        "real log": ("float", {"min": 10.0 ** -rng.randint(1, 8), "max": 10.0 ** rng.randint(0, 3), "scale": "Log"}),
        "real step": ("float", {"min": float(low), "max": low + width / 3 + 0.1, "step": 0.1}),
        "int": ("int", {"min": low, "max": low + rng.choice([1, width, 5000])}),
        "int log": ("int", {"min": rng.randint(1, 4), "max": rng.choice([6, 40, 4096]), "scale": "Log"}),
        "int step": ("int", {"min": low, "max": low + 2 * width + 1, "step": 2}),
        "discrete": ("discrete", {"values": sorted(rng.sample([0.5, 1, 2, 4.0, 8, 16.25, 32], rng.randint(2, 5)))}),
        "categorical": ("categorical", {"choices": list("abcdef"[: rng.randint(2, 6)])}),
        "boolean": ("boolean", {}),
        "one": ("categorical", {"choices": ["only"]}),
    }
    name, domain = drawn[kind]
    return {"name": f"p{index}", name: domain}
