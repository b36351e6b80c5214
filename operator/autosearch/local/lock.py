"""One runner at a time on one output directory.

Owns: the file `lock`. Its open descriptor is the lock, so that a dead runner holds nothing; the supervisor keeps it
too, so that a successor waits until the predecessor's trials are dead.
"""

import errno
import fcntl
import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from autosearch.api.errors import EnvironmentFaultError, StateConflictError

_SOCKETS = "autosearch-"
_DIES_WITHIN = 0.5
_SUPERVISOR_ENDS_WITHIN = 15.0
_PAUSE = 0.02


class Lock:
    """The hold on an output directory, and the short-named folder for its sockets.

    Attributes:
        sockets: a private folder whose path is short enough for unix sockets.
    """

    def __init__(self, root: Path) -> None:
        """Take the hold.

        Raises:
            StateConflictError: if another runner is at work there; the text has its process id.
            EnvironmentFaultError: if the directory cannot be made or its file system has no locks.
        """
        self._path = root / "lock"
        try:
            root.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise EnvironmentFaultError(
                f"--output: {root} cannot be used ({error.strerror}): give a directory that you may write to"
            ) from None
        try:
            self._wait()
            self.sockets = self._announce()
        except BaseException:
            os.close(self._descriptor)
            raise

    def _wait(self) -> None:
        begun = time.monotonic()
        while not self._taken():
            holder = self._note().get("pid")
            alive = isinstance(holder, int) and _alive(holder)
            if time.monotonic() > begun + (_DIES_WITHIN if alive else _SUPERVISOR_ENDS_WITHIN):
                raise StateConflictError(
                    f"{self._path.parent}: process {holder} is at work here; wait until it ends, stop it with "
                    f"`kill -INT {holder}`, or use another --output"
                )
            # The runner is dead or, killed an instant ago, about to be; its supervisor follows.
            time.sleep(_PAUSE)

    def _taken(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise EnvironmentFaultError(
                f"{self._path}: this file system cannot lock files ({error.strerror}): use an --output on another one"
            ) from None
        return True

    def _note(self) -> dict[str, Any]:
        try:
            note = json.loads(os.pread(self._descriptor, 4096, 0) or b"{}")
        except ValueError:
            return {}
        return note if isinstance(note, dict) else {}

    def _announce(self) -> Path:
        self._remove_sockets(self._note())
        base = tempfile.gettempdir()
        # A socket's path has at most 107 bytes.
        sockets = Path(tempfile.mkdtemp(prefix=_SOCKETS, dir=base if len(base) < 60 else "/tmp"))  # noqa: PLR2004, S108 - as said; the folder is private
        sockets.chmod(0o711)
        note = json.dumps({"pid": os.getpid(), "lock": self.identity, "sockets": str(sockets)}).encode()
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, note, 0)
        except OSError as error:
            shutil.rmtree(sockets, ignore_errors=True)
            advice = "free space there" if error.errno == errno.ENOSPC else "see to it"
            raise EnvironmentFaultError(
                f"{self._path} cannot be written ({error.strerror}): {advice}, then run the same command again"
            ) from None
        return sockets

    def _remove_sockets(self, note: dict[str, Any]) -> None:
        # Written by a runner that was killed; a copied directory holds the note of one that may be alive.
        left = note.get("sockets")
        if isinstance(left, str) and note.get("lock") == self.identity and Path(left).name.startswith(_SOCKETS):
            shutil.rmtree(left, ignore_errors=True)

    @property
    def identity(self) -> str:
        """What no other output directory of this machine has, not even a copy of this one."""
        found = os.fstat(self._descriptor)
        return f"{found.st_dev}:{found.st_ino}"

    def fileno(self) -> int:
        """The descriptor that holds the lock."""
        return self._descriptor

    def release(self) -> None:
        """Let go, and remove the sockets' folder."""
        shutil.rmtree(self.sockets, ignore_errors=True)
        os.close(self._descriptor)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0]
    except OSError:
        return False
    # A killed runner may stay a zombie for as long as its parent likes.
    return state not in "ZX"
