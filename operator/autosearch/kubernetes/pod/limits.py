"""What a template must leave to us.

Owns: the rules about names, paths and the number of containers, told before the API server says the same in
its own words.
"""

from collections.abc import Iterator
from typing import Any

from autosearch.api.errors import InvalidInputError, Problem, shown
from autosearch.api.job import AutoSearchJob
from autosearch.engine.command_line import trial_container
from autosearch.kubernetes.pod.places import data_folders, has_own_directory
from autosearch.kubernetes.pod.settings import OURS, OWN_ROOT
from autosearch.kubernetes.pod.trial import own_paths

MOST_CONTAINERS = 6
"""The kubelet shares 12 kB of messages among a pod's containers, and a sidecar's report must fit."""
_LISTS = ("containers", "initContainers", "volumes")
_SPEC = "spec.template.spec"


def check_template(job: AutoSearchJob) -> None:
    """Check that a pod can be built from the job's template.

    Raises:
        InvalidInputError: with all that is in the way.
    """
    problems = [*_count(job), *_names(job), *_directory(job), *_mounts(job)]
    if problems:
        raise InvalidInputError(problems)


def _count(job: AutoSearchJob) -> Iterator[Problem]:
    spec = job.spec.template["spec"]
    own = len(spec["containers"]) + len(spec.get("initContainers") or [])
    copies = sum(source.access == "PrivateCopy" for source in data_folders(job).values())
    left = MOST_CONTAINERS - 1 - copies
    if own > left:
        text = f"at most {left}: {MOST_CONTAINERS} in all, with our sidecar and {copies} for access: PrivateCopy"
        yield Problem(f"{_SPEC}.containers", f"{own} containers and init containers", text)


def _names(job: AutoSearchJob) -> Iterator[Problem]:
    for kind in _LISTS:
        for index, entry in enumerate(job.spec.template["spec"].get(kind) or []):
            if str(entry.get("name", "")).startswith(OURS):
                text = f"names that begin with `{OURS}` are ours: choose another"
                yield Problem(f"{_SPEC}.{kind}[{index}].name", shown(entry["name"]), text)


def _directory(job: AutoSearchJob) -> Iterator[Problem]:
    found = trial_container(job).get("workingDir")
    if not found:
        return
    path = f"{_SPEC}.containers[{_index(job)}].workingDir"
    if not str(found).startswith("/"):
        yield Problem(path, shown(found), "must be absolute, such as /workspace")
    elif not str(found).strip("/") and has_own_directory(job):
        yield Problem(path, shown(found), "the code cannot be copied over the image's root: write /workspace")


def _mounts(job: AutoSearchJob) -> Iterator[Problem]:
    taken = own_paths(job)
    for index, used in enumerate(trial_container(job).get("volumeMounts") or []):
        written = str(used.get("mountPath", ""))
        place = "/" + written.strip("/")
        if place in taken or f"{place}/".startswith(f"{OWN_ROOT}/"):
            text = "AutoSearch mounts its own volume there: choose another path, or another workingDir"
            yield Problem(f"{_SPEC}.containers[{_index(job)}].volumeMounts[{index}].mountPath", shown(written), text)


def _index(job: AutoSearchJob) -> int:
    containers: list[dict[str, Any]] = job.spec.template["spec"]["containers"]
    return containers.index(trial_container(job))
