"""Copies of folders into a pod's own volumes: code, private data, the SDK.

Owns: what is copied and how. It never follows a link but those a ConfigMap, Secret or projected volume is made of: a
link in a shared volume could lead to our token, and the trial reads the copy.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TypeVar

VOLUME_DATA = "..data"
"""The link by which the kubelet swaps a ConfigMap's contents at once; the visible names lead through it."""

_CHUNK = 1 << 20
MOUNT = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
LIST = MOUNT | os.O_NOFOLLOW
# A pipe in a file's place must not hold us up.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
# Bounds the descriptors and frames that a hostile tree can make us hold.
_DEPTH = 64

_Made = TypeVar("_Made")


def copy_folder(source: str, target: str, *, nowhere: Collection[str] = (), not_on_top: Collection[str] = ()) -> None:
    """Copy a folder's contents into a folder, so that any user may read and write the copies.

    Links are copied as links, with the text they have: they lead where they would lead in a mount of the source. What
    has a copy's name already is replaced, so a copy that was broken off may be made again.

    Args:
        source: a folder. Of a mounted ConfigMap the contents are copied, without the kubelet's bookkeeping (names that
            begin with `..`) and its links.
        target: the folder that gets the contents; made where missing.
        nowhere: names that are left out at any depth.
        not_on_top: names that are left out of the folder itself.

    Raises:
        OSError: with the path in the source; also for a pipe, socket or device, and for folders 64 deep.
    """
    with contextlib.suppress(FileExistsError):
        Path(target).mkdir()
    with opened(source, MOUNT) as above, opened(target, MOUNT) as below, _volume_data(above) as data:
        _allow_all(below)
        for name in names_in(above):
            if not name.startswith("..") and name not in not_on_top:
                real = data if data is not None and _leads_through_volume_data(above, name) else above
                _Copy(source, nowhere).entry(real, name, below)


@contextlib.contextmanager
def opened(name: str, flags: int, above: int | None = None) -> Iterator[int]:
    """Hold a folder open and give its descriptor; raises `OSError`."""
    descriptor = os.open(name, flags, dir_fd=above)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def names_in(folder: int) -> list[str]:
    """List an open folder; raises `OSError`."""
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


@contextlib.contextmanager
def _volume_data(mount: int) -> Iterator[int | None]:
    try:
        text = os.readlink(VOLUME_DATA, dir_fd=mount)
    except OSError:
        text = ""
    # The kubelet's link is one plain name: anything else is no ConfigMap, and could lead out of the mount.
    if not text or "/" in text or text == "..":
        yield None
        return
    with opened(text, LIST, mount) as folder:
        yield folder


def _leads_through_volume_data(mount: int, name: str) -> bool:
    try:
        return os.readlink(name, dir_fd=mount) == f"{VOLUME_DATA}/{name}"
    except OSError:
        return False


class _Copy:
    """A copy under way, which knows for its errors where it is."""

    def __init__(self, source: str, nowhere: Collection[str]) -> None:
        self._path = [source]
        self._nowhere = nowhere

    def entry(self, above: int, name: str, below: int) -> None:
        if name in self._nowhere:
            return
        self._path.append(name)
        try:
            self._copy(above, name, below)
        except OSError as error:
            # Within a folder the system knows the last name at most: say where that is, once.
            if error.filename is None or "/" not in str(error.filename):
                error.filename = "/".join(self._path)
            raise
        self._path.pop()

    def _copy(self, above: int, name: str, below: int) -> None:
        mode = os.stat(name, dir_fd=above, follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            self._copy_folder(above, name, below)
        elif stat.S_ISLNK(mode):
            text = os.readlink(name, dir_fd=above)
            _anew(name, below, lambda: os.symlink(text, name, dir_fd=below))
        elif stat.S_ISREG(mode):
            _copy_file(above, name, below)
        else:
            raise OSError(errno.EINVAL, "it is a pipe, socket or device, and only files, folders and links are copied")

    def _copy_folder(self, above: int, name: str, below: int) -> None:
        if len(self._path) > _DEPTH:
            raise OSError(errno.ELOOP, f"folders more than {_DEPTH} deep are not copied")
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, dir_fd=below)
        with opened(name, LIST, above) as inner, opened(name, LIST, below) as made:
            _allow_all(made)
            for entry in names_in(inner):
                self.entry(inner, entry, made)


def _copy_file(above: int, name: str, below: int) -> None:
    with os.fdopen(os.open(name, _READ, dir_fd=above), "rb", buffering=0) as read:
        mode = os.fstat(read.fileno()).st_mode
        made = _anew(name, below, lambda: os.open(name, _WRITE, 0o600, dir_fd=below))
        with os.fdopen(made, "wb") as written:
            while chunk := read.read(_CHUNK):
                written.write(chunk)
            # Whoever could run it may, and everybody may read and write: the trial may be any user.
            os.fchmod(made, 0o777 if mode & 0o111 else 0o666)


def _anew(name: str, below: int, make: Callable[[], _Made]) -> _Made:
    try:
        return make()
    except FileExistsError:
        os.unlink(name, dir_fd=below)
        return make()


def _allow_all(folder: int) -> None:
    # A volume's root may be another user's: it is as open as whoever made it wanted.
    with contextlib.suppress(PermissionError):
        os.fchmod(folder, 0o777)
