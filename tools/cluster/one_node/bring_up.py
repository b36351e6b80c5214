"""The order in which a cluster comes up, and how long each step may take.

Owns: the order; what a part is started with is in `commands`, what it runs in is in `machine`.
"""

import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

from one_node import api, commands, identity, machine, oci
from one_node.needs import SYSTEM_PATH
from one_node.state import ClusterError, State

_PATIENCE = 180.0
"""Seconds for one step; on an idle machine all of them take 5."""


def start(state: State, programs: Path, resources: dict[str, str]) -> None:
    """Start everything and wait until pods can run; the calling process is in the node's network from then on.

    Raises:
        ClusterError: if a part ends, or is not ready in time; the text holds the ends of the logs.
    """
    state.prepare()
    state.write("programs", f"{programs}\n")
    identity.write(state)
    commands.write(state, programs)
    machine.create(state, path_with(programs))
    for name in ("etcd", "kube-apiserver", "containerd"):
        machine.start_part(state, name)
    machine.join_network(state)
    pause = state.folder / "pause.tar"
    oci.write_program(pause, programs / "pause", commands.PAUSE)
    _wait(state, "containerd", lambda: _ctr(state, programs, "version").returncode == 0)
    load_image(state, programs, pause)
    cluster = api.Api(state)
    _wait(state, "the API server", lambda: cluster.answers("/readyz"))
    cluster.grant_dns()
    for name in ("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "coredns"):
        machine.start_part(state, name)
    _wait(state, "the node", cluster.node_ready)
    cluster.set_resources(resources)
    account = "/api/v1/namespaces/default/serviceaccounts/default"
    _wait(state, "the default service account", lambda: cluster.answers(account))
    _wait(state, "CoreDNS", api.names_resolve)
    _wait(state, "kube-proxy", api.services_work)


def load_image(state: State, programs: Path, archive: Path) -> list[str]:
    """Import an OCI or Docker archive; gives the names in it.

    Raises:
        ClusterError: if it is no such archive, or containerd refuses it.
    """
    try:
        names = oci.names(archive)
    except (OSError, tarfile.TarError, ValueError, KeyError) as error:
        raise ClusterError(
            f"{archive}: found no OCI or Docker archive, such as `docker save` writes: {str(error).splitlines()[0]}"
        ) from error
    done = _ctr(state, programs, "--namespace", "k8s.io", "images", "import", str(archive.absolute()))
    if done.returncode:
        raise ClusterError(f"{archive}: not imported: {done.stderr.strip()}")
    return names


def path_with(programs: Path) -> str:
    """Give a PATH that begins with the node's programs."""
    return f"{programs}:{SYSTEM_PATH}"


def _ctr(state: State, programs: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return machine.run_inside(state, [str(programs / "ctr"), *arguments], path_with(programs))


def _wait(state: State, what: str, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    checked = time.monotonic()
    while not ready():
        now = time.monotonic()
        if now > deadline:
            raise ClusterError(f"{what} was not ready after {_PATIENCE:.0f} s\n{state.tails()}")
        if now - checked > 1:
            checked = now
            gone = {path.name for path in state.pids.glob("*")} - set(machine.running_parts(state))
            if gone:
                raise ClusterError(f"{', '.join(sorted(gone))} ended while waiting for {what}\n{state.tails()}")
        time.sleep(0.05)
