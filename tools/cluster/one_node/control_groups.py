"""The node's control groups: one folder of its own in every hierarchy of version 1, below the caller's own.

Owns: making them, entering them, removing them with all that is in them. Never touches the caller's own groups.
"""

import os
import signal
import time
from pathlib import Path

from one_node.state import ClusterError

REQUIRED = ("cpu", "cpuacct", "cpuset", "memory", "name=systemd")
ELSEWHERE = "run the end-to-end tests against a cluster of yours instead: KUBECONFIG=... IMAGE=... make e2e"
_PATIENCE = 10.0
"""Seconds that the kernel gets to let go of the last processes."""


def hierarchies() -> dict[str, Path]:
    """Give the caller's own folder in each hierarchy of version 1, by its controllers, such as `cpu,cpuacct`.

    Raises:
        ClusterError: where a hierarchy that Kubernetes needs is not there.
    """
    own = _own_groups()
    if not any("memory" in name.split(",") for name in own):
        raise ClusterError(
            f"this machine has control groups of version 2, and the node is not tested here: {ELSEWHERE}"
        )
    mounts = _mounted()
    found = {name: mounts[name][1] / _below(path, mounts[name][0]) for name, path in own.items() if name in mounts}
    there = {part for name in found for part in name.split(",")}
    missing = [name for name in REQUIRED if name not in there]
    if missing:
        raise ClusterError(f"this machine has no control group hierarchy {', '.join(missing)}: {ELSEWHERE}")
    return found


def create(name: str) -> list[Path]:
    """Make a folder of that name in each hierarchy; gives them."""
    folders = []
    for controllers, parent in hierarchies().items():
        folder = parent / name
        try:
            folder.mkdir(exist_ok=True)
            if "cpuset" in controllers.split(","):
                # Nothing can run in a group that has not been told where.
                for each in ("cpuset.cpus", "cpuset.mems"):
                    (folder / each).write_text((parent / each).read_text())
        except OSError as error:
            raise ClusterError(f"cannot make the control group {folder}: {error.strerror}; {ELSEWHERE}") from error
        folders.append(folder)
    return folders


def joined(folders: list[Path], command: list[str]) -> list[str]:
    """Give a command that enters the groups and then becomes the given one."""
    enter = 'while [ "$1" != -- ]; do echo 0 > "$1/cgroup.procs"; shift; done; shift; exec "$@"'
    return ["sh", "-c", enter, "join", *map(str, folders), "--", *command]


def remove(folders: list[Path]) -> None:
    """End what still runs in the groups, and remove them.

    Raises:
        ClusterError: where the kernel does not let go of one.
    """
    for folder in folders:
        for each in _deepest_first(folder):
            _remove_one(each)


def _remove_one(folder: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise ClusterError(f"cannot remove the control group {folder}: {error.strerror}") from error
            _kill_all(folder)
            time.sleep(0.02)
        else:
            return


def _kill_all(folder: Path) -> None:
    processes = folder / "cgroup.procs"
    for pid in processes.read_text().split() if processes.exists() else ():
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            continue


def _deepest_first(folder: Path) -> list[Path]:
    return [Path(path) for path, _, _ in os.walk(folder, topdown=False)]


def _own_groups() -> dict[str, str]:
    """Read /proc/self/cgroup: the group's path by controllers."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    fields = [line.split(":", 2) for line in lines]
    return {name: path for _, name, path in fields if name}


def _mounted() -> dict[str, tuple[str, Path]]:
    """Read where hierarchies of version 1 are mounted: the path in the hierarchy and on disk, by controllers."""
    found: dict[str, tuple[str, Path]] = {}
    own = _own_groups()
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, after = (part.split() for part in line.split(" - ", 1))
        options = set(after[2].split(",")) if after[0] == "cgroup" else set()
        for name in own:
            if options and set(name.split(",")) <= options and name not in found:
                found[name] = (before[3], Path(before[4]))
    return found


def _below(path: str, root: str) -> str:
    """Give a group's path below what is mounted: in a container that is often not the hierarchy's root."""
    inside = path.removeprefix(root) if root != "/" and path.startswith(root) else path
    return inside.strip("/")
