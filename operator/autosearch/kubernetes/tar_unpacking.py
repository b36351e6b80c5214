"""A tar stream into a local folder, piece by piece as it arrives.

Owns: what may come out of a stream that others wrote: files and folders below the one folder, and nothing else. Links
and devices are left out, and told.
"""

import hashlib
import os
import tarfile
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from autosearch.api.errors import EnvironmentFaultError

_BLOCK = 512
_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL = b"L", b"K", b"x", b"g"
_SAID_BEFORE = frozenset({_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL})
_LONGEST_WORDS = 1 << 20
_ENCODING = ("utf-8", "surrogateescape")


class Unpacking:
    """Files that arrive; call `feed` with each piece, and `close` at the end, or `abandon` after an error.

    Attributes:
        sums: SHA-256 of each file, as hexadecimal digits, by its path in the folder.
        left_out: paths of links and devices.
        written: bytes of all files so far.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pending = bytearray()
        self._file: BinaryIO | None = None
        self._left = 0
        self._padding = 0
        self._words: tuple[bytes, int] | None = None
        self._name = ""
        self._long_name = ""
        self._digest = hashlib.sha256()
        self._over = False
        self.sums: dict[str, str] = {}
        self.left_out: list[str] = []
        self.written = 0

    def feed(self, piece: bytes) -> None:
        """Take more of the stream; raises `EnvironmentFaultError` if it is no tar stream or the disk refuses it."""
        self._pending += piece
        try:
            while self._step():
                pass
        except tarfile.HeaderError as error:
            raise EnvironmentFaultError(f"what arrives is no tar stream: {error}") from error
        except OSError as error:
            raise EnvironmentFaultError(f"{error.filename or self._folder}: {error.strerror}") from error

    def abandon(self) -> None:
        """Let go of a file that has not arrived in whole, if there is one."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def close(self) -> None:
        """End; raises `EnvironmentFaultError` if the stream was cut off."""
        self.abandon()
        if not self._over:
            raise EnvironmentFaultError("the stream of files ended early")

    def _step(self) -> bool:
        """Take one thing from what is pending; False if that has to wait for more, or there is no more."""
        if self._over:
            self._pending.clear()
            return False
        if self._words is not None:
            return self._take_words(*self._words)
        if self._left or self._file is not None:
            return self._take_content()
        if self._padding:
            return self._skip()
        return len(self._pending) >= _BLOCK and self._take_header(bytes(self._take(_BLOCK)))

    def _take(self, count: int) -> bytearray:
        taken = self._pending[:count]
        del self._pending[:count]
        return taken

    def _skip(self) -> bool:
        self._padding -= len(self._take(self._padding))
        return self._padding == 0

    def _take_header(self, block: bytes) -> bool:
        try:
            info = tarfile.TarInfo.frombuf(block, *_ENCODING)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined, unused-ignore] # not in the stubs
            self._over = True
            return True
        self._padding = -info.size % _BLOCK
        if info.type in _SAID_BEFORE:
            if info.size > _LONGEST_WORDS:
                raise tarfile.InvalidHeaderError("a name is too long")  # type: ignore[attr-defined, unused-ignore]  # not in all stubs
            self._words = (info.type, info.size)
            return True
        self._begin(info)
        return True

    def _take_words(self, kind: bytes, size: int) -> bool:
        """Take what is said before a header whose own field is too short for it."""
        if len(self._pending) < size:
            return False
        words = bytes(self._take(size))
        self._words = None
        if kind == _LONG_NAME:
            self._long_name = words.rstrip(b"\0").decode(*_ENCODING)
        elif kind == _PAX:
            self._long_name = _pax(words).get("path", self._long_name)
        return True

    def _begin(self, info: tarfile.TarInfo) -> None:
        name = self._long_name or info.name
        self._long_name = ""
        parts = [part for part in PurePosixPath(name).parts if part != "."]
        if name.startswith("/") or ".." in parts:
            raise EnvironmentFaultError(f"the stream of files holds `{name}`, which is outside of the folder")
        self._name, self._left = "/".join(parts), info.size if info.isreg() else 0
        target = self._folder.joinpath(*parts)
        if info.isdir():
            target.mkdir(parents=True, exist_ok=True)
        elif info.isreg():
            target.parent.mkdir(parents=True, exist_ok=True)
            # Nothing of ours is replaced, and no link is followed: the folder was empty.
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o777 if info.mode & 0o100 else 0o666)
            self._file = os.fdopen(descriptor, "wb")
            self._digest = hashlib.sha256()
        else:
            self.left_out.append(self._name)

    def _take_content(self) -> bool:
        assert self._file is not None
        taken = self._take(self._left)
        self._file.write(taken)
        self._digest.update(taken)
        self._left -= len(taken)
        self.written += len(taken)
        if self._left:
            return False
        self._file.close()
        self._file = None
        self.sums[self._name] = self._digest.hexdigest()
        return True


def _pax(words: bytes) -> dict[str, str]:
    """Read `<length> <key>=<value>` records."""
    found: dict[str, str] = {}
    while words:
        length, _, _ = words.partition(b" ")
        if not length.isdigit() or not 0 < int(length) <= len(words):
            break
        record, words = words[len(length) + 1 : int(length)], words[int(length) :]
        key, _, value = record.rstrip(b"\n").partition(b"=")
        found[key.decode(*_ENCODING)] = value.decode(*_ENCODING)
    return found
