"""Attacks on the report server with tokens that a real API server made and reviews."""

import json
import time
from dataclasses import replace

import pytest
from tests.cluster.pods import a_pod
from tests.cluster.tokens import flipped, signed_again
from tests.contract.report_parts import OTHER, POD, PROGRESS, Pods, Serving, Sink, unsigned_token

from autosearch.kubernetes.report_body import PodIdentity
from autosearch.kubernetes.report_server import Limits
from autosearch.kubernetes.token_review import ApiReviewer

AUDIENCE = "autosearch.dev"
ROLE = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": "report-attacks"},
    "rules": [{"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]}],
}


class Reviewer:
    """The real API server, asked by a user who may do nothing but review tokens; counts the questions."""

    def __init__(self, cluster, token):
        self._cluster = cluster
        self._token = token
        self.asked = 0

    async def review(self, token):
        self.asked += 1
        async with self._cluster.client(self._token) as client:
            return await ApiReviewer(client).review(token)


class World:
    """Two running pods, a report server that knows them, and its reviewer."""

    def __init__(self, cluster, namespace, folder):
        self.cluster, self.namespace, self.folder = cluster, namespace, folder
        self.reviewer = Reviewer(cluster, cluster.tokens["alice"])
        self.own, self.other = (self.create(pod) for pod in (POD, OTHER))
        self.pods = Pods(self.identity(self.own, POD), self.identity(self.other, OTHER))
        self.sink = Sink()

    def create(self, pod):
        body = a_pod(pod.name, attempt=pod.attempt)
        return self.cluster.request("POST", f"/api/v1/namespaces/{self.namespace}/pods", body)

    def identity(self, found, pod) -> PodIdentity:
        return replace(pod, namespace=self.namespace, uid=found["metadata"]["uid"])

    def token(self, pod, audience=AUDIENCE):
        return self.cluster.account_token(self.namespace, "default", audience=audience, pod=pod)

    def delete(self, pod):
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod['metadata']['name']}"
        self.cluster.request("DELETE", path, {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0})
        self.cluster.wait_gone(path)

    def serve(self):
        return Serving(self.folder, self.reviewer, self.pods, self.sink, Limits(rate=1000, burst=1000))


@pytest.fixture
def world(cluster, namespace, tmp_path):
    cluster.apply(ROLE)
    cluster.kubectl("create", "clusterrolebinding", namespace, "--clusterrole=report-attacks", "--user=alice")
    yield World(cluster, namespace, tmp_path)
    cluster.kubectl("delete", "clusterrolebinding", namespace)


def outcome(answer):
    """Give code and message."""
    status, _, found = answer
    return status, found.get("message", "")


def test_a_pods_own_token_is_good_once_reviewed(world):
    """A token that the kubelet would project into a trial's pod is taken, for one review of many reports."""
    token = world.token(world.own)
    with world.serve() as serving:
        answers = [serving.post(token, {**PROGRESS, "step": step})[0] for step in range(5)]

    assert answers == [200] * 5
    assert world.reviewer.asked == 1
    assert [pod.uid for pod, _ in world.sink.taken] == [world.own["metadata"]["uid"]] * 5


def test_wrong_audience(world):
    """A token for the API server itself, or for another service, is refused by its review."""
    with world.serve() as serving:
        for audience in ("", "vault"):
            code, message = outcome(serving.post(world.token(world.own, audience), PROGRESS))
            assert code == 401 and "audience" in message

    assert world.reviewer.asked == 2 and not world.sink.taken


def test_an_expired_token(world):
    """A token of the right signature and pod is refused once its time is over: the API server looks at the time."""
    real = world.token(world.own)
    with world.serve() as serving:
        assert serving.post(signed_again(world.cluster, real, 600), PROGRESS)[0] == 200
        code, message = outcome(serving.post(signed_again(world.cluster, real, -600), PROGRESS))

    assert code == 401 and "expired" in message
    assert world.reviewer.asked == 2 and len(world.sink.taken) == 1


def test_another_trials_token(world):
    """A trial cannot report for another one, though both tokens are good."""
    with world.serve() as serving:
        code, message = outcome(serving.post(world.token(world.other), PROGRESS))

    assert code == 403 and OTHER.trial in message and not world.sink.taken


def test_a_token_that_is_bound_to_no_pod(world):
    """A service account's token for our audience, which anybody with the right may ask for, is not a pod's."""
    token = world.cluster.account_token(world.namespace, "default", audience=AUDIENCE)
    with world.serve() as serving:
        code, message = outcome(serving.post(token, PROGRESS))

    assert code == 401 and "bound to a pod" in message and world.reviewer.asked == 0


def test_a_forged_token(world):
    """A token with all the right words and no right signature is refused by the API server."""
    claims = world.identity(world.own, POD)
    real = world.token(world.own)
    unsigned = f"{real.rpartition('.')[0]}."
    with world.serve() as serving:
        for token in (unsigned_token(claims), flipped(real), unsigned):
            assert serving.post(token, PROGRESS)[0] == 401

    assert world.reviewer.asked == 3 and not world.sink.taken


def test_a_pod_of_a_stranger(world):
    """Who can make pods can have tokens for our audience: of a pod that is none of ours they are worth nothing."""
    stranger = world.create(replace(POD, name="stranger"))
    with world.serve() as serving:
        code, message = outcome(serving.post(world.token(stranger), PROGRESS))

    assert code == 401 and "not known" in message and not world.sink.taken


def test_a_deleted_pods_token(world):
    """Once the operator has seen a pod go, its token is refused: the API server takes it for seconds more."""
    token = world.token(world.own)
    with world.serve() as serving:
        assert serving.post(token, PROGRESS)[0] == 200
        world.delete(world.own)
        world.pods.drop(world.identity(world.own, POD))
        code, message = outcome(serving.post(token, PROGRESS))

    assert code == 403 and "gone" in message
    assert len(world.sink.taken) == 1


def test_a_deleted_pods_token_where_the_operator_has_not_seen_it(world):
    """Even for an operator that misses a pod's end its token is worth nothing once the API server knows."""
    token = world.token(world.own)
    world.delete(world.own)
    deadline = time.monotonic() + 60
    with world.serve() as serving:
        code = 200
        while code == 200 and time.monotonic() < deadline:
            # Nothing is remembered between two questions.
            serving.server._reviews._pods._entries.clear()
            code, _, found = serving.post(token, PROGRESS)
            time.sleep(0.5)

    assert code == 401, json.dumps(found)


def test_a_pod_made_anew_under_the_same_name(world):
    """The successor's token is good, the predecessor's is not."""
    old = world.token(world.own)
    world.delete(world.own)
    world.pods.drop(world.identity(world.own, POD))
    again = world.create(POD)
    world.pods.update(Pods(world.identity(again, POD)))
    with world.serve() as serving:
        assert serving.post(old, PROGRESS)[0] == 401
        assert serving.post(world.token(again), PROGRESS)[0] == 200


def test_an_operator_without_the_right_to_review(world):
    """Without the right to review, reports are put off, never let in."""
    world.reviewer = Reviewer(world.cluster, world.cluster.tokens["bob"])
    with world.serve() as serving:
        code, message = outcome(serving.post(world.token(world.own), PROGRESS))

    assert code == 503 and "review" in message
