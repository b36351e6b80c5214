"""What the operator's configuration gives to every pod, and the names of what we add to one.

Owns: these words. All that we add is named `autosearch-...`, so that it cannot meet a name of the template's.
"""

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

OURS = "autosearch-"
"""Containers and volumes whose names begin so are ours."""
SIDECAR = "autosearch-sidecar"
COPIER = "autosearch-copy-"
CONTAINER_ANNOTATION = "autosearch.dev/container"
"""Which container is the trial: what is injected into a pod later may stand before it."""
DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
"""Which container `kubectl logs` shows when it is not told."""
DEFAULT_DIRECTORY = "/workspace"
OWN_ROOT = "/autosearch"
"""The folder of all our paths in a pod."""


@dataclass(frozen=True, slots=True)
class PodSettings:
    """What the operator is started with.

    Attributes:
        image: of the sidecar, which is the operator's own.
        pull_policy: `Always`, `IfNotPresent` or `Never`.
        report_url: address of the report server, such as `https://autosearch.autosearch-system.svc:8443`; "": progress
            goes nowhere, and the pod gets no token.
        ca_certificate: PEM of who signed the server's certificate.
    """

    image: str
    pull_policy: str = "IfNotPresent"
    report_url: str = ""
    ca_certificate: str = ""
