"""What ties a process to its parent.

Owns: the kernel's calls for it. It imports the standard library alone, for it is loaded before anything else.
"""

from __future__ import annotations

import ctypes
import os
import signal

_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when its parent, which has that id, dies; it may be dead already."""
    prctl(_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def prctl(option: int, value: int) -> None:
    """Make the system call of that name; raises `OSError` if the kernel refuses."""
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
