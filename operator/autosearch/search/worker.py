"""What runs in a shell's worker process: questions in, proposals out, one after the other.

Owns: the loop and the algorithms' memos. The shell owns the process and its time limit: it may kill this at any moment.
"""

import os
from collections import OrderedDict
from collections.abc import Sequence
from multiprocessing.connection import Connection

from autosearch.search.records import Algorithm, Proposals, Search, TrialRecord
from autosearch.search.registry import algorithm_of

Request = tuple[Search, Sequence[TrialRecord], int]
# One question at a time, on shared cores: threads inside an answer only get into each other's way.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# A memo of two thousand trials takes a few MB, and costs a moment to make anew.
_MEMOS = 32


def serve(connection: "Connection[Proposals | str, Request]") -> None:
    """Answer until the other end is closed; an algorithm's error is answered as its text.

    The process must be a new one (`spawn`), not a copy of one that has loaded numpy, which counts its threads once.
    """
    for name in _THREADS:
        os.environ[name] = "1"
    memos: OrderedDict[tuple[str, int, str], Algorithm] = OrderedDict()
    while True:
        try:
            search, trials, slots = connection.recv()
            connection.send(_answer(memos, search, trials, slots))
        except (EOFError, OSError):
            return


def _answer(
    memos: OrderedDict[tuple[str, int, str], Algorithm], search: Search, trials: Sequence[TrialRecord], slots: int
) -> Proposals | str:
    try:
        return _algorithm(memos, search).propose(search, trials, slots)
    except Exception as error:  # whatever a library raises must reach the job's condition
        return f"{search.algorithm}: {type(error).__name__}: {error}"


def _algorithm(memos: OrderedDict[tuple[str, int, str], Algorithm], search: Search) -> Algorithm:
    """Give the job's own instance, with its memo; the one that was not used for longest is forgotten."""
    key = (search.job_name, search.seed, search.algorithm)
    if key not in memos:
        memos[key] = algorithm_of(search.algorithm)
    memos.move_to_end(key)
    while len(memos) > _MEMOS:
        memos.popitem(last=False)
    return memos[key]
