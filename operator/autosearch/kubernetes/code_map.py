"""A folder of code as an immutable ConfigMap, named by its content.

Owns: which files go in, the keys they get, how large they may be, and the name. Equal folders give equal maps, on every
machine. It reads files and writes nothing.
"""

import base64
import hashlib
import json
import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from autosearch.api.errors import InvalidInputError, Problem
from autosearch.kubernetes.resources import CONFIG_MAPS, JOB_LABEL

Json = dict[str, Any]
LEFT_OUT = frozenset({".git", "__pycache__"})
MOST_BYTES = 900_000
"""Of all files together. The API server takes 1 MiB; the rest is room for keys and labels."""
MOST_FILES = 1000
"""As many items as the schema of a job's volume takes."""
_LONGEST_KEY = 253
_NAMED = 5
_DIGITS = 10
_EXECUTABLE = 0o755


@dataclass(frozen=True)
class CodeMap:
    """The content of the ConfigMap.

    Attributes:
        data: texts by key.
        binary_data: other files by key, as base64.
        items: where each key goes: `{key, path}`, with a mode for what can be executed.
        size: bytes of all files.
    """

    data: dict[str, str]
    binary_data: dict[str, str]
    items: list[Json]
    size: int

    @cached_property
    def digest(self) -> str:
        """SHA-256 of contents, paths and modes, in hexadecimal."""
        content = json.dumps([self.data, self.binary_data, self.items], sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(content.encode()).hexdigest()

    def name(self, job: str) -> str:
        """Give the ConfigMap's name for a job."""
        return f"{job}-code-{self.digest[:_DIGITS]}"

    def source(self, job: str) -> Json:
        """Give what becomes the job's `spec.code`."""
        return {"volume": {"configMap": {"name": self.name(job), "items": self.items}}}

    def manifest(self, job: str) -> Json:
        """Give the ConfigMap as it is sent to the API server."""
        contents = {"data": self.data, "binaryData": self.binary_data}
        return {
            "apiVersion": CONFIG_MAPS.api_version,
            "kind": CONFIG_MAPS.kind,
            "metadata": {"name": self.name(job), "labels": {JOB_LABEL: job}},
            "immutable": True,
            **{name: content for name, content in contents.items() if content},
        }

    def holds(self, stored: Json) -> bool:
        """Say whether a ConfigMap from the API server has this content and will keep it."""
        contents = (stored.get("data") or {}, stored.get("binaryData") or {})
        return bool(stored.get("immutable")) and contents == (self.data, self.binary_data)


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    real: Path
    size: int
    executable: bool


def read_code(folder: Path, left_out: Collection[str] = ()) -> CodeMap:
    """Read a folder of code.

    `.git` and `__pycache__` are left out at any depth; so are links that lead nowhere, sockets and pipes, as in a
    local run.

    Args:
        folder: what `--code` names.
        left_out: names in the folder itself that are left out, because the trial finds something else there.

    Raises:
        InvalidInputError: there is no such folder, nothing is in it, or it holds what no ConfigMap can hold.
        OSError: a file cannot be read.
    """
    if not folder.is_dir():
        raise InvalidInputError([Problem("--code", str(folder), "give a folder that exists and that you may read")])
    problems: list[Problem] = []
    files = [file for file in _files(folder, "", problems) if file.path.split("/")[0] not in left_out]
    if not files and not problems:
        problems.append(Problem("--code", str(folder), "holds no file"))
    size = sum(file.size for file in files)
    if size > MOST_BYTES:
        problems.append(_too_large(folder, files, size))
    if len(files) > MOST_FILES:
        text = f"at most {MOST_FILES:,} files fit into one volume: name the folder that has the script alone"
        problems.append(Problem("--code", f"{folder} with {len(files):,} files", text))
    if problems:
        raise InvalidInputError(problems)
    return _packed(files)


def _files(folder: Path, prefix: str, problems: list[Problem]) -> Iterator[_File]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        path = f"{prefix}{entry.name}"
        if entry.name in LEFT_OUT:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path), f"{path}/", problems)
        elif problem := _unfit(entry, path):
            problems.append(Problem("--code", ascii(path), problem))
        elif entry.is_file():
            stat = entry.stat()
            yield _File(path, Path(entry.path), stat.st_size, bool(stat.st_mode & 0o100))


def _unfit(entry: os.DirEntry[str], path: str) -> str:
    if entry.is_dir():
        return "a link to a folder cannot be in a ConfigMap: put the folder itself there"
    if path.startswith(".."):
        return "a volume takes no path that begins with `..`: give it another name"
    try:
        path.encode()
    except UnicodeEncodeError:
        return "the name is not UTF-8: give it another one"
    return ""


def _too_large(folder: Path, files: Sequence[_File], size: int) -> Problem:
    largest = sorted(files, key=lambda file: (-file.size, file.path))[:_NAMED]
    named = ", ".join(f"{file.path} ({in_kilobytes(file.size)})" for file in largest)
    text = (
        f"a ConfigMap holds at most {in_kilobytes(MOST_BYTES)}; the largest files are {named}: move data to a volume "
        "(spec.trainData), or put the code into the image"
    )
    return Problem("--code", f"{folder} with {in_kilobytes(size)}", text)


def in_kilobytes(size: int) -> str:
    """Write a number of bytes in kB, with a tenth where it is small."""
    thousands = size / 1000
    return f"{thousands:,.0f} kB" if thousands >= 10 else f"{thousands:.1f} kB"  # noqa: PLR2004 - as for durations


def _packed(files: Sequence[_File]) -> CodeMap:
    data: dict[str, str] = {}
    binary: dict[str, str] = {}
    items: list[Json] = []
    size = 0
    for file in files:
        content = file.real.read_bytes()
        size += len(content)
        key = _key(file.path, {*data, *binary})
        try:
            data[key] = content.decode()
        except UnicodeDecodeError:
            binary[key] = base64.b64encode(content).decode()
        # A volume's own mode is for all its files; only a script that is started by its name needs another.
        items.append({"key": key, "path": file.path, **({"mode": _EXECUTABLE} if file.executable else {})})
    return CodeMap(data, binary, items, size)


def _key(path: str, taken: Collection[str]) -> str:
    """Give the flattened name: `model/net.py` is `model.net.py`; what is taken already gets a number."""
    flat = re.sub(r"[^-._a-zA-Z0-9]", "_", path.replace("/", "."))[: _LONGEST_KEY - 8]
    key, number = flat, 2
    while key in taken:
        key, number = f"{flat}.{number}", number + 1
    return key
