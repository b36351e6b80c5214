"""Plain requests to the cluster's API server, by a process that has joined the node's network.

Owns: the administrator's connection settings; no state.
"""

import json
import socket
import ssl
import urllib.error
import urllib.request
from typing import Any

from one_node.commands import DNS, NODE, SERVER, SERVICES_FIRST
from one_node.state import State

Json = dict[str, Any]
_REFUSED = (OSError, ValueError)


class Api:
    """The administrator's way to the API server."""

    def __init__(self, state: State) -> None:
        config = json.loads(state.read("kubeconfig"))
        self._token = config["users"][0]["user"]["token"]
        self._tls = ssl.create_default_context(cafile=str(state.keys / "ca.crt"))

    def request(self, method: str, path: str, body: Json | None = None) -> str:
        """Send one request; gives the answer's text.

        Raises:
            OSError: where there is no answer, or one that is an error.
        """
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(SERVER + path, data, method=method)
        request.add_header("Authorization", f"Bearer {self._token}")
        request.add_header("Content-Type", f"application/{'merge-patch+json' if method == 'PATCH' else 'json'}")
        with _opener(urllib.request.HTTPSHandler(context=self._tls)).open(request, timeout=10) as answer:
            return str(answer.read().decode())

    def answers(self, path: str) -> bool:
        """Say whether a GET succeeds."""
        try:
            self.request("GET", path)
        except _REFUSED:
            return False
        return True

    def node_ready(self) -> bool:
        """Say whether the node is Ready and takes pods."""
        try:
            node = json.loads(self.request("GET", f"/api/v1/nodes/{NODE}"))
        except _REFUSED:
            return False
        conditions = {each["type"]: each["status"] for each in node["status"].get("conditions", ())}
        return conditions.get("Ready") == "True" and not node["spec"].get("taints")

    def set_resources(self, resources: dict[str, str]) -> None:
        """Say that the node has so many of each extended resource, such as `nvidia.com/gpu`."""
        if resources:
            body = {"status": {"capacity": resources, "allocatable": resources}}
            self.request("PATCH", f"/api/v1/nodes/{NODE}/status", body)

    def grant_dns(self) -> None:
        """Let CoreDNS see what has a name."""
        rules = [
            {"apiGroups": [""], "resources": ["services", "pods", "namespaces", "endpoints"]},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"]},
        ]
        rbac = "rbac.authorization.k8s.io"
        role = {
            "metadata": {"name": DNS},
            "rules": [{**rule, "verbs": ["list", "watch"]} for rule in rules],
        }
        binding = {
            "metadata": {"name": DNS},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": DNS},
            "subjects": [{"apiGroup": rbac, "kind": "User", "name": DNS}],
        }
        for kind, body in (("clusterroles", role), ("clusterrolebindings", binding)):
            self.request("POST", f"/apis/{rbac}/v1/{kind}", body)


def names_resolve() -> bool:
    """Say whether CoreDNS has seen the cluster."""
    try:
        _opener().open("http://127.0.0.1:8181/ready", timeout=5).close()
    except OSError:
        return False
    return True


def services_work() -> bool:
    """Say whether a Service's address leads to what is behind it."""
    try:
        socket.create_connection((SERVICES_FIRST, 443), timeout=1).close()
    except OSError:
        return False
    return True


def _opener(*handlers: urllib.request.BaseHandler) -> urllib.request.OpenerDirector:
    """Give what opens addresses directly: the user's proxies do not know the node's network."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), *handlers)
