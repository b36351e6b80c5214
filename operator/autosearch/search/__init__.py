"""The search layer: algorithms, early-stopping rules, the search space. Pure: no clock, no network, no unseeded draw.

The public, stable door is `propose`, with `search_of` and `record_of` for callers that keep an algorithm's instance and
its memo. An algorithm's own libraries are imported only when it is asked for.
"""

from autosearch.search.propose import propose, record_of, search_of
from autosearch.search.records import Proposal, Proposals, Search, TrialRecord

__all__ = ["Proposal", "Proposals", "Search", "TrialRecord", "propose", "record_of", "search_of"]
