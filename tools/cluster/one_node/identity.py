"""Who is who in the cluster: certificates, tokens, and a kubeconfig file for each user.

Owns: the files below `keys`, tokens.csv and the kubeconfig files. They live as long as the cluster.
"""

import base64
import json
import secrets
import subprocess
from pathlib import Path

from one_node.commands import ADDRESS, DNS, NODE, SERVER, SERVICES_FIRST
from one_node.state import ClusterError, State

USERS = {
    "admin": "system:masters",
    "system:kube-controller-manager": "",
    "system:kube-scheduler": "",
    "system:kube-proxy": "",
    f"system:node:{NODE}": "system:nodes",
    DNS: "",
}
"""Users with a token, and their group."""
_NAMES = ["localhost", *(f"kubernetes{end}" for end in ("", ".default", ".default.svc", ".default.svc.cluster.local"))]
_DAYS = "365"


def write(state: State) -> dict[str, str]:
    """Write everything; gives the tokens by user."""
    _write_certificates(state.keys)
    tokens = {name: secrets.token_hex(16) for name in USERS}
    rows = [f'{token},{name},{name},"{USERS[name]}"' for name, token in tokens.items()]
    state.write("tokens.csv", "\n".join(rows) + "\n")
    for name, token in tokens.items():
        state.write(kubeconfig_name(name), _kubeconfig(state.keys / "ca.crt", name, token))
    return tokens


def kubeconfig_name(user: str) -> str:
    """Give the file name of a user's kubeconfig."""
    return "kubeconfig" if user == "admin" else f"{user.replace(':', '-')}.kubeconfig"


def _kubeconfig(authority: Path, user: str, token: str) -> str:
    trusted = base64.b64encode(authority.read_bytes()).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "node", "cluster": {"server": SERVER, "certificate-authority-data": trusted}}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "node", "context": {"cluster": "node", "user": user, "namespace": "default"}}],
        "current-context": "node",
    }
    return json.dumps(config, indent=2) + "\n"


def _write_certificates(keys: Path) -> None:
    _request(keys, "ca", "/CN=autosearch one-node cluster")
    addresses = ("127.0.0.1", SERVICES_FIRST, ADDRESS)
    names = ",".join([*(f"DNS:{name}" for name in _NAMES), *(f"IP:{address}" for address in addresses)])
    _request(keys, "serving", "/CN=kube-apiserver", f"subjectAltName={names}", "extendedKeyUsage=serverAuth")
    _request(keys, "client", "/O=system:masters/CN=kube-apiserver-kubelet-client", "extendedKeyUsage=clientAuth")
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(keys / "accounts.key"))


def _request(keys: Path, name: str, subject: str, *extensions: str) -> None:
    """Make a key and its certificate: the authority's own one for `ca`, otherwise one that the authority signs."""
    command = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", _DAYS]
    command += ["-subj", subject, "-keyout", str(keys / f"{name}.key"), "-out", str(keys / f"{name}.crt")]
    if name == "ca":
        command += ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    else:
        command += ["-CA", str(keys / "ca.crt"), "-CAkey", str(keys / "ca.key")]
        for each in ("basicConstraints=critical,CA:FALSE", *extensions):
            command += ["-addext", each]
    _openssl(*command)


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"openssl {arguments[0]}: exit code {done.returncode}\n{done.stderr}")
