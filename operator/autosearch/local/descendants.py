"""Processes and their descendants, as the kernel tells of them.

Owns: what is read from /proc, and the few calls by which a process ties its children to itself. It imports the standard
library alone, for it is loaded into the supervisor, and decides nothing.
"""

from __future__ import annotations

import contextlib
import os
import signal

from autosearch.proposing.parent import prctl

TOKEN = "AUTOSEARCH_RUN"  # noqa: S105 - a variable's name
"""Environment variable by which a trial's descendants are recognised, whatever session they moved to."""
_CHILD_SUBREAPER = 36
_CHUNK = 1 << 16


def adopt_orphans(adopt: bool) -> None:
    """Make this process the parent of all descendants whose own parent dies, or end that.

    Raises:
        OSError: if the kernel refuses.
    """
    prctl(_CHILD_SUBREAPER, int(adopt))


def children_of(pid: int) -> list[int]:
    """Give the ids of a process's children, dead ones that nobody waited for included."""
    with contextlib.suppress(FileNotFoundError):  # a kernel without CONFIG_PROC_CHILDREN
        return [int(child) for child in _read(f"/proc/{pid}/task/{pid}/children").split()]
    return [other for other in all_processes() if _parent_of(other) == pid]


def all_processes() -> list[int]:
    """Give the ids of all processes that this one can see."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - names, not paths


def _parent_of(pid: int) -> int:
    with contextlib.suppress(OSError):
        # The second field, a program's name in brackets, may hold anything.
        return int(_read(f"/proc/{pid}/stat").rpartition(b")")[2].split(None, 2)[1])
    return 0


def _read(path: str) -> bytes:
    # Called for each process of the machine whenever a trial ends: pathlib would cost three times as much.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        chunks = []
        while chunk := os.read(descriptor, _CHUNK):
            chunks.append(chunk)
        return b"".join(chunks)
    finally:
        os.close(descriptor)


def token_of(pid: int) -> str:
    """Give the run that a process belongs to by its environment, "" if it does not say."""
    with contextlib.suppress(OSError):
        wanted = f"{TOKEN}=".encode()
        for entry in _read(f"/proc/{pid}/environ").split(b"\0"):
            if entry.startswith(wanted):
                return os.fsdecode(entry[len(wanted) :])
    return ""


def kill(pid: int, *, group: bool = False) -> None:
    """Kill a process, or the group that it leads; that it is gone, or not ours to kill, is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        (os.killpg if group else os.kill)(pid, signal.SIGKILL)


def oom_kills() -> int:
    """Count the processes that the kernel has killed for their memory since it started; 0 if it does not say."""
    with contextlib.suppress(OSError):
        counters = _read("/proc/vmstat")
        at = counters.find(b"\noom_kill ")
        if at >= 0:
            return int(counters[at + len(b"\noom_kill ") :].split(b"\n", 1)[0])
    return 0
