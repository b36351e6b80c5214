"""What the parts are started with: command lines, and the configuration files that these name.

Owns: no process. Every address is one inside the node's own network, so that they are the same in every cluster.
"""

import shlex
from pathlib import Path

from one_node.state import State

NODE = "node-1"
ADDRESS = "10.99.0.1"
SERVER = f"https://{ADDRESS}:6443"
SERVICES_FIRST = "10.96.0.1"
DNS = "system:coredns"
PAUSE = "localhost/pause:1"
_SERVICES = "10.96.0.0/24"
_PODS = "10.244.0.0/24"
_ETCD = "http://127.0.0.1:2379"

CONTAINERD = """\
version = 3
root = "{node}/containerd"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.nri.v1.nri", "io.containerd.internal.v1.tracing", "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.erofs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{pause}"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  disable_apparmor = true
  disable_hugetlb_controller = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["{programs}/cni"]
    conf_dir = "{node}/cni"
    use_internal_loopback = true
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    runtime_path = "{programs}/containerd-shim-runc-v2"
"""

# Images come from archives and can never be pulled again: nothing may be evicted or collected for want of disk.
KUBELET = """\
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
cgroupDriver: cgroupfs
failSwapOn: false
oomScoreAdj: 0
address: {address}
authentication: {{anonymous: {{enabled: false}}, webhook: {{enabled: true}}, x509: {{clientCAFile: {keys}/ca.crt}}}}
authorization: {{mode: Webhook}}
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
clusterDomain: cluster.local
clusterDNS: [{address}]
resolvConf: {node}/resolv.conf
podLogsDir: {node}/pod-logs
evictionHard:
  memory.available: "0%"
  nodefs.available: "0%"
  nodefs.inodesFree: "0%"
  imagefs.available: "0%"
  imagefs.inodesFree: "0%"
imageGCHighThresholdPercent: 100
localStorageCapacityIsolation: false
makeIPTablesUtilChains: false
serializeImagePulls: false
volumePluginDir: {node}/flex
kubeAPIQPS: 500
kubeAPIBurst: 1000
eventRecordQPS: 0
"""

# ptp routes every packet, so that Services work between the pods of one node without a module for bridges.
NETWORK = """\
{{"cniVersion": "1.0.0", "name": "pods", "plugins": [{{"type": "ptp", "ipMasq": false, "mtu": 1500, "ipam":
 {{"type": "host-local", "dataDir": "/run/cni-ipam", "ranges": [[{{"subnet": "{pods}"}}]],
  "routes": [{{"dst": "0.0.0.0/0"}}]}}}}]}}
"""

COREFILE = """\
.:53 {{
    bind {address}
    ready 127.0.0.1:8181
    errors
    cache 5
    kubernetes cluster.local {{
        kubeconfig {state}/system-coredns.kubeconfig
    }}
}}
"""


def write(state: State, programs: Path) -> None:
    """Write the configuration files, and for each part the script that process 1 runs."""
    values = {
        "state": state.folder,
        "node": state.node,
        "keys": state.keys,
        "programs": programs,
        "address": ADDRESS,
        "pause": PAUSE,
        "pods": _PODS,
    }
    for name in ("cni", "flex"):
        (state.node / name).mkdir()
    state.write("node/containerd.toml", CONTAINERD.format(**values))
    state.write("node/kubelet.yaml", KUBELET.format(**values))
    state.write("node/cni/10-pods.conflist", NETWORK.format(**values))
    state.write("node/resolv.conf", "nameserver 127.0.0.1\n")
    state.write("node/Corefile", COREFILE.format(**values))
    for name, flags in _parts(state).items():
        state.write(f"parts/{name}", f"exec {shlex.join([str(programs / name), *flags])}\n")


def _parts(state: State) -> dict[str, list[str]]:
    keys = state.keys
    return {
        "etcd": [
            "--data-dir=/run/etcd",
            "--unsafe-no-fsync",
            "--log-level=warn",
            f"--listen-client-urls={_ETCD}",
            f"--advertise-client-urls={_ETCD}",
        ],
        "kube-apiserver": _api_server(state, keys),
        "kube-controller-manager": [
            _config(state, "system-kube-controller-manager"),
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            "--use-service-account-credentials",
            f"--root-ca-file={keys}/ca.crt",
            f"--service-account-private-key-file={keys}/accounts.key",
            f"--cluster-signing-cert-file={keys}/ca.crt",
            f"--cluster-signing-key-file={keys}/ca.key",
            # With the default of 20 a second the first service account comes 6 s later.
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
            f"--flex-volume-plugin-dir={state.node}/flex",
        ],
        "kube-scheduler": [
            _config(state, "system-kube-scheduler"),
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
        ],
        "containerd": ["--config", f"{state.node}/containerd.toml"],
        "kubelet": [
            f"--config={state.node}/kubelet.yaml",
            _config(state, f"system-node-{NODE}"),
            f"--root-dir={state.node}/kubelet",
            f"--cert-dir={state.node}/kubelet-keys",
            f"--hostname-override={NODE}",
            f"--node-ip={ADDRESS}",
        ],
        "kube-proxy": [
            _config(state, "system-kube-proxy"),
            "--proxy-mode=nftables",
            f"--hostname-override={NODE}",
            f"--cluster-cidr={_PODS}",
            # 0: leave the settings of connection tracking, which are the whole machine's, alone.
            "--conntrack-max-per-core=0",
            "--conntrack-tcp-timeout-established=0s",
            "--conntrack-tcp-timeout-close-wait=0s",
            "--metrics-bind-address=127.0.0.1:10249",
            "--healthz-bind-address=127.0.0.1:10256",
            "--nodeport-addresses=127.0.0.0/8",
        ],
        "coredns": ["-conf", f"{state.node}/Corefile"],
    }


def _api_server(state: State, keys: Path) -> list[str]:
    return [
        f"--etcd-servers={_ETCD}",
        "--secure-port=6443",
        "--bind-address=0.0.0.0",
        f"--advertise-address={ADDRESS}",
        f"--tls-cert-file={keys}/serving.crt",
        f"--tls-private-key-file={keys}/serving.key",
        f"--client-ca-file={keys}/ca.crt",
        f"--token-auth-file={state.folder}/tokens.csv",
        f"--service-account-key-file={keys}/accounts.key",
        f"--service-account-signing-key-file={keys}/accounts.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        f"--service-cluster-ip-range={_SERVICES}",
        f"--kubelet-client-certificate={keys}/client.crt",
        f"--kubelet-client-key={keys}/client.key",
        "--kubelet-preferred-address-types=InternalIP",
    ]


def _config(state: State, user: str) -> str:
    return f"--kubeconfig={state.folder}/{user}.kubeconfig"
