"""A report server in a thread, with stand-ins for what the operator and the API server tell it, and a client."""

import asyncio
import base64
import http.client
import json
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.cluster.certificates import Authority

from autosearch.kubernetes.certificates import ServingCertificate
from autosearch.kubernetes.report_body import PodIdentity
from autosearch.kubernetes.report_server import Limits, ReportServer, StopAnswer

POD = PodIdentity(
    namespace="team",
    name="iris-0a1b2c3d-0-1",
    uid="11111111-2222-3333-4444-555555555555",
    job="iris",
    job_id="iris-0a1b2c3d",
    trial="iris-0a1b2c3d-0-1",
    attempt="0-1",
    metric="acc",
)
OTHER = replace(POD, name="iris-0a1b2c3d-0-2", uid="other-uid", trial="iris-0a1b2c3d-0-2", attempt="0-2")
PROGRESS = {"type": "progress", "trial": POD.trial, "attempt": POD.attempt, "step": 3, "metrics": {"acc": 0.5}}
REPORT = {"value": 0.9, "metrics": {"acc": 0.9}, "modelPath": "iris-0a1b2c3d/0-1", "checkpointPath": ""}
FINAL = {"type": "final", "trial": POD.trial, "attempt": POD.attempt, "report": REPORT, "reported": 1_790_000_000.5}


def unsigned_token(pod, expires=None, number=0):
    """Give what looks like a pod-bound token to who does not check its signature."""
    claims = {
        "aud": ["autosearch.dev"],
        "exp": time.time() + 3600 if expires is None else expires,
        "kubernetes.io": {"namespace": pod.namespace, "pod": {"name": pod.name, "uid": pod.uid}},
        "number": number,
    }
    parts = [json.dumps({"alg": "ES256"}), json.dumps(claims), "signature"]
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


def yes(pod, **changes):
    """Give the review of a good token of a pod."""
    extra = {
        "authentication.kubernetes.io/pod-name": [pod.name],
        "authentication.kubernetes.io/pod-uid": [pod.uid],
    }
    user = {"username": f"system:serviceaccount:{pod.namespace}:default", "extra": extra}
    return {"status": {"authenticated": True, "audiences": ["autosearch.dev"], "user": user, **changes}}


NO = {"status": {"authenticated": False, "error": "token has expired"}}


@dataclass
class ScriptedReviews:
    """Stand-in for the API server's TokenReview: answers by token, the rest with no."""

    answers: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)
    seconds: float = 0.0

    async def review(self, token):
        self.asked.append(token)
        await asyncio.sleep(self.seconds)
        answer = self.answers.get(token, NO)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Pods(dict):
    """Stand-in for the operator's cache of pods."""

    def __init__(self, *pods):
        super().__init__({(pod.namespace, pod.name, pod.uid): pod for pod in pods})

    def pod(self, namespace, name, uid):
        return self.get((namespace, name, uid))

    def drop(self, pod):
        del self[(pod.namespace, pod.name, pod.uid)]


@dataclass
class Sink:
    """Stand-in for the operator: remembers what came."""

    answer: StopAnswer = field(default_factory=StopAnswer)
    taken: list = field(default_factory=list)
    error: Exception | None = None

    def progress(self, pod, report):
        if self.error is not None:
            raise self.error
        self.taken.append((pod, report))
        return self.answer

    def final(self, pod, report, reported):
        self.taken.append((pod, report, reported))
        return self.answer


def write_certificate(folder: Path, authority: Authority, hours: float = 24) -> None:
    """Write the three files as a Secret volume has them."""
    certificate, key = authority.issue(["127.0.0.1", "localhost"], hours=hours)
    (folder / "tls.crt").write_text(certificate)
    (folder / "tls.key").write_text(key)
    (folder / "ca.crt").write_text(authority.certificate)


class Serving:
    """A report server on loopback, in a thread with an event loop of its own; a context manager."""

    def __init__(self, folder, reviewer, pods, sink, limits=None, refresh_every=0.05, loop_factory=None):
        self.authority = Authority("first")
        self.folder = folder
        write_certificate(folder, self.authority)
        self.certificate = ServingCertificate(folder)
        self.observed = []
        self.ready = True
        self._parts = reviewer, pods, sink, limits or Limits()
        self._refresh_every = refresh_every
        self._loop_factory = loop_factory
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(20)
        assert not self._thread.is_alive()

    def _run(self):
        with asyncio.Runner(loop_factory=self._loop_factory) as runner:
            runner.run(self._serve())

    async def _serve(self):
        reviewer, pods, sink, limits = self._parts
        self.server = ReportServer(
            reviewer,
            pods,
            sink,
            limits=limits,
            ready=lambda: self.ready,
            observe=lambda *seen: self.observed.append(seen),
        )
        await self.server.start("127.0.0.1", 0, self.certificate.context)
        self.port = self.server.port
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        fresh = asyncio.create_task(self.certificate.keep_fresh(self._refresh_every))
        self._ready.set()
        await self._end.wait()
        fresh.cancel()
        await self.server.close(1)

    def trust(self, authority=None):
        """Give a client's TLS settings that trust our authority alone."""
        return ssl.create_default_context(cadata=(authority or self.authority).certificate)

    def connection(self, authority=None):
        """Open an HTTPS connection, checked as the sidecar does it."""
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=self.trust(authority))

    def raw(self, *, timeout=20):
        """Open a TLS connection for bytes of any kind."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout)
        return self.trust().wrap_socket(plain, server_hostname="127.0.0.1")

    def post(self, token, body, *, path="/v1/reports", method="POST", headers=None, connection=None):
        """Send one request; give status, headers and decoded answer."""
        used = connection or self.connection()
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {**({} if token is None else {"Authorization": f"Bearer {token}"}), **(headers or {})}
        used.request(method, path, data, sent)
        with used.getresponse() as answer:
            found = answer.status, answer.headers, json.loads(answer.read())
        if connection is None:
            used.close()
        return found

    def exchange(self, data, *, pause=0.0):
        """Send bytes as they are and give all that comes back until the server closes."""
        with self.raw() as stream:
            for part in data if isinstance(data, list) else [data]:
                stream.sendall(part)
                time.sleep(pause)
            return read_all(stream)


def read_all(stream):
    """Read until the other side closes."""
    found = b""
    while True:
        try:
            part = stream.recv(65536)
        except (ssl.SSLEOFError, ConnectionResetError):
            return found
        if not part:
            return found
        found += part
