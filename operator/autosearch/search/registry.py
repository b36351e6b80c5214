"""The algorithms by name.

Owns: the list. Each is imported when first asked for, because numpy, scipy and Optuna take longer to import than most
commands run.
"""

from importlib import import_module
from typing import cast

from autosearch.search.errors import UnknownAlgorithmError
from autosearch.search.records import Algorithm

_ALGORITHMS = {
    "random": "random_search:RandomSearch",
    "grid": "grid:Grid",
    "sobol": "sobol:Sobol",
    "tpe": "tpe:Tpe",
    "cmaes": "cma_es:CmaEs",
    "pso": "pso:Pso",
    "pbt": "pbt:Pbt",
}
NAMES = tuple(_ALGORITHMS)


def algorithm_of(name: str) -> Algorithm:
    """Make a new instance of an algorithm, without a memo.

    Raises:
        UnknownAlgorithmError: no algorithm has this name; `auto` is resolved before, by `search_of`.
    """
    if name == "gp":
        raise UnknownAlgorithmError("`gp` is not built yet; write `tpe: {}` instead")
    if name not in _ALGORITHMS:
        raise UnknownAlgorithmError(f"there is no algorithm `{name}`; write one of {', '.join(NAMES)}")
    module, _, attribute = _ALGORITHMS[name].partition(":")
    return cast("Algorithm", getattr(import_module(f"autosearch.search.{module}"), attribute)())
