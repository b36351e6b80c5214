"""Sobol search: a scrambled low-discrepancy sequence, spread more evenly than random draws.

Owns: the sequence, addressed by trial number, so that it needs no state. Source: scipy's `qmc.Sobol`.
"""

from collections.abc import Sequence

from scipy.stats import qmc

from autosearch.api.trial import Values
from autosearch.search.records import Proposals, Search, TrialRecord
from autosearch.search.seeding import trial_seed
from autosearch.search.sequence import Ask, propose_in_sequence


class Sobol:
    """The algorithm `sobol`."""

    def propose(self, search: Search, trials: Sequence[TrialRecord], slots: int) -> Proposals:
        """Give up to `slots` points; point n of the sequence belongs to trial n, initial trials counted."""
        return propose_in_sequence(search, trials, slots, _draw)


def _draw(search: Search, ask: Ask) -> Values:
    # One scrambling for the whole search: the sequence is even only as a whole, so no draw has a seed of its own.
    scrambling = trial_seed(search.seed, 0, "sobol")
    sequence = qmc.Sobol(len(search.space.dimensions), scramble=True, seed=scrambling)
    if ask.number:
        sequence.fast_forward(ask.number)
    return search.space.from_unit(sequence.random(1)[0].tolist())
