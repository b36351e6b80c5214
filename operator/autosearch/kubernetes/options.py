"""What the operator is started with.

Owns: the flags' meaning and defaults; the words are in `autosearch.cli.arguments`.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The operator's configuration.

    Attributes:
        namespaces: those that are watched; none: all.
        sidecar_image: image of the sidecar, which is the operator's own.
        sidecar_pull_policy: `Always`, `IfNotPresent` or `Never`.
        report_url: how sidecars reach the report server; "": they do not.
        report_port: where it listens; 0 takes any free one.
        tls_directory: holds `tls.crt`, `tls.key` and `ca.crt`; None: there is no report server.
        health_port: of `/healthz`, `/readyz` and `/metrics`; 0 takes any free one.
        lease_namespace: "": the credentials' own.
        lease_name: of the Lease.
        identity: this replica's name, unique among all.
        kubeconfig: None: the pod's service account, else kubectl's rules.
        workers: passes side by side.
        proposers: processes that run the algorithms.
    """

    namespaces: tuple[str, ...] = ()
    sidecar_image: str
    sidecar_pull_policy: str = "IfNotPresent"
    report_url: str = ""
    report_port: int = 8443
    tls_directory: Path | None = None
    health_port: int = 8080
    lease_namespace: str = ""
    lease_name: str = "autosearch-operator"
    identity: str
    kubeconfig: str | None = None
    workers: int = 8
    proposers: int = 2
