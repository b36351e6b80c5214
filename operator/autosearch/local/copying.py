"""Copies of folders: code and private data for a working directory.

Owns: what is copied and how. It imports the standard library alone, for it is loaded into the supervisor, whose forked
child copies before it becomes the trial.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path


def copy_tree(source: str, target: str, left_out: Iterable[str]) -> None:
    """Copy a folder's contents into a folder; the copies are writable.

    A link to a folder becomes a link to the real one, for such links may lead round in circles; a link that leads
    nowhere, sockets and pipes are left out.

    Args:
        source: a folder.
        target: the folder that gets its contents; made where missing.
        left_out: names at any depth, or absolute paths, that are not copied.

    Raises:
        OSError: as the system gives it.
    """
    names = set(left_out)
    Path(target).mkdir(exist_ok=True)
    with os.scandir(source) as entries:
        for entry in entries:
            if entry.name not in names and entry.path not in names:
                _copy_entry(entry, f"{target}/{entry.name}", names)


def _copy_entry(entry: os.DirEntry[str], target: str, left_out: set[str]) -> None:
    if entry.is_dir(follow_symlinks=False):
        copy_tree(entry.path, target, left_out)
    elif entry.is_dir():
        Path(target).symlink_to(Path(entry.path).resolve())
    elif entry.is_file():
        shutil.copyfile(entry.path, target)
        Path(target).chmod(entry.stat().st_mode & 0o777 | 0o600)
