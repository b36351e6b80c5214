"""Trials and searches for the tests of the stopping rules."""

from autosearch.api import algorithms as api
from autosearch.api.parameters import Parameter
from autosearch.search.records import Search, TrialRecord
from autosearch.search.space import SearchSpace

SPACE = SearchSpace.of([Parameter.from_dict({"name": "x", "float": {"min": 0.0, "max": 1.0}})])


def make_search(maximize=True, job_name="job"):
    """A search whose algorithm does not matter."""
    return Search(job_name, SPACE, "random", api.Random(), maximize, 1, 100)


def curve(number, *values, state="Running", steps=None):
    """A trial that reported these values at steps 0, 1, ..."""
    observations = tuple(zip(steps or range(len(values)), values, strict=True))
    completion = None if state == "Running" else f"{number:06d}"
    return TrialRecord(f"t-{number}", number, state, {"x": 0.5}, observations=observations, completion=completion)
