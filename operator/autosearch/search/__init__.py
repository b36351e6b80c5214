"""The search layer: algorithms, early-stopping rules, the search space. Pure: no clock, no network, no unseeded draw.

The public, stable door is `propose`; an algorithm's own libraries are imported only when it is asked for.
"""

from autosearch.search.propose import propose
from autosearch.search.records import Proposal, Proposals

__all__ = ["Proposal", "Proposals", "propose"]
