"""A local folder as a stream in tar's format, of a size that is known before the first byte is sent.

Owns: which files are packed, and their sums. It follows links to files, and refuses whatever is neither file nor
folder, since nobody could say what it should be at the other end.
"""

import hashlib
import os
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from autosearch.api.errors import EnvironmentFaultError, InvalidInputError, Problem

_BLOCK = 512
_END = bytes(2 * _BLOCK)
_PIECE = 1 << 18
_ENCODING = ("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    path: Path
    header: bytes
    size: int
    is_file: bool


@dataclass(slots=True)
class Packing:
    """A folder that is about to be sent.

    Attributes:
        sums: SHA-256 of each file that was sent, as hexadecimal digits, by its path in the folder.
    """

    entries: list[_Entry]
    sums: dict[str, str] = field(default_factory=dict)

    @property
    def files(self) -> int:
        """How many files there are."""
        return sum(entry.is_file for entry in self.entries)

    @property
    def content(self) -> int:
        """Bytes in all files."""
        return sum(entry.size for entry in self.entries)

    @property
    def size(self) -> int:
        """Bytes of the whole stream."""
        return sum(len(entry.header) + _padded(entry.size) for entry in self.entries) + len(_END)

    def stream(self) -> Iterator[bytes]:
        """Give the bytes; raises `EnvironmentFaultError` if a file changes its size or cannot be read."""
        for entry in self.entries:
            yield entry.header
            if entry.is_file:
                yield from self._file(entry)
        yield _END

    def _file(self, entry: _Entry) -> Iterator[bytes]:
        digest, left = hashlib.sha256(), entry.size
        try:
            with entry.path.open("rb") as file:
                while piece := file.read(min(_PIECE, left + 1)):
                    left -= len(piece)
                    if left < 0:
                        break
                    digest.update(piece)
                    yield piece
        except OSError as error:
            raise EnvironmentFaultError(f"{entry.path} cannot be read: {error.strerror}") from error
        if left:
            raise EnvironmentFaultError(f"{entry.path} changed while it was read: push again once nothing writes there")
        self.sums[entry.name] = digest.hexdigest()
        yield bytes(-entry.size % _BLOCK)


def pack(folder: Path) -> Packing:
    """Look through a folder; raises `InvalidInputError` with all that cannot be sent."""
    if not folder.is_dir():
        raise InvalidInputError([Problem("DIR", str(folder), "is no folder")])
    entries: list[_Entry] = []
    problems: list[Problem] = []
    for path in _below(folder):
        name = path.relative_to(folder).as_posix()
        try:
            entries.append(_entry(name, path))
        except OSError as error:
            problems.append(Problem("DIR", str(path), error.strerror or str(error)))
        except ValueError as error:
            problems.append(Problem("DIR", str(path), str(error)))
    if problems:
        raise InvalidInputError(problems)
    packing = Packing(entries)
    if not packing.files:
        raise InvalidInputError([Problem("DIR", str(folder), "holds no file")])
    return packing


def _below(folder: Path) -> Iterator[Path]:
    """Give all that is in a folder, each folder before what it holds."""
    for inner, folders, files in os.walk(folder):
        folders.sort()
        yield from (Path(inner, name) for name in folders)
        yield from (Path(inner, name) for name in sorted(files))


def _entry(name: str, path: Path) -> _Entry:
    found = path.stat()
    if "\n" in name or "\\" in name:
        raise ValueError("has a line break or a backslash in its name, which cannot be checked at the other end")
    if stat.S_ISDIR(found.st_mode) and path.is_symlink():
        raise ValueError("is a link to a folder: put the folder itself there")
    if not (stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)):
        raise ValueError("is neither a file nor a folder")
    if stat.S_ISREG(found.st_mode) and not os.access(path, os.R_OK):
        raise ValueError("may not be read")
    info = tarfile.TarInfo(name)
    info.mtime = int(found.st_mtime)
    # Whoever runs at the other end owns the files, and everybody may read them: a trial may be another user.
    info.mode = 0o755 if found.st_mode & stat.S_IXUSR else 0o644
    if stat.S_ISDIR(found.st_mode):
        info.type, info.mode = tarfile.DIRTYPE, 0o755
    else:
        info.size = found.st_size
    return _Entry(name, path, info.tobuf(tarfile.GNU_FORMAT, *_ENCODING), info.size, info.isreg())


def _padded(size: int) -> int:
    return size + -size % _BLOCK
