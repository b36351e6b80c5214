"""Folders onto a volume of the cluster, and models from it.

Owns: what the two ends say to each other, and that a folder appears under its name only when all of it has arrived and
every file's sum agrees, on the volume as here.
"""

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from autosearch.api.errors import EnvironmentFaultError, StateConflictError
from autosearch.kubernetes.access import Cluster
from autosearch.kubernetes.client import ApiError
from autosearch.kubernetes.pod_exec import Command, CommandError
from autosearch.kubernetes.tar_packing import Packing
from autosearch.kubernetes.tar_unpacking import Unpacking
from autosearch.kubernetes.transfer_pod import CONTAINER, MOUNT, Mounted, TransferError, running_pod

_EXISTS, _NOT_MADE, _NOT_THERE, _NOT_FOUND = 70, 71, 73, 127
_TO_TIDY = 20.0
# What is new stays under a name of its own until this end has compared the sums and says so; if the connection breaks
# before that, `read` or `tar` comes to the end of its input, and what has arrived is removed.
_PUSH = f"""\
set -eu
parent=$1 name=$2 size=$3 replace=$4 mark=$5
new=.$name.$mark.new old=.$name.$mark.old
cd -- {MOUNT}
mkdir -p -- "./$parent" || exit {_NOT_MADE}
cd -- "./$parent"
if [ "$replace" = no ] && [ -e "$name" ]; then exit {_EXISTS}; fi
mkdir -- "$new" || exit {_NOT_MADE}
trap 'rm -rf -- "$new"' EXIT
trap 'exit 1' HUP INT TERM PIPE
echo ready
head -c "$size" | tar -xof - -C "$new"
(cd -- "$new" && find . -type f -exec sha256sum {{}} +)
echo end
read -r answer
[ "$answer" = keep ]
if [ -e "$name" ]; then mv -- "$name" "$old"; fi
mv -- "$new" "$name"
trap - EXIT
rm -rf -- "$old"
echo kept
"""
_TIDY = f'cd -- "{MOUNT}/$1" && rm -rf -- ".$2.$3.new"'
_PULL = f"""\
set -eu
cd -- "{MOUNT}/$1" || exit {_NOT_THERE}
find . -type f -exec stat -c %s {{}} +
echo end
find . -type f -exec sha256sum {{}} +
echo end
exec tar -cf - .
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder on a claim.

    Attributes:
        path: relative to the claim's root.
    """

    claim: str
    path: PurePosixPath

    def __str__(self) -> str:
        return f"pvc://{self.claim}/{self.path}"


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told what happens.

    Attributes:
        progress: bytes moved so far, and in all.
        note: a sentence for people.
        longest_wait: seconds for the pod to start.
    """

    progress: Callable[[int, int], None]
    note: Callable[[str], None]
    longest_wait: float


class _MayNotWriteError(TransferError):
    """The user of the pod may not write to the volume; another one may."""


async def push(
    cluster: Cluster, packing: Packing, place: Place, pods: list[Mounted], told: Told, *, replace: bool
) -> None:
    """Bring a folder to a claim.

    Args:
        pods: tried in turn while their user may not write there.
        replace: whether a folder that is there makes way for it, in the moment in which the new one is whole.

    Raises:
        StateConflictError: there is something of that name already.
        TransferError: it cannot be brought there; the message says why and what to do.
        ApiError: the API server refuses.
    """
    refused: TransferError | None = None
    for given in pods:
        try:
            async with running_pod(cluster, given, longest_wait=told.longest_wait, note=told.note) as pod:
                return await _push_to(cluster, pod, packing, place, told, replace=replace)
        except _MayNotWriteError as error:
            refused = error
        except ApiError as error:
            if refused is None:
                raise
            raise TransferError(f"{refused}; and as another user: {error}") from error
    assert refused is not None, "there is at least one pod to try"
    raise refused


async def _push_to(cluster: Cluster, pod: str, packing: Packing, place: Place, told: Told, *, replace: bool) -> None:
    mark, parent = secrets.token_hex(4), str(place.path.parent)
    words = [parent, place.path.name, str(packing.size), "yes" if replace else "no", mark]
    kept = False
    try:
        async with cluster.command(pod, CONTAINER, ["sh", "-c", _PUSH, "push", *words]) as command:
            with _explained(str(place)):
                await _send(command, packing, told)
        kept = True
    finally:
        if not kept:
            await _tidied(cluster, pod, [parent, place.path.name, mark])


async def _send(command: Command, packing: Packing, told: Told) -> None:
    await command.line()
    sent, size = 0, packing.size
    for piece in packing.stream():
        await command.write(piece)
        sent += len(piece)
        told.progress(sent, size)
    _compare(packing.sums, await _sums(command))
    await command.write(b"keep\n")
    await command.line()
    async for _ in command.chunks():
        pass


async def _tidied(cluster: Cluster, pod: str, words: list[str]) -> None:
    """Remove what has arrived of a folder that is not to be; the far end does that by itself, if it gets the time."""
    try:
        async with asyncio.timeout(_TO_TIDY), cluster.command(pod, CONTAINER, ["sh", "-c", _TIDY, "tidy", *words]) as c:
            async for _ in c.chunks():
                pass
    except (ApiError, CommandError, TimeoutError):
        return


async def pull(cluster: Cluster, given: Mounted, path: str, target: Path, told: Told) -> list[str]:
    """Fetch a folder of a volume, and give the paths of links and devices in it, which are left out.

    Args:
        path: of the folder on the volume, relative to what the pod mounts.
        target: does not exist, or is an empty folder.

    Raises:
        StateConflictError: the target is there and not empty.
        EnvironmentFaultError: this machine has no space for it, or does not let us write.
        TransferError: it cannot be fetched; the message says why.
        ApiError: the API server refuses.
    """
    with _new_folder(target) as folder:
        async with (
            running_pod(cluster, given, longest_wait=told.longest_wait, note=told.note) as pod,
            cluster.command(pod, CONTAINER, ["sh", "-c", _PULL, "pull", path]) as command,
        ):
            with _explained(path):
                return await _receive(command, folder, told)


@contextmanager
def _new_folder(target: Path) -> Iterator[Path]:
    """Give a folder beside the target, which takes the target's name if all goes well, and is removed if not."""
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise StateConflictError(f"{target} is there already, and not an empty folder: name another one")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".pulling", dir=target.parent))
    except OSError as error:
        raise EnvironmentFaultError(f"{target.parent}: {error.strerror}") from error
    try:
        yield unfinished
        mask = os.umask(0o077)
        os.umask(mask)
        unfinished.chmod(0o777 & ~mask)
        unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


@contextmanager
def _explained(where: str) -> Iterator[None]:
    """Say what a command's failure means for the person who asked for it."""
    try:
        yield
    except CommandError as error:
        code, said = error.exit_code, error.said or "it gave no reason"
        if code == _EXISTS:
            raise StateConflictError(
                f"{where} is there already: --replace puts the new folder in its place; or name another"
            ) from error
        if code == _NOT_THERE:
            raise TransferError(f"{where} cannot be opened on the volume ({said})") from error
        if code == _NOT_MADE and "ermission denied" in said:
            raise _MayNotWriteError(
                f"the pod's user may not write to {where} ({said}): name one with --run-as"
            ) from error
        if "No space left" in said or "quota exceeded" in said:
            raise TransferError(f"{where}: the volume is full ({said})") from error
        if code == _NOT_FOUND or "executable file not found" in str(error):
            raise TransferError(f"the image has no sh, tar or sha256sum ({said}): name another with --image") from error
        raise TransferError(f"{where}: {error}") from error


async def _receive(command: Command, folder: Path, told: Told) -> list[str]:
    size = 0
    while (line := await command.line()) != "end":
        size += int(line)
    free = shutil.disk_usage(folder).free
    if size > free:
        raise EnvironmentFaultError(f"the model has {size:,} bytes, and {folder.parent} has room for {free:,}")
    sums = await _sums(command)
    unpacking = Unpacking(folder)
    try:
        async for piece in command.chunks():
            unpacking.feed(piece)
            told.progress(unpacking.written, size)
    finally:
        unpacking.abandon()
    unpacking.close()
    _compare(sums, unpacking.sums)
    return unpacking.left_out


async def _sums(command: Command) -> dict[str, str]:
    """Read what `sha256sum` prints, up to the line `end`."""
    found = {}
    while (line := await command.line()) != "end":
        digits, _, name = line.partition(" ")
        found[name[1:].removeprefix("./")] = digits
    return found


def _compare(sent: Mapping[str, str], arrived: Mapping[str, str]) -> None:
    differing = sorted(name for name in {*sent, *arrived} if sent.get(name) != arrived.get(name))
    if differing:
        more = f" and {len(differing) - 1} more" if len(differing) > 1 else ""
        raise TransferError(f"{differing[0]}{more} did not arrive as it was sent; nothing was kept: try again")
