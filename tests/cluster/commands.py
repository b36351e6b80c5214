"""What each program of the control plane is called with, and what it reads.

Owns: flags and configuration. Starts nothing.
"""

import json
from pathlib import Path

from tests.cluster.access import Json

STAGES = Path(__file__).with_name("stages.yaml")
GPUS = 8
"""`nvidia.com/gpu` of each node."""
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"]},
        {"level": "Metadata", "userGroups": ["system:serviceaccounts"]},
        {"level": "None"},
    ],
}
"""Requests of service accounts that are not the control plane's own are written down."""


def etcd(data: Path, client: str, peer: str) -> list[str]:
    """Call etcd with its data in memory, without waiting for the disk."""
    return [
        f"--data-dir={data}",
        "--unsafe-no-fsync",
        "--log-level=warn",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
    ]


def api_server(folder: Path, port: int, etcd: str) -> list[str]:
    """Call kube-apiserver with tokens from a file, RBAC and an audit log of service accounts."""
    return [
        f"--etcd-servers={etcd}",
        f"--secure-port={port}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        # A loopback address is no valid endpoint of the service `kubernetes`.
        "--endpoint-reconciler-type=none",
        f"--tls-cert-file={folder}/serving.crt",
        f"--tls-private-key-file={folder}/serving.key",
        f"--client-ca-file={folder}/ca.crt",
        f"--token-auth-file={folder}/tokens.csv",
        f"--audit-policy-file={folder}/audit.yaml",
        f"--audit-log-path={folder}/audit.log",
        # One file: nothing is lost to rotation while tests count.
        "--audit-log-maxsize=10000",
        f"--service-account-key-file={folder}/accounts.key",
        f"--service-account-signing-key-file={folder}/accounts.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--service-cluster-ip-range=10.96.0.0/16",
    ]


def controller_manager(folder: Path, kubeconfig: str) -> list[str]:
    """Call kube-controller-manager: service accounts, garbage collection, namespaces, taints."""
    return [
        f"--kubeconfig={kubeconfig}",
        "--leader-elect=false",
        "--secure-port=0",
        "--use-service-account-credentials",
        f"--root-ca-file={folder}/ca.crt",
        f"--service-account-private-key-file={folder}/accounts.key",
        f"--cluster-signing-cert-file={folder}/ca.crt",
        f"--cluster-signing-key-file={folder}/ca.key",
        # The defaults, 20 and 30, delay the first service account by 6 s.
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        f"--flex-volume-plugin-dir={folder}/flex",
    ]


def kwok(folder: Path, kubeconfig: str, port: int) -> list[str]:
    """Call kwok with our stages, as the kubelets of all nodes labelled `type: kwok`."""
    return [
        f"--kubeconfig={kubeconfig}",
        f"--config={STAGES},{folder}/kwok.yaml",
        # The kubelets' own API, from which the API server takes the logs.
        f"--server-address=127.0.0.1:{port}",
        f"--node-port={port}",
        f"--tls-cert-file={folder}/serving.crt",
        f"--tls-private-key-file={folder}/serving.key",
        "--manage-nodes-with-label-selector=type=kwok",
        "--node-lease-duration-seconds=40",
        "--cidr=10.250.0.0/16",
        "--node-ip=127.0.0.1",
    ]


def kwok_configuration(folder: Path) -> str:
    """Give the rest of kwok's configuration: how much it does at once, and the log of all containers."""
    group = "kwok.x-k8s.io/v1alpha1"
    # Where one is set, those that are not are taken for 0.
    options = {
        "podPlayStageParallelism": 16,
        "nodePlayStageParallelism": 4,
        "nodeLeaseParallelism": 4,
        "podsOnNodeSyncParallelism": 4,
        "enableDebuggingHandlers": True,
    }
    logs = [{"logsFile": f"{folder}/pod.log"}]
    objects: list[Json] = [
        {"apiVersion": "config.kwok.x-k8s.io/v1alpha1", "kind": "KwokConfiguration", "options": options},
        {"apiVersion": group, "kind": "ClusterLogs", "metadata": {"name": "all"}, "spec": {"logs": logs}},
    ]
    return "\n---\n".join(json.dumps(each) for each in objects)


def node(name: str) -> Json:
    """Give a node with room for every test."""
    amounts = {"cpu": "1000", "memory": "4Ti", "pods": "10000", "nvidia.com/gpu": str(GPUS)}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {"type": "kwok", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"},
        },
        "status": {"capacity": amounts, "allocatable": amounts},
    }
