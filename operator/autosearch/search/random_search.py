"""Random search: independent draws from the prior.

Owns: nothing but the draw. It learns from no trial; it only avoids points of a finite space that are taken.
"""

import random
from collections.abc import Sequence

from autosearch.api.trial import Values
from autosearch.search.records import Proposals, Search, TrialRecord
from autosearch.search.sequence import Ask, propose_in_sequence

_TRIES = 20


class RandomSearch:
    """The algorithm `random`."""

    def propose(self, search: Search, trials: Sequence[TrialRecord], slots: int) -> Proposals:
        """Give up to `slots` points, uniform on each parameter's scale."""
        return propose_in_sequence(search, trials, slots, _draw, tries=_TRIES)


def _draw(search: Search, ask: Ask) -> Values:
    return search.space.draw(random.Random(ask.seed))
