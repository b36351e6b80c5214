"""The loop of a worker process: questions in, answers or error texts out, memos kept."""

import multiprocessing
import os
import threading
from collections import OrderedDict
from dataclasses import replace

import pytest
from tests.unit.search_samples import FLOATS, search_for, trial

from autosearch.search import worker
from autosearch.search.registry import algorithm_of
from autosearch.search.worker import Changes


def all_of(trials):
    """Give the changes that tell everything."""
    return Changes(0, list(enumerate(trials)))


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
        assert ask(search, all_of(trials), 2) == algorithm_of(name).propose(search, trials, 2)
    assert os.environ["OMP_NUM_THREADS"] == "1"


def test_an_error_is_answered_as_its_text(ask):
    """The worker goes on afterwards."""
    assert ask(search_for("grid", FLOATS), all_of([]), 1).startswith(
        "grid: UnsuitableSpaceError: grid needs a finite space"
    )
    assert "not built yet" in ask(search_for("gp"), all_of([]), 1)
    assert ask(search_for("random"), all_of([]), 1).trials


def test_a_worker_process_answers_and_ends_with_its_connection():
    """In a real process, started anew; it ends when the other end is closed."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=worker.serve, args=(theirs,))
    process.start()
    theirs.close()
    search = search_for("tpe")
    ours.send((search, all_of([]), 2))
    assert ours.recv() == algorithm_of("tpe").propose(search, [], 2)
    ours.close()
    process.join(30)
    assert process.exitcode == 0


def test_what_has_changed_is_enough(ask):
    """A question that tells what has changed is answered as one that tells all; a shorter past cuts the rest off."""
    search = search_for("tpe")
    trials = [trial(number, {"x": number / 20, "y": 0.1}) for number in range(14)]
    ask(search, all_of(trials[:12]), 1)
    changed = replace(trials[3], value=9.0)
    whole = [*trials[:3], changed, *trials[4:]]
    answer = ask(search, Changes(12, [(3, changed), (12, trials[12]), (13, trials[13])]), 2)
    assert answer == algorithm_of("tpe").propose(search, whole, 2)
    assert ask(search, Changes(5, []), 2) == algorithm_of("tpe").propose(search, whole[:5], 2)


def test_changes_of_what_is_not_known_are_refused(ask):
    """A worker that does not hold the past of a job asks for all of it."""
    assert ask(search_for("random", seed=99), Changes(1, []), 1) is worker.FORGOTTEN


def test_only_the_newest_memos_are_kept():
    """Instances are kept per job; of many jobs, those that were not asked for longest are forgotten."""
    memos = OrderedDict()
    searches = [search_for("random", seed=seed) for seed in range(worker._MEMOS + 2)]
    kept = worker._of(memos, searches[0])
    for search in searches[1:-1]:
        worker._of(memos, search)
        assert worker._of(memos, searches[0]) is kept
    worker._of(memos, searches[-1])
    assert len(memos) == worker._MEMOS
    assert worker._of(memos, searches[0]) is kept
