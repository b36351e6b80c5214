"""How the tests with real pods speak to the cluster: plain requests, kubectl, helm, and our own command line.

Owns: no process and no state.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kubernetes import client, config

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]
HELM = Path(sys.executable).with_name("helm")
_MERGE = "application/merge-patch+json"


class Access:
    """One cluster, by its kubeconfig."""

    def __init__(self, kubeconfig: str) -> None:
        self.kubeconfig = kubeconfig
        self._client = config.new_client_from_config(kubeconfig)

    def request(self, method: str, path: str, body: Json | None = None) -> Json:
        """Send one request; a PATCH is a merge patch.

        Raises:
            client.ApiException: if the API server refuses it; `status` is the HTTP status.
        """
        headers = {"Accept": "application/json", "Content-Type": _MERGE if method == "PATCH" else "application/json"}
        sent = self._client.param_serialize(
            method, path, header_params=headers, body=body, auth_settings=["BearerToken"]
        )
        answer = self._client.call_api(*sent, _request_timeout=60)
        text = answer.read()
        if not 200 <= answer.status < 300:
            raise client.ApiException(status=answer.status, reason=f"{method} {path}", body=text.decode())
        found: Json = json.loads(text)
        return found

    def get(self, path: str) -> Json:
        """Read an object or a list."""
        return self.request("GET", path)

    def exists(self, path: str) -> bool:
        """Say whether there is such an object."""
        try:
            self.get(path)
        except client.ApiException as error:
            if error.status != 404:
                raise
            return False
        return True

    def kubectl(self, *words: str, text: str | None = None, check: bool = True) -> str:
        """Run kubectl as a user does; gives what it printed, errors too where it failed and `check` is false."""
        return self._run(["kubectl", *words], text, check)

    def helm(self, *words: str, check: bool = True) -> str:
        """Run helm; gives what it printed."""
        return self._run([str(HELM), *words], None, check)

    def cli(self, *words: str, check: bool = True) -> str:
        """Run `autosearch`; gives what it printed."""
        return self._run([sys.executable, "-m", "autosearch", *words], None, check)

    def apply(self, *objects: Json, namespace: str = "default") -> None:
        """Create or change objects as `kubectl apply` does."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        self.kubectl("-n", namespace, "apply", "-f", "-", text=text)

    def _run(self, command: list[str], text: str | None, check: bool) -> str:
        environment = {**os.environ, "KUBECONFIG": self.kubeconfig}
        done = subprocess.run(
            command, env=environment, input=text, capture_output=True, text=True, check=False, timeout=600, cwd=ROOT
        )
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return (done.stdout + ("" if done.returncode == 0 else done.stderr)).strip()


def wait_until(check: Callable[[], Any], what: str, seconds: float = 180) -> Any:
    """Ask until the answer is true; gives it."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline, f"after {seconds:.0f} s there is no {what}"
        time.sleep(0.3)
    return found
