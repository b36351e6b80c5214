"""Directories of a job's output that nothing needs any more.

Owns: their removal, below the one folder that is mounted, by names that are one component each. It follows no link,
and what stands in a directory's place (a link, a file) is removed as what it is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from autosearch.sidecar.copying import LIST, MOUNT, names_in, opened
from autosearch.sidecar.faults import in_words, say


def remove(root: str, names: Sequence[str]) -> bool:
    """Remove directories; a line on standard output says that one is gone, one in the log why one is not.

    Args:
        root: the mounted folder.
        names: what is to go from it; what is missing is gone already.

    Returns:
        Whether all are gone.

    Raises:
        ValueError: if a name is not one plain component; then nothing was removed.
        OSError: if the root cannot be opened.
    """
    for name in names:
        if name in ("", ".", "..") or "/" in name or "\0" in name:
            raise ValueError(f"found {name!r}, write the plain name of a directory in the output folder, without a '/'")
    with opened(root, MOUNT) as folder:
        gone = [_removed(folder, name) for name in dict.fromkeys(names)]
    return all(gone)


def _removed(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return True
    try:
        _remove(folder, name)
    except (OSError, RecursionError) as error:
        say(f"{name} is not gone: {in_words(error) if isinstance(error, OSError) else 'its folders are too deep'}")
        return False
    sys.stdout.write(f"removed {name}\n")
    sys.stdout.flush()
    return True


def _remove(above: int, name: str) -> None:
    """Remove whatever it is; a folder's contents by its descriptor, so that no link can take its place meanwhile."""
    try:
        os.unlink(name, dir_fd=above)
    except FileNotFoundError:
        return
    except IsADirectoryError:
        _remove_folder(above, name)


def _remove_folder(above: int, name: str) -> None:
    failed: list[OSError] = []
    with opened(name, LIST, above) as inner:
        for entry in names_in(inner):
            try:
                _remove(inner, entry)
            except OSError as error:
                # What can go goes; the first reason is the one that tells something.
                failed.append(error)
    if failed:
        raise failed[0]
    os.rmdir(name, dir_fd=above)
