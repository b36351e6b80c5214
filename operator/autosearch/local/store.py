"""The files of one search: the two kinds of objects, and the records of its runs.

Owns: the layout of the output directory, atomic replacement, durability and the reading of what an earlier runner left.
It never decides what the contents mean, and never leaves a half-written file under a name that counts.

Layout: ``job.json``, ``trials/<trial id>.json``, ``runs/<attempt id>.json`` (the local counterpart of a pod),
``logs/<attempt id>.log``, ``output/<job id>/<attempt id>/`` (what trials save), ``work/<attempt id>/`` (removed when
the run is over), ``best`` (a link to the best model's folder) and ``lock``.
"""

import contextlib
import json
import os
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from autosearch.api.base import Model
from autosearch.api.errors import StateConflictError
from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import Trial
from autosearch.engine.snapshot import Run
from autosearch.local.records import run_from_dict, run_to_dict

_TEMPORARY = ".tmp"
_Read = TypeVar("_Read")


class Store:
    """One output directory."""

    def __init__(self, root: Path) -> None:
        """Look at a directory without changing it.

        Args:
            root: the directory, absolute and free of links.
        """
        self.root = root
        self.output = root / "output"
        self.logs = root / "logs"
        self.work = root / "work"
        self._trials = root / "trials"
        self._runs = root / "runs"

    def prepare(self) -> None:
        """Make the folders, and remove what a crash left half-written."""
        for folder in (self.output, self.logs, self.work, self._trials, self._runs):
            folder.mkdir(parents=True, exist_ok=True)
        for folder in (self.root, self._trials, self._runs):
            for leftover in folder.glob(f".*{_TEMPORARY}"):
                leftover.unlink(missing_ok=True)

    def job(self) -> AutoSearchJob | None:
        """Read the job, None where there is none.

        Raises:
            StateConflictError: if the file cannot be understood.
        """
        path = self.root / "job.json"
        return _load(path, AutoSearchJob.model_validate_json, _RESTORE) if path.exists() else None

    def trials(self) -> list[Trial]:
        """Read all trials, in the order of their numbers.

        Raises:
            StateConflictError: if a file cannot be understood.
        """
        found = [_load(path, Trial.model_validate_json, _RERUN) for path in _objects(self._trials)]
        return sorted(found, key=lambda trial: trial.spec.number)

    def runs(self, left_out: Container[str]) -> Iterator[Run]:
        """Read the records of runs, but for those of some trials.

        Args:
            left_out: trial ids.

        Raises:
            StateConflictError: if a file cannot be understood.
        """
        for path in _objects(self._runs):
            if "-".join(path.stem.split("-")[:2]) not in left_out:
                yield _load(path, lambda text: run_from_dict(json.loads(text)), _RERUN)

    def save_job(self, job: AutoSearchJob, *, durable: bool = False) -> None:
        """Replace the job's file; raises `OSError`."""
        _replace(self.root / "job.json", _json(job), durable=durable)

    def save_trial(self, trial: Trial, *, durable: bool = False) -> None:
        """Replace a trial's file; with `durable` it has reached the disk on return. Raises `OSError`."""
        _replace(self._trials / f"{trial.spec.trial_id}.json", _json(trial), durable=durable)

    def save_run(self, run: Run, *, durable: bool = False) -> None:
        """Replace a run's record; with `durable` it has reached the disk on return. Raises `OSError`."""
        text = json.dumps(run_to_dict(run), ensure_ascii=False)
        _replace(self._runs / f"{run.attempt_id}.json", text.encode(), durable=durable)

    def log(self, attempt_id: str) -> Path:
        """Give the log file of an attempt."""
        return self.logs / f"{attempt_id}.log"

    def link_best(self, model_path: str) -> None:
        """Let `best` lead to a model's folder, given relative to the output root; raises `OSError`."""
        temporary = self.root / f".best{_TEMPORARY}"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(Path("output") / model_path)
        temporary.replace(self.root / "best")


_RESTORE = "restore the file from a copy, or use another --output"
_RERUN = "restore the file from a copy, or remove it: what it speaks of is then run anew"


def _objects(folder: Path) -> list[Path]:
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        return [Path(e.path) for e in entries if e.name.endswith(".json") and not e.name.startswith(".")]
    return []


def _load(path: Path, read: Callable[[bytes], _Read], advice: str) -> _Read:
    try:
        return read(path.read_bytes())
    except OSError as error:
        raise StateConflictError(f"{path}: cannot be read ({error.strerror}); {advice}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateConflictError(f"{path}: is damaged ({_brief(error)}); {advice}") from None


def _brief(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first: Any = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        return f"{place}: {first['msg']}" if place else str(first["msg"])
    return f"{type(error).__name__}: {error}"


def _json(model: Model) -> bytes:
    return model.model_dump_json(by_alias=True, exclude_none=True).encode()


def _replace(path: Path, contents: bytes, *, durable: bool) -> None:
    temporary = f"{path.parent}/.{path.name}{_TEMPORARY}"
    try:
        _write(temporary, contents + b"\n", durable=durable)
        os.replace(temporary, path)  # noqa: PTH105 - a text, made for every write
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108 - see above
        raise
    if durable:
        _flush_folder(path.parent)


def _write(path: str, contents: bytes, *, durable: bool) -> None:
    with open(path, "wb", buffering=0) as file:  # noqa: PTH123 - see above
        left = memoryview(contents)
        while left:
            left = left[file.write(left) or 0 :]
        if durable:
            os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
