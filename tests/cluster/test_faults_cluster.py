"""What else may fail round a search: the API server, its store, watches, a replica of the operator that is frozen."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.cluster.disturbed import (
    Json,
    a_population,
    check_handovers,
    finish,
    is_finished,
    own_operator,
    own_searches,
    pod_lives,
    standby,
)
from tests.cluster.jobs import Searches, a_job
from tests.cluster.operator_process import OperatorProcess
from tests.cluster.recording_proxy import WRITES, RecordingProxy, Request

LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"


@pytest.fixture
def searches(own_cluster: ControlPlane) -> Searches:
    """A namespace with a claim."""
    return own_searches(own_cluster)


@pytest.fixture
def operator(own_cluster: ControlPlane, tmp_path: Path, searches: Searches) -> Iterator[OperatorProcess]:
    """An operator of that namespace, which runs."""
    found = own_operator(own_cluster, tmp_path, searches)
    found.start()
    yield found
    found.kill()


def lease_of(cluster: ControlPlane, operator: OperatorProcess) -> Json:
    """Give the spec of the operator's Lease."""
    (found,) = cluster.request("GET", LEASES.format(operator.namespace))["items"]
    spec: Json = found["spec"]
    return spec


def _wait_created(searches: Searches, name: str, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(searches.trials(name)) < count:
        assert time.monotonic() < deadline, f"{len(searches.trials(name))} trials instead of {count}"
        time.sleep(0.02)


def _check_whole(searches: Searches, name: str, count: int) -> None:
    trials = searches.trials(name)
    assert [trial["spec"]["number"] for trial in trials] == list(range(count))
    for trial in trials:
        assert trial["status"]["value"] == trial["spec"]["parameters"]["x"]
        assert [attempt["reason"] for attempt in trial["status"]["attempts"]] == ["Reported"]


def test_a_search_outlives_its_api_server(
    own_cluster: ControlPlane, operator: OperatorProcess, searches: Searches
) -> None:
    """The API server is killed and comes back in the middle: the search goes on, and no trial is run twice."""
    name = searches.apply(a_population(milliseconds=300))
    _wait_created(searches, name, 5)
    own_cluster.restart_api_server()
    finish(operator, searches, name)
    _check_whole(searches, name, 16)
    assert check_handovers(searches, name) > 0


def test_a_search_waits_for_a_store_that_is_frozen(
    own_cluster: ControlPlane, operator: OperatorProcess, searches: Searches
) -> None:
    """The store answers nothing for some seconds: the search waits and goes on, and no trial is run twice."""
    name = searches.apply(a_population(milliseconds=300))
    _wait_created(searches, name, 5)
    own_cluster.parts["etcd"].freeze()
    try:
        time.sleep(4)
    finally:
        own_cluster.parts["etcd"].thaw()
    own_cluster.wait_until_ready()
    finish(operator, searches, name)
    _check_whole(searches, name, 16)


def test_only_the_holder_of_the_lease_acts_and_a_frozen_one_writes_nothing_more(
    own_cluster: ControlPlane, tmp_path: Path, searches: Searches
) -> None:
    """Of two replicas one works; frozen for longer than the Lease, it is replaced, and ends when it goes on."""
    with RecordingProxy(own_cluster) as first_way, RecordingProxy(own_cluster) as second_way:
        first = own_operator(own_cluster, tmp_path, searches, first_way.server)
        second = standby(own_cluster, first, "second", second_way.server)
        first.start()
        first.wait(lambda: "this replica leads" in first.log.read_text(), "leading")
        second.start()
        try:
            lives = pod_lives(own_cluster, searches.namespace)
            name = searches.apply(a_population(milliseconds=300))
            _wait_created(searches, name, 5)
            first.part.freeze()
            # What was on its way is answered; nothing can follow.
            time.sleep(1)
            frozen_at = len(_acts(first_way))
            assert frozen_at > 0 == len(_acts(second_way))
            _wait_finished(searches, name)
            assert lease_of(own_cluster, first)["holderIdentity"] == "second"

            late = searches.apply(a_job("late", {"run-milliseconds": "1000"}))
            first.part.thaw()
            _wait_finished(searches, late)
            first.part.wait(30)
        finally:
            first.kill()
            second.kill()
        assert first.part.exit_code == 1
        # What had been sent, or checked against the lease and not yet sent, may come late. It has no effect, but that
        # a pod may come back which the second one has removed: a finished trial's, so it is removed again.
        late_acts = [act for act in _acts(first_way)[frozen_at:] if act.status < 400]
        assert {(act.verb, act.resource) for act in late_acts} <= {("create", "pods")}
        _check_whole(searches, name, 16)
        _check_whole(searches, late, 6)
        assert set(lives.most.values()) == {1}


def _acts(way: RecordingProxy) -> list[Request]:
    return [request for request in way.requests if request.verb in WRITES and request.resource != "leases"]


def _wait_finished(searches: Searches, name: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not is_finished(searches.get(name)):
        assert time.monotonic() < deadline, searches.get(name).get("status")
        time.sleep(0.1)


def test_sigterm_ends_the_operator_and_gives_the_lease_back(
    own_cluster: ControlPlane, operator: OperatorProcess, searches: Searches
) -> None:
    """In the middle of a search SIGTERM ends the process with exit code 0, and the Lease is free at once."""
    name = searches.apply(a_population(milliseconds=300))
    _wait_created(searches, name, 5)
    operator.part.kill(signal.SIGTERM, seconds=20)
    assert operator.part.exit_code == 0, operator.part.tail()
    assert lease_of(own_cluster, operator)["holderIdentity"] == ""

    operator.start()
    finish(operator, searches, name, restart=False)
    _check_whole(searches, name, 16)


def test_a_watch_that_cannot_be_read_ends_the_process(
    own_cluster: ControlPlane, tmp_path: Path, searches: Searches
) -> None:
    """A process that watches no longer must not go on as if nothing happened: it ends, and the next one is whole."""
    with RecordingProxy(own_cluster) as proxy:
        operator = own_operator(own_cluster, tmp_path, searches, proxy.server)
        operator.start()
        proxy.garble = "pods"
        try:
            own_cluster.restart_api_server()
            operator.part.wait(30)
            assert operator.part.exit_code == 1, operator.part.tail()
            proxy.garble = ""
            operator.start()
            name = searches.apply(a_job("after"))
            finish(operator, searches, name, restart=False)
        finally:
            operator.kill()
    _check_whole(searches, name, 6)
