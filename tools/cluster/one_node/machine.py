"""The machine that the node takes itself for: namespaces with a process 1 that starts the cluster's parts.

Owns: making it, entering it, ending it. Everything in it ends with process 1: processes, mounts, network; the control
groups and the state folder are removed after it. Nothing outside changes, and nothing listens there.
"""

import ctypes
import os
import signal
import subprocess
import time
from pathlib import Path

from one_node import control_groups
from one_node.state import ClusterError, State, say

INIT = Path(__file__).with_name("init.sh")
_NEW_NETWORK = 0x40000000
_NAMESPACES = ("--mount", "--net", "--pid", "--ipc", "--uts", "--cgroup")


def process_one(state: State) -> int | None:
    """Give the process id of process 1, if it lives: the number may have been given to another process since."""
    text = state.read("init.pid")
    if not text:
        return None
    try:
        words = Path(f"/proc/{text}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    return int(text) if str(INIT).encode() in words and str(state.folder).encode() in words else None


def create(state: State, path: str) -> None:
    """Make the control groups and the namespaces; returns when process 1 takes orders.

    Args:
        path: folders with the parts' programs, as in PATH.

    Raises:
        ClusterError: if process 1 ends before that.
    """
    folders = control_groups.create(_group_name(state))
    state.write("control-groups", "\n".join(map(str, folders)) + "\n")
    state.write("hierarchies", "\n".join(control_groups.hierarchies()) + "\n")
    command = ["unshare", *_NAMESPACES, "--fork", "--kill-child", "--mount-proc", "bash", str(INIT), str(state.folder)]
    with (state.logs / "init.log").open("ab") as log:
        outer = subprocess.Popen(
            control_groups.joined(folders, command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={"PATH": path, "HOME": str(state.folder), "TMPDIR": "/run/tmp"},
        )
    deadline = time.monotonic() + 30
    while not state.ready.exists():
        if outer.poll() is not None or time.monotonic() > deadline:
            raise ClusterError(f"the namespaces could not be made\n{state.tails()}")
        time.sleep(0.01)
    state.write("init.pid", str(_children(outer.pid)[0]))


def destroy(state: State) -> None:
    """End all, if it is there, and remove what is left of it; the state folder is empty then."""
    pid = process_one(state)
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
        _wait_until_gone(pid)
    control_groups.remove([Path(line) for line in state.read("control-groups").splitlines()])
    subprocess.run(["rm", "-rf", "--one-file-system", *map(str, state.contents())], check=True)


def start_part(state: State, name: str) -> None:
    """Let process 1 start a part; does not wait until it is ready."""
    if not (state.parts / name).exists():
        raise ClusterError(f"there is no part {name}: write one of {' '.join(part_names(state))}")
    (state.pids / name).unlink(missing_ok=True)
    with state.starts.open("w") as orders:
        orders.write(f"{name}\n")


def part_names(state: State) -> list[str]:
    """Give the names of the parts that this cluster has."""
    return sorted(path.name for path in state.parts.glob("*"))


def running_parts(state: State) -> dict[str, int]:
    """Give the process ids, as this side counts them, of the parts that run, by name."""
    init = process_one(state)
    names = {path.read_text().strip(): path.name for path in state.pids.glob("*")}
    found = {}
    for pid in _children(init) if init else ():
        inner = _status(pid).get("NSpid", "").split()
        if inner and inner[-1] in names:
            found[names[inner[-1]]] = pid
    return found


def memory_of(pid: int) -> float:
    """Give the resident memory of a process in MiB."""
    return int(_status(pid).get("VmRSS", "0 kB").split()[0]) / 1024


def join_network(state: State) -> None:
    """Put this process into the node's network; files and processes stay this side's. There is no way back.

    Raises:
        ClusterError: if the cluster is not up.
    """
    pid = _needed(state)
    with Path(f"/proc/{pid}/ns/net").open() as network:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(network.fileno(), _NEW_NETWORK):
            raise ClusterError(f"cannot enter the node's network: {os.strerror(ctypes.get_errno())}")


def run_inside(state: State, command: list[str], path: str) -> subprocess.CompletedProcess[str]:
    """Run a command as one of the node's own processes, in `/`; gives its exit code and output."""
    folders = [Path(line) for line in state.read("control-groups").splitlines()]
    # Entering namespaces leaves a process in its caller's groups, which the node could not see.
    return subprocess.run(
        control_groups.joined(folders, ["nsenter", "--target", str(_needed(state)), "--all", *command]),
        env={"PATH": path, "HOME": "/root", "TMPDIR": "/run/tmp"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def _needed(state: State) -> int:
    pid = process_one(state)
    if pid is None:
        raise ClusterError("the cluster is not up: do `tools/cluster/cluster up` first")
    return pid


def _group_name(state: State) -> str:
    return f"autosearch-node-{state.folder.stat().st_ino}"


def _status(pid: int) -> dict[str, str]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {key: value.strip() for key, value in (line.split(":", 1) for line in lines)}


def _children(pid: int) -> list[int]:
    """Give the process ids of a process's children that have not ended."""
    everyone = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    states = {each: _status(each) for each in everyone}
    return [each for each, found in states.items() if found.get("PPid") == str(pid) and found["State"][0] != "Z"]


def _wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}").exists() and _status(pid).get("State", "Z")[0] != "Z":
        if time.monotonic() > deadline:
            say(f"process {pid} has not ended yet")
            return
        time.sleep(0.02)
