"""The trial's own container: the template's, with the contract's command line, environment and folders added.

Owns: what is added, and nothing else of it is touched: scripts may need root and a writable root file system.
"""

import posixpath
from collections.abc import Mapping
from typing import Any

from autosearch.api.job import AutoSearchJob
from autosearch.engine.command_line import CommandLine
from autosearch.kubernetes.pod.gpus import gpus_of
from autosearch.kubernetes.pod.places import data_mounts, has_own_directory, output_mounts, working_directory
from autosearch.kubernetes.pod.settings import OURS, Json
from autosearch.kubernetes.pod.volumes import Volumes, mount
from autosearch.sidecar import settings

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - where frameworks look for it
_PYTHON_PATH = "PYTHONPATH"
_TEMPLATES_PYTHON_PATH = "AUTOSEARCH_TEMPLATE_PYTHONPATH"


def complete(
    container: Json, line: CommandLine, job: AutoSearchJob, volumes: Volumes, attempt_id: str, resume: str
) -> None:
    """Make the template's container, a copy, the trial's.

    Args:
        resume: what the script is to start from, relative to the output root; "" for nothing.
    """
    container["command"], container["args"] = line.command, line.args
    container["env"] = environment(line.env, container.get("env") or [])
    if has_own_directory(job):
        container["workingDir"] = working_directory(job)
    container.setdefault("terminationMessagePolicy", "FallbackToLogsOnError")
    container["volumeMounts"] = [
        *_own_mounts(job, volumes),
        *data_mounts(job, volumes),
        *output_mounts(job, volumes, attempt_id, resume),
        *_shared_memory(container, volumes),
        *(container.get("volumeMounts") or []),
    ]


def environment(ours: Mapping[str, str], template: list[Json]) -> list[Json]:
    """Give the container's variables: ours first, so that the template's may refer to them.

    The template cannot change one of ours. A `$` in one of our values is doubled: the kubelet must not expand it.
    """
    fixed = {**ours, "AUTOSEARCH_SOCKET": settings.SOCKET, "AUTOSEARCH_RESULT": settings.RESULT}
    written = [_variable(entry) for entry in template if entry.get("name") not in fixed]
    names = {entry.get("name") for entry in written}
    made = [{"name": name, "value": value.replace("$", "$$")} for name, value in fixed.items()]
    if "PYTHONUNBUFFERED" not in names:
        # What a script printed before it was killed must be in its log.
        made.append({"name": "PYTHONUNBUFFERED", "value": "1"})
    if _PYTHON_PATH not in names:
        made.append({"name": _PYTHON_PATH, "value": settings.PYTHON})
    for entry in written:
        made += _with_sdk(entry) if entry.get("name") == _PYTHON_PATH else [entry]
    return made


def _variable(entry: Json) -> Json:
    return {**entry, "value": str(entry["value"])} if "value" in entry else entry


def _with_sdk(entry: Json) -> list[Json]:
    """Put the SDK's folder in front of the template's own PYTHONPATH."""
    if "valueFrom" in entry:
        both = f"{settings.PYTHON}:$({_TEMPLATES_PYTHON_PATH})"
        return [{**entry, "name": _TEMPLATES_PYTHON_PATH}, {"name": _PYTHON_PATH, "value": both}]
    own = entry.get("value") or ""
    return [{"name": _PYTHON_PATH, "value": f"{settings.PYTHON}:{own}" if own else settings.PYTHON}]


def own_paths(job: AutoSearchJob) -> set[str]:
    """Give the paths that we mount into the trial's container, but for those under `/autosearch`."""
    place = working_directory(job)
    found = {place} if has_own_directory(job) else set()
    folders = {"train_data": job.spec.train_data, "test_data": job.spec.test_data, "output": job.spec.output}
    return found | {posixpath.join(place, name) for name, source in folders.items() if source is not None}


def _own_mounts(job: AutoSearchJob, volumes: Volumes) -> list[Json]:
    made = [
        # Read-only, yet a socket in it can be connected to.
        mount(volumes.new(f"{OURS}run", {"emptyDir": {}}), settings.RUN, read_only=True),
        mount(volumes.new(f"{OURS}result", {"emptyDir": {}}), settings.RESULT_FOLDER),
    ]
    if has_own_directory(job):
        made.append(mount(volumes.new(f"{OURS}work", {"emptyDir": {}}), working_directory(job)))
    return made


def _shared_memory(container: Mapping[str, Any], volumes: Volumes) -> list[Json]:
    """Give a GPU's container room for what its data loaders share; a runtime gives 64 MB, which is not enough."""
    taken = {used.get("mountPath", "").rstrip("/") for used in container.get("volumeMounts") or []}
    if SHARED_MEMORY in taken or not gpus_of({"spec": {"containers": [container]}}):
        return []
    resources = container.get("resources") or {}
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    size = limits.get("memory") or requests.get("memory")
    source: Json = {"medium": "Memory", **({"sizeLimit": size} if size else {})}
    return [mount(volumes.new(f"{OURS}shm", {"emptyDir": source}), SHARED_MEMORY)]
