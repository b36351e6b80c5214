"""The working directory of an attempt, and what its program finds there and in its environment.

Owns: the local form of the pod: code copied in, `train_data`, `test_data` and `output` beside it, a temporary directory
of its own, the references of the command line expanded. It starts nothing, and never makes the attempt's own model
folder: some frameworks refuse one that exists.
"""

import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from autosearch.api.errors import InvalidInputError, Problem
from autosearch.api.job import AutoSearchJob, DataSource
from autosearch.engine.command_line import CommandLine, trial_container
from autosearch.engine.names import job_id
from autosearch.local.processes import Order
from autosearch.local.store import Store

SOCKET = "AUTOSEARCH_SOCKET"
RESULT = "AUTOSEARCH_RESULT"
_SDK = ("rudder_autosearch", "autosearch_sdk")
_PYTHON = ("python", "python3")
_NOT_CODE = (".git", "__pycache__")
_IGNORED = ("image", "imagePullPolicy", "resources", "volumeMounts", "volumeDevices", "envFrom", "workingDir")
_CLEANING = {"keepBestModels": "keep_best_models", "ttlSecondsAfterFinished": "ttl_seconds_after_finished"}
_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")


@dataclass(frozen=True, slots=True)
class Sources:
    """Folders of the user, absolute; None where there is none.

    Attributes:
        code: copied into each working directory.
        train_data: shown as `train_data`.
        test_data: shown as `test_data`.
    """

    code: Path | None = None
    train_data: Path | None = None
    test_data: Path | None = None


def check_sources(job: AutoSearchJob, sources: Sources, output: Path) -> None:
    """Check that what the job declares is given, and that what is given can be read.

    Raises:
        InvalidInputError: naming the flag for each folder.
    """
    problems: list[Problem] = []
    for field, flag, declared, given in (
        ("code", "--code", job.spec.code, sources.code),
        ("trainData", "--train-data", job.spec.train_data, sources.train_data),
        ("testData", "--test-data", job.spec.test_data, sources.test_data),
    ):
        if declared is not None and given is None:
            problems.append(Problem(f"spec.{field}", "a volume", f"a local run cannot mount it: give {flag} DIR"))
        if given is not None and not (given.is_dir() and os.access(given, os.R_OK | os.X_OK)):
            problems.append(Problem(flag, str(given), "give a folder that exists and that you may read"))
        if given is not None and (given == output or given.is_relative_to(output / "work")):
            problems.append(
                Problem(
                    "--output", str(output), f"the runner keeps its own files there: {flag} must name another folder"
                )
            )
    if problems:
        raise InvalidInputError(problems)


def ignored_fields(job: AutoSearchJob) -> str:
    """Say in one line which fields of the job mean nothing to a local run; "" if there are none."""
    container = trial_container(job)
    found = [name for name in _IGNORED if name in container]
    if any("valueFrom" in entry for entry in container.get("env", [])):
        found.append("env.valueFrom")
    spec = job.spec.template["spec"]
    found += [f"{name} of the pod" for name in spec if name not in {"containers", "terminationGracePeriodSeconds"}]
    if len(spec["containers"]) > 1:
        found.append("all containers but the trial's")
    if job.spec.output is not None:
        found.append("output.volume")
    found += [name for name in _CLEANING if getattr(job.spec, _CLEANING[name]) is not None]
    return f"a local run ignores: {', '.join(found)}" if found else ""


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Expand `$(NAME)` as the kubelet does: `$$` becomes `$`, an unknown name stays as it is."""
    return _REFERENCE.sub(
        lambda found: "$" if found[0] == "$$" else variables.get(found[1], found[0]),
        text,
    )


@dataclass(frozen=True, slots=True)
class Workspace:
    """The places of one attempt.

    Attributes:
        folder: everything that is removed with the attempt.
        cwd: the program's working directory, in it.
        result: the file that a script without SDK writes its result to.
        model: where the attempt is to save its model.
    """

    folder: Path
    cwd: Path
    result: Path
    model: Path

    def remove(self) -> None:
        """Remove the working directory; what cannot be removed stays."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Workshop:
    """Makes the workspaces of one search."""

    def __init__(self, job: AutoSearchJob, store: Store, sources: Sources) -> None:
        self._store = store
        self._sources = sources
        self._job_id = job_id(job)
        self._data = {"train_data": job.spec.train_data, "test_data": job.spec.test_data}
        self._container = trial_container(job)
        self._sdk = store.work / "sdk"

    def prepare(self) -> None:
        """Make what all attempts share, and remove what earlier ones left; raises `OSError`."""
        for leftover in self._store.work.iterdir():
            shutil.rmtree(leftover, ignore_errors=True)
        (self._store.output / self._job_id).mkdir(parents=True, exist_ok=True)
        self._sdk.mkdir()
        for name in _SDK:
            if (package := _package_folder(name)) is not None:
                # Links to the packages alone: a whole site-packages would be in another interpreter's way.
                (self._sdk / name).symlink_to(package)

    def place(self, attempt_id: str) -> Workspace:
        """Say where an attempt's places are, without making any."""
        folder = self._store.work / attempt_id
        return Workspace(folder, folder / "cwd", folder / "result.json", self._store.output / self._job_id / attempt_id)

    def order(self, attempt_id: str, line: CommandLine, added: Mapping[str, str]) -> Order:
        """Make an attempt's workspace, and say what is to be started in it.

        Code and private copies of data are copied by the started process, so that nothing waits for them here.

        Args:
            added: variables that win over all others, such as the report socket.

        Raises:
            OSError: if it cannot be made.
        """
        workspace = self.place(attempt_id)
        workspace.cwd.mkdir(parents=True)
        (workspace.folder / "tmp").mkdir()
        (workspace.cwd / "output").symlink_to(self._store.output)
        copies = self._bring_data(workspace.cwd)
        if self._sources.code is not None:
            copies.append((str(self._sources.code), str(workspace.cwd), self._left_out()))
        env = self._environment(workspace, {**line.env, **added})
        words = [expand(word, env) for word in (*line.command, *line.args)]
        if words[0] in _PYTHON:
            words[0] = sys.executable
        return Order(attempt_id, words, env, str(workspace.cwd), str(self._store.log(attempt_id)), copies)

    def _bring_data(self, cwd: Path) -> list[tuple[str, str, list[str]]]:
        copies: list[tuple[str, str, list[str]]] = []
        for name, source in (("train_data", self._sources.train_data), ("test_data", self._sources.test_data)):
            if source is None:
                continue
            if _private(self._data[name]):
                copies.append((str(source), str(cwd / name), [str(self._store.root)]))
            else:
                (cwd / name).symlink_to(source)
        return copies

    def _left_out(self) -> list[str]:
        code = self._sources.code
        taken = ["output", *(name for name in self._data if getattr(self._sources, name) is not None)]
        return [*_NOT_CODE, str(self._store.root), *(f"{code}/{name}" for name in taken)]

    def _environment(self, workspace: Workspace, ours: Mapping[str, str]) -> dict[str, str]:
        env = {**ours, RESULT: str(workspace.result)}
        known = dict(env)
        for entry in self._container.get("env", []):
            if "valueFrom" not in entry:
                known[str(entry["name"])] = expand(str(entry.get("value", "")), known)
        path = known.get("PYTHONPATH") or os.environ.get("PYTHONPATH")
        return {
            "PYTHONUNBUFFERED": "1",
            **known,
            **env,
            "PYTHONPATH": f"{self._sdk}{os.pathsep}{path}" if path else str(self._sdk),
            "TMPDIR": str(workspace.folder / "tmp"),
            "PWD": str(workspace.cwd),
            # So that `sh -c "python train.py"` finds the interpreter that runs us, too.
            "PATH": os.pathsep.join(
                [str(Path(sys.executable).parent), known.get("PATH") or os.environ.get("PATH") or os.defpath]
            ),
        }


def _private(declared: DataSource | None) -> bool:
    return declared is not None and declared.access == "PrivateCopy"


def _package_folder(name: str) -> Path | None:
    spec: Any = find_spec(name)
    if spec is not None and spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).resolve()
    beside = Path(__file__).resolve().parents[3] / "sdk" / name
    return beside if beside.is_dir() else None
