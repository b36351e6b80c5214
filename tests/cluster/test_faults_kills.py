"""`kill -9` of the operator at twenty moments, answers that are lost, and trials that end while nobody looks."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.cluster.disturbed import (
    Json,
    a_population,
    check_handovers,
    finish,
    outcome,
    own_operator,
    own_searches,
    pod_lives,
)
from tests.cluster.jobs import Searches, a_job
from tests.cluster.operator_process import OperatorProcess
from tests.cluster.recording_proxy import RecordingProxy, Request

KINDS = (
    ("create", "trials"),
    ("create", "pods"),
    ("patch", "trials/status"),
    ("patch", "autosearchjobs/status"),
)
KILLS, OF_A_KIND = 20, 3
PAUSE = 2
"""Writes between two kills."""


class Killer:
    """Kills the operator just before, or just after, writes of all kinds."""

    def __init__(self, operator: OperatorProcess) -> None:
        self._operator = operator
        self._next = 1
        self.done: Counter[tuple[str, str, str]] = Counter()

    def __call__(self, number: int, request: Request) -> str:
        """Choose the moments that came least often so far."""
        kind = (request.verb, request.resource)
        if number < self._next or self.done.total() == KILLS or kind not in KINDS:
            return ""
        moment = min(("before", "after"), key=lambda each: self.done[*kind, each])
        if self.done[*kind, moment] == OF_A_KIND:
            return ""
        self._next = number + 1 + PAUSE
        self.done[*kind, moment] += 1
        os.kill(self._operator.part.pid, signal.SIGKILL)
        return moment


@pytest.fixture(scope="module")
def undisturbed(own_cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Json:
    """The end of the population's search that nobody disturbed."""
    searches = own_searches(own_cluster)
    operator = own_operator(own_cluster, tmp_path_factory.mktemp("undisturbed"), searches)
    operator.start()
    name = searches.apply(a_population())
    finish(operator, searches, name, restart=False)
    operator.kill(signal.SIGTERM)
    found = outcome(searches, name)
    assert found["counts"] == {"planned": 16, "created": 16, "succeeded": 16} | _zeros(found["counts"])
    return found


def _zeros(counts: Json) -> Json:
    return {key: 0 for key, count in counts.items() if not count}


class Case:
    """An operator behind a proxy of its own, with a namespace of its own."""

    def __init__(self, cluster: ControlPlane, folder: Path, proxy: RecordingProxy) -> None:
        self.proxy = proxy
        self.searches = own_searches(cluster)
        self.operator = own_operator(cluster, folder, self.searches, proxy.server)


@pytest.fixture
def case(own_cluster: ControlPlane, tmp_path: Path) -> Iterator[Case]:
    """A case that is cleaned up."""
    with RecordingProxy(own_cluster) as proxy:
        found = Case(own_cluster, tmp_path, proxy)
        yield found
        found.operator.kill()


def test_twenty_kills_change_nothing(own_cluster: ControlPlane, undisturbed: Json, case: Case) -> None:
    """An operator that is killed before and after writes of every kind ends the same search in the same state."""
    killer = Killer(case.operator)
    lives = pod_lives(own_cluster, case.searches.namespace)
    case.operator.start()
    case.proxy.on_write = killer
    name = case.searches.apply(a_population())
    finish(case.operator, case.searches, name)

    assert killer.done.total() == KILLS
    assert set(killer.done) == {(*kind, moment) for kind in KINDS for moment in ("before", "after")}
    assert outcome(case.searches, name) == undisturbed
    assert check_handovers(case.searches, name) > 0
    assert set(lives.most.values()) == {1}
    assert {len(uids) for uids in lives.uids.values()} == {1}


@pytest.mark.parametrize("every", [2, 5])
def test_lost_requests_and_answers_change_nothing(undisturbed: Json, case: Case, every: int) -> None:
    """Requests that never arrive, and answers that never come back, in turn, change nothing of the search."""
    cut: Counter[str] = Counter()

    def on_write(number: int, _request: Request) -> str:
        if number % every:
            return ""
        moment = ("before", "after")[number // every % 2]
        cut[moment] += 1
        return moment

    case.operator.start()
    case.proxy.on_write = on_write
    name = case.searches.apply(a_population())
    finish(case.operator, case.searches, name, restart=False)

    assert min(cut["before"], cut["after"]) > 5
    assert outcome(case.searches, name) == undisturbed


def _phases(searches: Searches, name: str) -> Counter[str]:
    return Counter(pod["status"]["phase"] for pod in searches.pods(name))


def _wait_phases(searches: Searches, name: str, phases: dict[str, int]) -> None:
    deadline = time.monotonic() + 60
    while _phases(searches, name) != phases:
        assert time.monotonic() < deadline, _phases(searches, name)
        time.sleep(0.05)


def test_trials_that_end_while_the_operator_is_down_are_counted(case: Case) -> None:
    """Results are in the pods: an operator that comes back has them, and starts nothing again."""
    case.operator.start()
    name = case.searches.apply(a_job("alone", {"run-milliseconds": "1500"}, maxTrials=4, parallelTrials=4))
    _wait_phases(case.searches, name, {"Running": 4})
    case.operator.kill()
    _wait_phases(case.searches, name, {"Succeeded": 4})
    assert not any("value" in trial.get("status", {}) for trial in case.searches.trials(name))

    case.operator.start()
    finish(case.operator, case.searches, name, restart=False)
    for trial in case.searches.trials(name):
        assert trial["status"]["value"] == trial["spec"]["parameters"]["x"]
        assert [attempt["reason"] for attempt in trial["status"]["attempts"]] == ["Reported"]


def test_a_result_whose_pod_was_deleted_meanwhile_is_run_again(own_cluster: ControlPlane, case: Case) -> None:
    """A pod that ended and was deleted while the operator was down has left nothing: its trial is run once more."""
    case.operator.start()
    name = case.searches.apply(a_job("lost", {"run-milliseconds": "1500"}, maxTrials=2, parallelTrials=2))
    _wait_phases(case.searches, name, {"Running": 2})
    # The attempts are on record: without that, nothing would tell of a pod that is gone.
    case.operator.wait(lambda: all(t.get("status", {}).get("attempts") for t in case.searches.trials(name)), "recorded")
    case.operator.kill()
    _wait_phases(case.searches, name, {"Succeeded": 2})
    gone = min(case.searches.pods(name), key=lambda pod: str(pod["metadata"]["name"]))["metadata"]
    path = f"/api/v1/namespaces/{case.searches.namespace}/pods/{gone['name']}"
    own_cluster.request("DELETE", path)
    own_cluster.wait_gone(path)

    case.operator.start()
    finish(case.operator, case.searches, name, restart=False)
    lost, kept = case.searches.trials(name)
    assert [attempt["id"] for attempt in lost["status"]["attempts"]] == ["0-0", "0-0-r1"]
    assert lost["status"]["value"] == lost["spec"]["parameters"]["x"]
    assert lost["status"]["attempts"][0]["reason"] != "Reported"
    assert len(kept["status"]["attempts"]) == 1
