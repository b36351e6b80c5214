"""What `auto` means for a search.

Owns: the rule, in one place. It depends on the spec alone, so it never changes while a search runs, unless `maxTrials`
grows. Source: research on 20 benchmark problems; `gp` is not built yet, so `tpe` stands in for it.
"""

from autosearch.api.algorithms import Algorithm, Grid, Tpe
from autosearch.search.space import SearchSpace


def resolve(algorithm: Algorithm, space: SearchSpace, max_trials: int | None) -> Algorithm:
    """Give the algorithm itself, or for `auto` the one that it takes for this space and budget.

    A finite space with no more points than `max_trials` is tried out completely (`grid`); any other is searched by
    `tpe`.
    """
    if algorithm.auto is None:
        return algorithm
    if space.size is not None and (max_trials is None or space.size <= max_trials):
        return Algorithm(grid=Grid())
    return Algorithm(tpe=Tpe())
