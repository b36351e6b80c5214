"""What a trial finds when it starts: its code, the SDK, and the certainty that its output directory is new.

Owns: the checks and copies before the socket opens, each done once for a pod however often the sidecar is restarted.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from autosearch.sidecar.copying import copy_folder
from autosearch.sidecar.faults import Fault, fault_on_error
from autosearch.sidecar.places import Places
from autosearch.sidecar.settings import SidecarSettings

SDK = ("rudder_autosearch", "autosearch_sdk")
_NOT_CODE = (".git", "__pycache__")
_OUTPUT = "output"


def prepare(settings: SidecarSettings, places: Places) -> None:
    """Check the output, and copy code and SDK; nothing of it is done again once the trial may have started.

    Raises:
        Fault: `OutputUnwritable`, `DirectoryExists`, `StateUnwritable` or `CopyFailed`.
    """
    if Path(places.ready).exists():
        return
    _note_first_start(settings, places)
    if settings.copies_code:
        with fault_on_error("CopyFailed", "code: it cannot be copied into the working directory"):
            copy_folder(places.code, places.work, nowhere=_NOT_CODE, not_on_top=(_OUTPUT,))
    with fault_on_error("CopyFailed", "SDK: it cannot be copied"):
        Path(places.python).mkdir(exist_ok=True)
        for name in SDK:
            copy_folder(sdk_folder(name), f"{places.python}/{name}", nowhere=_NOT_CODE)


def announce(places: Places) -> None:
    """Leave the file that lets the trial start; raises `Fault`."""
    with fault_on_error("SocketFailed", "run folder: the trial cannot be let start"):
        beside = Path(f"{places.ready}.new")
        beside.touch()
        beside.replace(places.ready)


def sdk_folder(name: str) -> str:
    """Give the folder of one of the SDK's packages.

    Raises:
        Fault: `CopyFailed`, if it is not installed.
    """
    spec = find_spec(name)
    if spec is not None and spec.submodule_search_locations:
        return next(iter(spec.submodule_search_locations))
    beside = Path(__file__).resolve().parents[3] / "sdk" / name
    if not beside.is_dir():
        raise Fault("CopyFailed", f"SDK: the sidecar's image does not hold the package {name}")
    return str(beside)


def _note_first_start(settings: SidecarSettings, places: Places) -> None:
    """Refuse an output directory that was there before the pod's first start."""
    started = Path(places.state) / "started"
    if started.exists():
        return
    if settings.model_kept:
        _check_output(f"{settings.job_id}/{settings.attempt_id}", places.output)
    with fault_on_error("StateUnwritable", "sidecar: its own folder cannot be written"):
        started.touch()


def _check_output(own: str, root: str) -> None:
    if not Path(root).is_dir():
        raise Fault("OutputUnwritable", f"output: no folder is mounted at {root}")
    if os.path.lexists(f"{root}/{own}"):
        raise Fault(
            "DirectoryExists",
            f"output/{own} existed before this attempt; nothing of ours wrote there, so the next attempt id is taken",
        )
