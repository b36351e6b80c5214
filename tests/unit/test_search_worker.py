"""The loop of a worker process: questions in, answers or error texts out, memos kept."""

import multiprocessing
import os
import threading
from collections import OrderedDict

import pytest
from tests.unit.search_samples import FLOATS, search_for, trial

from autosearch.search import worker
from autosearch.search.registry import algorithm_of


@pytest.fixture
def ask(monkeypatch):
    """A function that asks a served connection."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "7")
    ours, theirs = multiprocessing.Pipe()
    thread = threading.Thread(target=worker.serve, args=(theirs,))
    thread.start()

    def asked(*question):
        ours.send(question)
        return ours.recv()

    yield asked
    ours.close()
    thread.join(10)
    assert not thread.is_alive()
    theirs.close()


def test_answers_are_the_algorithms(ask):
    """Several jobs take turns, and each answer is what a new instance would say; numerics run on one thread."""
    for name in ("random", "sobol", "random"):
        search = search_for(name)
        trials = [trial(0, {"x": 0.1, "y": 0.1})]
        assert ask(search, trials, 2) == algorithm_of(name).propose(search, trials, 2)
    assert os.environ["OMP_NUM_THREADS"] == "1"


def test_an_error_is_answered_as_its_text(ask):
    """The worker goes on afterwards."""
    assert ask(search_for("grid", FLOATS), [], 1).startswith("grid: UnsuitableSpaceError: grid needs a finite space")
    assert "not built yet" in ask(search_for("gp"), [], 1)
    assert ask(search_for("random"), [], 1).trials


def test_a_worker_process_answers_and_ends_with_its_connection():
    """In a real process, started anew; it ends when the other end is closed."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=worker.serve, args=(theirs,))
    process.start()
    theirs.close()
    search = search_for("tpe")
    ours.send((search, [], 2))
    assert ours.recv() == algorithm_of("tpe").propose(search, [], 2)
    ours.close()
    process.join(30)
    assert process.exitcode == 0


def test_only_the_newest_memos_are_kept():
    """Instances are kept per job; of many jobs, those that were not asked for longest are forgotten."""
    memos = OrderedDict()
    searches = [search_for("random", seed=seed) for seed in range(worker._MEMOS + 2)]
    kept = worker._algorithm(memos, searches[0])
    for search in searches[1:-1]:
        worker._algorithm(memos, search)
        assert worker._algorithm(memos, searches[0]) is kept
    worker._algorithm(memos, searches[-1])
    assert len(memos) == worker._MEMOS
    assert worker._algorithm(memos, searches[0]) is kept
