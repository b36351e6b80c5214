"""Searches and trials for the tests of the search layer."""

import dataclasses

from autosearch.api.algorithms import Algorithm
from autosearch.api.parameters import Parameter
from autosearch.search.records import Search, TrialRecord
from autosearch.search.space import SearchSpace

FLOATS = [{"name": "x", "float": {"min": 0.0, "max": 1.0}}, {"name": "y", "float": {"min": -1.0, "max": 1.0}}]
SIX = [{"name": "a", "int": {"min": 1, "max": 3}}, {"name": "b", "boolean": {}}]
MIXED = [*FLOATS, *SIX, {"name": "c", "categorical": {"choices": ["u", "v", "w"]}}]


def search_for(name, parameters=FLOATS, *, max_trials=50, initial=(), maximize=False, seed=5, **settings):
    """A search for an algorithm; `max_trials` of population algorithms is population x rounds."""
    space = SearchSpace.of([Parameter.from_dict(parameter) for parameter in parameters])
    chosen = Algorithm.from_dict({name: settings})
    population = chosen.population
    return Search(
        "job",
        space,
        name,
        chosen.settings,
        maximize=maximize,
        seed=seed,
        max_trials=population.population * population.rounds if population else max_trials,
        metric="m",
        initial=tuple(initial),
    )


def trial(number, parameters, **changes):
    """A running trial."""
    return TrialRecord(f"job-0-{number}", number, "Running", parameters, member=number, **changes)


def done(record, order, value=None, state="Succeeded"):
    """The trial with its end."""
    return dataclasses.replace(record, state=state, value=value, completion=f"{order:06d}")
