"""Where a cluster keeps what is its own, and who may change it at one time.

Owns: the layout of the state folder, its lock, and the words that go to the user. Starts and ends nothing.
"""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HIDDEN = ("/dev", "/etc", "/opt", "/proc", "/run", "/sys", "/var")
"""What the node sees its own version of: a state folder below one of these would not be the same inside."""


class ClusterError(Exception):
    """What the user is told; the tool ends with exit code 2."""


def say(text: str) -> None:
    """Tell how far it is, on stderr: stdout is for results."""
    print(f"cluster: {text}", file=sys.stderr, flush=True)


def default_folder() -> Path:
    """Give the folder that CLUSTER_STATE names, otherwise one for this user.

    Raises:
        ClusterError: where the node could not see the folder.
    """
    home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    folder = Path(os.environ.get("CLUSTER_STATE") or f"{home}/autosearch-cluster").absolute().resolve()
    for hidden in HIDDEN:
        if folder.is_relative_to(hidden):
            raise ClusterError(
                f"CLUSTER_STATE: found {folder}, which lies below {hidden}, where the node has files of its own: "
                "name a folder elsewhere, for example below /tmp or /root"
            )
    return folder


class State:
    """The files of one cluster.

    Attributes:
        folder: all of it; `down` removes it.
        kubeconfig: the administrator's.
        logs: one file for each part.
        parts: one script for each part, which process 1 runs.
        pids: the parts' process ids, as the node counts them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kubeconfig = folder / "kubeconfig"
        self.logs = folder / "log"
        self.parts = folder / "parts"
        self.pids = folder / "pid"
        self.keys = folder / "keys"
        self.node = folder / "node"
        self.starts = folder / "starts"
        self.ready = folder / "init.up"

    def prepare(self) -> None:
        """Make the folders."""
        self.folder.chmod(0o700)
        for each in (self.logs, self.parts, self.pids, self.keys, self.node):
            each.mkdir()

    def write(self, name: str, text: str) -> Path:
        """Write a file below the folder that only its owner may read; gives its path."""
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text)
        return path

    def read(self, name: str) -> str:
        """Give a file's text without white space at its ends; "" where there is none."""
        path = self.folder / name
        return path.read_text().strip() if path.exists() else ""

    def tails(self, lines: int = 12) -> str:
        """Give the ends of all logs."""
        ends = [f"--- {path}\n" + _tail(path, lines) for path in sorted(self.logs.glob("*.log"))]
        return "\n".join(ends)

    def contents(self) -> list[Path]:
        """Give what is in the folder, without the lock."""
        return [path for path in self.folder.iterdir() if path.name != "lock"]

    def remove(self) -> None:
        """Remove the folder, which must be empty; by the holder of the lock, as its last act."""
        (self.folder / "lock").unlink()
        self.folder.rmdir()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other calls of `up` and `down` for this folder waiting; makes the folder."""
        path = self.folder / "lock"
        while True:
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                lock = path.open("w")
            except FileNotFoundError:  # another `down` has just removed the folder
                continue
            with lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                # Whoever held it before may have removed the folder: then what we hold is nobody's.
                if path.exists() and path.stat().st_ino == os.fstat(lock.fileno()).st_ino:
                    yield
                    return


def _tail(path: Path, lines: int) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
