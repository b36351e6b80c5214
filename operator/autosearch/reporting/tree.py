"""The output tree as the checks look at it: below one root, without following a single link.

Owns the walk below the output root. It writes nothing, decides nothing about reports, and imports the
standard library alone: it is loaded into every trial's pod.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

# Passing through a folder needs no right to list it where the system can open it for that alone.
_PASS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Deeper than any framework saves; bounds the descriptors that a hostile tree can make us hold.
_DEPTH = 8


@contextmanager
def opened(root: str, names: Sequence[str], *, listed: bool) -> Iterator[int]:
    """Hold the folder ``names`` below ``root`` open and give its descriptor; only ``root`` may be a link.

    Args:
        root: absolute path of the output root.
        names: the folders to go down, one after the other.
        listed: whether the last of them will be listed, which needs the right to read it.

    Raises:
        NotADirectoryError: with a text that names what stands in the folder's place.
        OSError: as the system gives it.
    """
    folder = os.open(root, _PASS)
    try:
        for at, name in enumerate(names, 1):
            below = _entered(folder, name, _LIST if listed and at == len(names) else _PASS)
            os.close(folder)
            folder = below
        yield folder
    finally:
        os.close(folder)


def _entered(folder: int, name: str, flags: int = _LIST) -> int:
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(f"{name!r} is {kind(found)}, a folder is wanted there")
    # Between the two calls the folder may become a link: O_NOFOLLOW closes that gap.
    return os.open(name, flags | os.O_NOFOLLOW, dir_fd=folder)


def kind(found: os.stat_result) -> str:
    """Say in words what an entry is."""
    if stat.S_ISDIR(found.st_mode):
        return "a folder"
    if stat.S_ISLNK(found.st_mode):
        return "a link, and links are not followed"
    return "a file" if stat.S_ISREG(found.st_mode) else "a device, pipe or socket"


def is_file(folder: int, name: str) -> bool:
    """Say whether an open folder has a regular file of that name.

    Raises:
        OSError: if the folder may not be searched.
    """
    try:
        return stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def holds_file(folder: int, depth: int = _DEPTH) -> bool:
    """Say whether an open folder, or one at most ``depth`` levels below it, has a regular file.

    Raises:
        OSError: if a folder on the way may not be read.
    """
    inner = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                return True
            if entry.is_dir(follow_symlinks=False):
                inner.append(entry.name)
    return depth > 0 and any(_inner_holds_file(folder, name, depth - 1) for name in inner)


def _inner_holds_file(folder: int, name: str, depth: int) -> bool:
    inner = _entered(folder, name)
    try:
        return holds_file(inner, depth)
    finally:
        os.close(inner)


def contents(path: str | os.PathLike[str], limit: int) -> bytes:
    """Return the first ``limit`` bytes of a regular file.

    Raises:
        OSError: if it cannot be read, is a link or no regular file.
    """
    # A pipe in the file's place must not hold us up, nor a link lead us elsewhere.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(0, f"it is {kind(found)}, not a file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(limit)
    finally:
        os.close(descriptor)
