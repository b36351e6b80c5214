"""How tests speak to a cluster: plain requests, kubectl, kubeconfig files, tokens, and the operator's own client.

Owns: no process and no state but the kubeconfig files it writes.
"""

import json
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autosearch.kubernetes.client import Client
from autosearch.kubernetes.credentials import Credentials

Json = dict[str, Any]
_TYPES = {"PATCH": "application/merge-patch+json"}


class RequestError(OSError):
    """The API server refused a plain request.

    Attributes:
        status: HTTP status.
        answer: the Status object, or the text where it is none.
    """

    def __init__(self, request: str, status: int, answer: Any) -> None:
        self.status = status
        self.answer = answer
        super().__init__(f"{request}: {status} {answer.get('message') if isinstance(answer, dict) else answer}")


class Access:
    """Ways to an API server.

    Attributes:
        tokens: bearer tokens by user.
    """

    def __init__(self, server: str, folder: Path, kubectl: Path, tokens: dict[str, str]) -> None:
        self.server = server
        self.folder = folder
        self.ca = folder / "ca.crt"
        self.tokens = tokens
        self.admin_token = tokens["admin"]
        self.kubectl_program = kubectl
        self._tls: ssl.SSLContext | None = None
        self.kubeconfig = self.user_kubeconfig(self.admin_token)

    def user_kubeconfig(self, token: str, namespace: str = "default", server: str = "") -> Path:
        """Write a kubeconfig for who has the token; `server`: another address, such as a proxy's."""
        address = server or self.server
        cluster: Json = {"server": address}
        if address.startswith("https"):
            cluster["certificate-authority"] = str(self.ca)
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "user", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "user", "namespace": namespace}}],
            "current-context": "test",
        }
        number = sum(1 for _ in self.folder.glob("*.kubeconfig"))
        path = self.folder / f"{number}.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(json.dumps(config))
        return path

    def kubectl(
        self,
        *arguments: str,
        stdin: str | None = None,
        check: bool = True,
        namespace: str | None = None,
        kubeconfig: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl, as the administrator unless another kubeconfig is given; raises if `check` and it failed."""
        command = [
            str(self.kubectl_program),
            f"--kubeconfig={kubeconfig or self.kubeconfig}",
            f"--cache-dir={self.folder}/kubectl",
        ]
        command += [f"--namespace={namespace}"] if namespace else []
        done = subprocess.run([*command, *arguments], input=stdin, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done

    def apply(self, *objects: Json, namespace: str | None = None) -> None:
        """Apply objects as `kubectl apply` does."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        self.kubectl("apply", "-f", "-", stdin=text, namespace=namespace)

    def install_crds(self, folder: Path, seconds: float = 30) -> None:
        """Apply the CRDs of a folder and wait until they are served; an absent folder holds none."""
        if not folder.is_dir():
            return
        self.kubectl("apply", "-f", str(folder))
        for path in folder.glob("*.yaml"):
            found = json.loads(self.kubectl("get", "-f", str(path), "-o", "json").stdout)
            crd = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{found['metadata']['name']}"
            self.wait_for(crd, _is_established, seconds)

    def create_namespace(self, labels: dict[str, str] | None = None) -> str:
        """Create a namespace, wait until pods can be created in it, and give its name."""
        meta = {"generateName": "test-", "labels": labels or {}}
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": meta}
        name = str(self.request("POST", "/api/v1/namespaces", body)["metadata"]["name"])
        deadline = time.monotonic() + 30
        while not self.exists(f"/api/v1/namespaces/{name}/serviceaccounts/default"):
            assert time.monotonic() < deadline, f"namespace {name} got no service account within 30 s"
            time.sleep(0.02)
        return name

    def delete_namespace(self, name: str) -> None:
        """Delete a namespace without waiting until it is gone; one that is gone is fine."""
        try:
            self.request("DELETE", f"/api/v1/namespaces/{name}")
        except RequestError as error:
            if error.status not in {404, 409}:
                raise

    def text(self, path: str, token: str | None = None) -> str:
        """Get a path as text.

        Raises:
            RequestError: if the answer is not 2xx.
        """
        return self._send("GET", path, None, token)

    def request(self, method: str, path: str, body: Json | None = None, *, token: str | None = None) -> Json:
        """Send one request, as the administrator unless a token is given; PATCH is a JSON merge patch.

        Raises:
            RequestError: if the answer is not 2xx.
            OSError: if nobody answers.
        """
        found: Json = json.loads(self._send(method, path, body, token))
        return found

    def exists(self, path: str) -> bool:
        """Say whether there is an object at the path."""
        try:
            self.text(path)
        except RequestError as error:
            if error.status == 404:
                return False
            raise
        return True

    def wait_for(self, path: str, done: Callable[[Json], object], seconds: float = 30) -> Json:
        """Read an object, or a list, until it is as `done` wants it, and give it.

        Raises:
            TimeoutError: with what was there at last.
        """
        deadline = time.monotonic() + seconds
        while True:
            found = self.request("GET", path)
            if done(found):
                return found
            if time.monotonic() > deadline:
                raise TimeoutError(f"{path} after {seconds:.0f} s: {json.dumps(found.get('status', found))[:2000]}")
            time.sleep(0.05)

    def wait_gone(self, path: str, seconds: float = 30) -> None:
        """Wait until there is no object at the path.

        Raises:
            TimeoutError: if it is still there.
        """
        deadline = time.monotonic() + seconds
        while self.exists(path):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{path} is still there after {seconds:.0f} s")
            time.sleep(0.05)

    def account_token(self, namespace: str, account: str, *, audience: str = "", pod: Json | None = None) -> str:
        """Give a service account's token, bound to a pod where one is given; accepted for an hour."""
        spec: Json = {"audiences": [audience] if audience else [], "expirationSeconds": 3600}
        if pod is not None:
            meta = pod["metadata"]
            spec["boundObjectRef"] = {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        found = self.request("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token", body)
        return str(found["status"]["token"])

    def client(self, token: str | None = None, namespace: str = "default") -> Client:
        """Give the operator's client, for `async with`; the administrator's unless a token is given."""
        known = token or self.admin_token
        return Client(Credentials(self.server, self.trust(), lambda: known, namespace))

    def trust(self) -> ssl.SSLContext:
        """Give the TLS context of who trusts this cluster."""
        if self._tls is None:
            self._tls = ssl.create_default_context(cafile=str(self.ca))
        return self._tls

    def _send(self, method: str, path: str, body: Json | None, token: str | None) -> str:
        headers = {
            "Authorization": f"Bearer {token or self.admin_token}",
            "Content-Type": _TYPES.get(method, "application/json"),
        }
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.server}{path}", data, headers, method=method)  # noqa: S310 - our own server
        try:
            with urllib.request.urlopen(request, context=self.trust(), timeout=30) as answer:  # noqa: S310 - our own server
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode(errors="replace")
            raise RequestError(f"{method} {path}", error.code, _decoded(text)) from None


def _is_established(crd: Json) -> bool:
    # Right after its creation it has no conditions at all, which `kubectl wait` takes for an error.
    conditions = crd.get("status", {}).get("conditions") or ()
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
