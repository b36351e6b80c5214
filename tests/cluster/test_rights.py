"""The rights that the chart gives the operator are those that it uses: no verb more, none less."""

import http.client
import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.cluster.disturbed import Json, own_searches
from tests.cluster.jobs import Searches, a_job, with_output
from tests.cluster.operator_process import OperatorProcess
from tests.cluster.recording_proxy import RecordingProxy, Request

UNSEEN = {("update", "autosearchjobs/finalizers"), ("update", "trials/finalizers")}
"""Asked for by an admission plugin when an owner reference blocks deletion; there is no request for it."""


class Interference:
    """Changes, or deletes, what is about to be written, once for each kind: the operator has to read it anew."""

    def __init__(self, cluster: ControlPlane, namespace: str) -> None:
        self._cluster = cluster
        self._folders = {
            "patch autosearchjobs/status": f"/apis/autosearch.dev/v1alpha1/namespaces/{namespace}/autosearchjobs",
            "patch trials/status": f"/apis/autosearch.dev/v1alpha1/namespaces/{namespace}/trials",
            "delete pods": f"/api/v1/namespaces/{namespace}/pods",
        }

    def __call__(self, _number: int, request: Request) -> str:
        """Interfere with the first write of each kind."""
        folder = self._folders.pop(f"{request.verb} {request.resource}", None)
        if folder is None:
            return ""
        path = f"{folder}/{request.name}"
        if request.verb == "delete":
            self._cluster.request("DELETE", path, {"kind": "DeleteOptions", "gracePeriodSeconds": 0})
        else:
            self._cluster.request("PATCH", path, {"metadata": {"annotations": {"touched": "yes"}}})
        return ""


class Case:
    """An operator with the rights of one mode, behind a proxy that records its requests."""

    def __init__(self, cluster: ControlPlane, folder: Path, proxy: RecordingProxy, *, listed: bool) -> None:
        self.cluster, self.proxy = cluster, proxy
        self.searches = own_searches(cluster)
        values = {"namespaces": [self.searches.namespace]} if listed else {}
        self.operator = OperatorProcess(cluster, folder, server=proxy.server, values=values)


@pytest.fixture(params=[False, True], ids=["cluster-wide", "namespaces"])
def case(request: pytest.FixtureRequest, own_cluster: ControlPlane, tmp_path: Path) -> Iterator[Case]:
    """A case in each of the chart's two modes."""
    with RecordingProxy(own_cluster) as proxy:
        found = Case(own_cluster, tmp_path, proxy, listed=request.param)
        yield found
        found.operator.kill()


def granted(objects: list[Json]) -> set[tuple[str, str]]:
    """Give what is bound to the operator's account, as verb and resource."""
    bound = {each["roleRef"]["name"] for each in objects if each["kind"] in {"RoleBinding", "ClusterRoleBinding"}}
    roles = [each for each in objects if each["kind"] in {"Role", "ClusterRole"} and each["metadata"]["name"] in bound]
    rules = [rule for role in roles for rule in role["rules"]]
    return {(verb, resource) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}


def test_verbs_used_are_the_verbs_granted(case: Case) -> None:
    """A search that needs everything uses each right that the chart grants, and is refused nothing."""
    searches, operator = case.searches, case.operator
    case.proxy.on_write = Interference(case.cluster, searches.namespace)
    operator.start()
    stuck = searches.apply(a_job("stuck", {"outcome": "mount"}, maxTrials=1))
    running = searches.apply(a_job("running", {"outcome": "hang"}, maxTrials=1))
    name = searches.apply(a_job("all", parallelTrials=2, ttlSecondsAfterFinished=1, **with_output()))

    _report(case, _running_pod(searches, running))
    searches.patch(running, suspend=True)
    case.cluster.wait_gone(searches.path(name), 60)
    searches.wait(running, "Suspended")
    operator.wait(lambda: ("list", "events") in case.proxy.used(), "looking at events")

    assert searches.get(stuck)["status"]["state"] in {"Pending", "Running"}
    assert set(case.proxy.used()) | UNSEEN == granted(operator.objects)
    refused = [request for request in case.proxy.requests if request.status in {401, 403}]
    assert refused == []
    assert "forbidden" not in operator.log.read_text().lower()


def _running_pod(searches: Searches, name: str) -> Json:
    deadline = time.monotonic() + 60
    while not (pods := [pod for pod in searches.pods(name) if pod["status"]["phase"] == "Running"]):
        assert time.monotonic() < deadline, searches.get(name).get("status")
        time.sleep(0.05)
    return pods[0]


def _report(case: Case, pod: Json) -> None:
    """Send a report as the pod's sidecar does."""
    token = case.cluster.account_token(case.searches.namespace, "default", audience="autosearch.dev", pod=pod)
    labels = pod["metadata"]["labels"]
    trial, attempt = labels["autosearch.dev/trial"], labels["autosearch.dev/attempt"]
    body = {"type": "progress", "trial": trial, "attempt": attempt, "step": 1, "metrics": {"acc": 0.5}}
    tls = ssl.create_default_context(cadata=case.operator.ca)
    connection = http.client.HTTPSConnection(urlsplit(case.operator.report_url).netloc, context=tls, timeout=20)
    connection.request("POST", "/v1/reports", json.dumps(body), {"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["stop"]) == (200, False)
    connection.close()
