"""Grid search: every point of a finite space once.

Owns: the order of points, which is that of `SearchSpace.at`: the last parameter moves fastest. The user's initial
trials come first and are left out of the order.
"""

from collections.abc import Sequence

from autosearch.api.trial import Values
from autosearch.search.errors import UnsuitableSpaceError
from autosearch.search.records import Proposals, Search, TrialRecord
from autosearch.search.sequence import Ask, propose_in_sequence


class Grid:
    """The algorithm `grid`; ends by itself after the last point, or after `maxTrials`."""

    def propose(self, search: Search, trials: Sequence[TrialRecord], slots: int) -> Proposals:
        """Give up to `slots` points.

        Raises:
            UnsuitableSpaceError: a float without `step` makes the space endless.
        """
        if search.space.size is None:
            endless = ", ".join(d.name for d in search.space.dimensions if d.count is None)
            raise UnsuitableSpaceError(f"grid needs a finite space: give a `step` to {endless}")
        return propose_in_sequence(search, trials, slots, _draw)


def _draw(search: Search, ask: Ask) -> Values:
    position = ask.number - len(search.initial)
    for taken in sorted(search.space.position(values) for values in search.initial):
        position += taken <= position
    assert search.space.size is not None
    # Past the end only when a trial was deleted by hand and the order has changed since; the point is taken then.
    return search.space.at(position % search.space.size)
