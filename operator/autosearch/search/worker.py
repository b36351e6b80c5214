"""What runs in a shell's worker process: questions in, proposals out, one after the other.

Owns: the loop and the algorithms' memos. The shell owns the process and its time limit: it may kill this at any moment.
"""

import os
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from autosearch.search.records import Algorithm, Proposals, Search, TrialRecord
from autosearch.search.registry import algorithm_of


@dataclass(frozen=True, slots=True)
class Changes:
    """The trials of a question, as what has changed since the same job's last one.

    Attributes:
        after: how many records that one had; 0: all are here.
        changed: position and record of each that is new or another one.
    """

    after: int
    changed: Sequence[tuple[int, TrialRecord]]


Request = tuple[Search, Changes, int]
Key = tuple[str, int, str]
FORGOTTEN = None
"""The answer to changes of what the worker does not hold: the whole is to be sent."""
# One question at a time, on shared cores: threads inside an answer only get into each other's way.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# A memo of two thousand trials takes a few MB, and costs a moment to make anew.
_MEMOS = 32


@dataclass(slots=True)
class _Kept:
    """What is kept of one job: the algorithm with its memo, and the records of the last question."""

    algorithm: Algorithm
    records: list[TrialRecord] = field(default_factory=list)


def key_of(search: Search) -> Key:
    """Give what tells one job's questions from another's."""
    return search.job_name, search.seed, search.algorithm


def serve(connection: "Connection[Proposals | str | None, Request]") -> None:
    """Answer until the other end is closed; an algorithm's error is answered as its text.

    The process must be a new one (`spawn`), not a copy of one that has loaded numpy, which counts its threads once.
    """
    for name in _THREADS:
        os.environ[name] = "1"
    kept: OrderedDict[Key, _Kept] = OrderedDict()
    while True:
        try:
            search, changes, slots = connection.recv()
            connection.send(_answer(kept, search, changes, slots))
        except (EOFError, OSError):
            return


def _answer(kept: OrderedDict[Key, _Kept], search: Search, changes: Changes, slots: int) -> Proposals | str | None:
    try:
        job = _of(kept, search)
        if len(job.records) < changes.after:
            return FORGOTTEN
        del job.records[changes.after :]
        for position, record in changes.changed:
            job.records[position : position + 1] = [record]
        return job.algorithm.propose(search, tuple(job.records), slots)
    except Exception as error:  # whatever a library raises must reach the job's condition
        return f"{search.algorithm}: {type(error).__name__}: {error}"


def _of(kept: OrderedDict[Key, _Kept], search: Search) -> _Kept:
    """Give what is kept of a job; the one that was not asked for longest is forgotten."""
    key = key_of(search)
    if key not in kept:
        kept[key] = _Kept(algorithm_of(search.algorithm))
    kept.move_to_end(key)
    while len(kept) > _MEMOS:
        kept.popitem(last=False)
    return kept[key]
