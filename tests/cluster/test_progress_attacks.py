"""Attacks on the report server of the whole operator: whatever is sent, no trial changes by it."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.cluster.jobs import Searches, a_job
from tests.cluster.pods import a_pod
from tests.cluster.senders import Sender, connection, post
from tests.cluster.tokens import flipped, signed_again
from tests.contract.report_parts import POD, read_all
from tests.contract.test_report_server import MALFORMED

AUDIENCE = "autosearch.dev"


class World:
    """A search with two trials that run until they are deleted, and what their pods could send."""

    def __init__(self, cluster, operator, searches: Searches) -> None:
        self.cluster, self.operator, self.searches = cluster, operator, searches
        name = searches.apply(a_job("target", {"outcome": "hang"}, maxTrials=2, parallelTrials=2))
        cluster.wait_for(searches.path(name), lambda job: job.get("status", {}).get("trials", {}).get("running") == 2)
        self.own, self.other = (Sender(cluster, operator, pod) for pod in searches.pods(name))
        self.job = name

    def versions(self) -> list[str]:
        """Give the versions of the trials: any write shows in them."""
        return [trial["metadata"]["resourceVersion"] for trial in self.searches.trials(self.job)]

    def refused(self, token: str | None, body, code: int, *words: str) -> None:
        """Send a body that is to be refused, and check its answer."""
        found, answer = post(self.operator, token, body)
        assert (found, answer["kind"], answer["status"]) == (code, "Status", "Failure"), answer
        assert all(word in answer["message"] for word in words), answer

    def refused_bytes(self, data: list[bytes], pause: float = 0.0) -> bytes:
        """Send bytes as they are and give what comes back."""
        link = connection(self.operator)
        link.connect()
        assert isinstance(link.sock, socket.socket)
        for part in data:
            link.sock.sendall(part)
            time.sleep(pause)
        found = read_all(link.sock)
        link.close()
        return found

    def delete_pod(self, sender: Sender) -> None:
        """Delete a pod without grace and wait until it is gone."""
        path = f"/api/v1/namespaces/{sender.namespace}/pods/{sender.pod['metadata']['name']}"
        self.cluster.request("DELETE", path, {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0})
        self.cluster.wait_gone(path)


@pytest.fixture
def world(cluster, operator, searches: Searches) -> World:
    return World(cluster, operator, searches)


def test_no_trial_changes_by_attacks(world: World) -> None:
    """No token, wrong ones, others' ones and bodies of any kind leave the trials as they were, by resourceVersion."""
    before = world.versions()
    own, body = world.own, world.own.progress_body(1, 0.999)
    with ThreadPoolExecutor(1) as thread:
        # What never ends is given up after ten seconds; meanwhile others are served.
        slow = thread.submit(world.refused_bytes, [start_of(own) + b"Content-Length: 1000\r\n\r\n{"])
        for sent in (body, own.final_body(0.999, time.time())):
            refuse_tokens(world, sent)
        refuse_bodies(world)
        refuse_bytes(world)
    assert b" 408 " in slow.result()

    assert world.versions() == before
    assert own.progress(1, 0.5) == {"stop": False, "reason": ""}
    own.wait_trial(lambda trial: trial["status"].get("observations"))
    assert world.versions()[0] != before[0], "what a trial's own pod sends is written"


def refuse_tokens(world: World, sent) -> None:
    """Try the tokens that are not this pod's own for this service."""
    cluster, namespace, own = world.cluster, world.searches.namespace, world.own
    account = {name: cluster.account_token(namespace, "default", audience=name) for name in ("", AUDIENCE)}
    vault = cluster.account_token(namespace, "default", audience="vault", pod=own.pod)
    stranger = cluster.request("POST", f"/api/v1/namespaces/{namespace}/pods", a_pod(f"stranger-{time.time_ns()}"))
    strangers = cluster.account_token(namespace, "default", audience=AUDIENCE, pod=stranger)
    world.refused(None, sent, 401, "Bearer")
    world.refused("", sent, 401, "Bearer")
    world.refused("a.b.c", sent, 401)
    world.refused(cluster.admin_token, sent, 401)
    world.refused(world.operator.token, sent, 401)
    world.refused(account[""], sent, 401)
    world.refused(account[AUDIENCE], sent, 401, "bound to a pod")
    world.refused(vault, sent, 401, "audience")
    world.refused(signed_again(cluster, own.token, -600), sent, 401, "expired")
    world.refused(flipped(own.token), sent, 401)
    world.refused(strangers, sent, 401, "not known")
    world.refused(world.other.token, sent, 403, own.settings.trial_name)


def refuse_bodies(world: World) -> None:
    """Send all malformed bodies with a token that is good."""
    own = world.own
    words = {POD.trial: own.settings.trial_name, POD.job_id: own.settings.job_id, f'"{POD.attempt}"': '"0-0"'}
    for name, (body, _) in MALFORMED.items():
        data = body.replace(b"%s", POD.trial.encode()) if isinstance(body, bytes) else json.dumps(body).encode()
        for known, ours in words.items():
            data = data.replace(known.encode(), ours.encode())
        code = 429
        while code == 429:
            code, answer = post(world.operator, own.token, data)
            time.sleep(0.1 * (code == 429))
        assert code in (400, 403), (name, code, answer)


def start_of(sender: Sender) -> bytes:
    """Give the head of a request, to which a length is to be added."""
    return f"POST /v1/reports HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {sender.token}\r\n".encode()


def refuse_bytes(world: World) -> None:
    """Send what is too large, and what is no request, with a token that is good."""
    start = start_of(world.own)
    chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
    assert b" 413 " in world.refused_bytes([start + b"Content-Length: 65537\r\n\r\n"])
    assert b" 413 " in world.refused_bytes([start + b"Transfer-Encoding: chunked\r\n\r\n", chunk * 3])
    assert b" 400 " in world.refused_bytes([b"\x00\xff\r\n\r\n"])


def test_a_deleted_pods_token(world: World) -> None:
    """Once its pod is deleted a token is worth nothing, and the next attempt's pod is not mistaken for it."""
    body = world.own.progress_body(1, 0.999)
    assert post(world.operator, world.own.token, body)[0] == 200
    world.delete_pod(world.own)
    code, _ = post(world.operator, world.own.token, body)
    deadline = time.monotonic() + 20
    while code == 200 and time.monotonic() < deadline:
        # The operator's watch is a moment behind.
        time.sleep(0.02)
        code, _ = post(world.operator, world.own.token, body)
    path = f"/api/v1/namespaces/{world.own.namespace}/pods/{world.own.pod['metadata']['name']}-r1"
    successor = Sender(world.cluster, world.operator, there(world.cluster, path))

    assert code in (401, 403)
    world.refused(successor.token, body, 403, "attempt")
    world.refused(world.own.token, successor.progress_body(1, 0.999), code)
    assert successor.progress(1, 0.5)["stop"] is False


def test_a_final_report_for_another_trial_wins_nothing(world: World) -> None:
    """A pod cannot give another pod's trial a result: that trial goes on, and has no value."""
    forged = world.other.final_body(0.999, time.time())
    world.refused(world.own.token, forged, 403)
    world.delete_pod(world.other)

    trial = world.other.wait_trial(lambda found: found["status"]["attempts"][0].get("endTime"))
    assert trial["status"].get("value") is None and trial["status"]["attempts"][0]["reason"] == "PodDeleted"


def there(cluster, path: str, seconds: float = 20):
    """Wait until there is an object at the path and give it."""
    deadline = time.monotonic() + seconds
    while not cluster.exists(path):
        assert time.monotonic() < deadline, f"{path} did not come"
        time.sleep(0.05)
    return cluster.request("GET", path)
