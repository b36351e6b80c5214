"""Admission webhooks of a test: a small HTTPS server that the real API server calls.

Owns: the server, its certificate and its registration for one namespace. What it answers is the test's to say.
"""

import base64
import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.cluster.access import Access, Json
from tests.cluster.certificates import Authority

ALLOWED: Json = {"allowed": True}
Decide = Callable[[Json], Json]
"""Gives the answer to an AdmissionReview's request."""


class Webhook:
    """A webhook for the pods of one namespace, registered while it is entered.

    Attributes:
        decide: may be replaced at any time.
        asked: the requests that came.
    """

    def __init__(self, cluster: Access, namespace: str, folder: Path, decide: Decide, kind: str = "Validating") -> None:
        self._cluster, self._namespace, self._folder, self._kind = cluster, namespace, folder, kind
        self.decide = decide
        self.asked: list[Json] = []
        self._authority = Authority("webhook")

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        certificate, key = self._authority.issue(["127.0.0.1"])
        (self._folder / "hook.crt").write_text(certificate)
        (self._folder / "hook.key").write_text(key)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._folder / "hook.crt", self._folder / "hook.key")
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self._cluster.apply(self._registration())
        self._wait_until_called()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        path = f"/apis/admissionregistration.k8s.io/v1/{self._kind.lower()}webhookconfigurations/{self._namespace}"
        self._cluster.request("DELETE", path)
        self.stop()

    def stop(self) -> None:
        """Stop answering; the registration stays."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def _registration(self) -> Json:
        hook: Json = {
            "name": "pods.test.autosearch.dev",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "NoneOnDryRun",
            "timeoutSeconds": 5,
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self._namespace}},
            "clientConfig": {
                "url": f"https://127.0.0.1:{self._server.server_address[1]}/pods",
                "caBundle": base64.b64encode(self._authority.certificate.encode()).decode(),
            },
        }
        return {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": f"{self._kind}WebhookConfiguration",
            "metadata": {"name": self._namespace},
            "webhooks": [hook],
        }

    def _wait_until_called(self) -> None:
        """Try pods until the API server asks: it reads its registrations a moment later."""
        probe = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"generateName": "probe-"},
            "spec": {"containers": [{"name": "probe", "image": "none"}]},
        }
        for _ in range(400):
            self._cluster.request("POST", f"/api/v1/namespaces/{self._namespace}/pods?dryRun=All", probe)
            if self.asked:
                self.asked.clear()
                return
        raise TimeoutError("the API server does not ask the webhook")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
                probe = str(request["object"]["metadata"].get("generateName", "")).startswith("probe-")
                hook.asked.append(request)
                answer = ALLOWED if probe else hook.decide(request)
                review = {
                    "apiVersion": "admission.k8s.io/v1",
                    "kind": "AdmissionReview",
                    "response": {"uid": request["uid"], **answer},
                }
                data = json.dumps(review).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler


def denied(message: str, code: int = 403) -> Json:
    """Give a refusal."""
    return {"allowed": False, "status": {"code": code, "message": message}}


def patched(*operations: Json) -> Json:
    """Give an answer that changes the pod: JSON patch operations."""
    text = base64.b64encode(json.dumps(operations).encode()).decode()
    return {"allowed": True, "patchType": "JSONPatch", "patch": text}
