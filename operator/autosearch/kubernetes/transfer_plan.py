"""Which pod moves whose files: its image, its user and what it mounts.

Owns: what a user who says little is given. Pure.
"""

import copy
import re
from pathlib import PurePosixPath
from typing import Any

from autosearch.api.errors import InvalidInputError, Problem
from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import Trial
from autosearch.engine.command_line import trial_container
from autosearch.kubernetes.client import Json
from autosearch.kubernetes.objects import AbsentError
from autosearch.kubernetes.pod.beside import NOBODY
from autosearch.kubernetes.pod.volumes import joined
from autosearch.kubernetes.transfer import Place
from autosearch.kubernetes.transfer_pod import Mounted

DEFAULT_IMAGE = "busybox:stable"
"""Small, public, and has all that is needed."""
_URI = re.compile(r"pvc://(?P<claim>[a-z0-9]([-.a-z0-9]*[a-z0-9])?)(?P<path>/.*)?", re.DOTALL)
# What a pod needs to reach the volume on the nodes that can, as whom the volume knows.
_POD = ("nodeSelector", "tolerations", "affinity", "imagePullSecrets", "serviceAccountName", "securityContext")
_CONTAINER = ("runAsUser", "runAsGroup", "runAsNonRoot")


def read_place(text: str) -> Place:
    """Read `pvc://CLAIM/PATH`; raises `InvalidInputError`."""
    found = _URI.fullmatch(text)
    if found is None:
        raise InvalidInputError([Problem("TARGET", text, "write pvc://CLAIM/PATH, such as pvc://datasets/mnist")])
    path = PurePosixPath((found["path"] or "").strip("/"))
    if not path.parts:
        raise InvalidInputError(
            [Problem("TARGET", text, f"name a folder on the claim, such as pvc://{found['claim']}/mnist")]
        )
    if ".." in path.parts or any(character in str(path) for character in "\n\\"):
        raise InvalidInputError([Problem("TARGET", text, "has `..`, a backslash or a line break in its path")])
    return Place(found["claim"], path)


def pods_to_push(place: Place, *, like: AutoSearchJob | None, image: str | None, run_as: int | None) -> list[Mounted]:
    """Give the pods to try, in turn, while their user may not write to the claim.

    Args:
        like: a job whose trials' image, nodes and user are taken.
        image: wins over the job's.
        run_as: wins over the job's user.
    """
    volume = {"persistentVolumeClaim": {"claimName": place.claim}}
    pod, security = _of_job(like) if like is not None else ({}, {})
    chosen = image or (_image(like) if like is not None else DEFAULT_IMAGE)
    users: list[int | None] = [run_as] if run_as is not None or like is not None else [NOBODY, 0]
    return [Mounted(volume, "", False, chosen, pod, _as_user(security, user)) for user in users]


def pod_to_pull(job: AutoSearchJob, *, image: str | None, run_as: int | None) -> Mounted:
    """Give the pod that reads a job's output, by default as its trials do; raises `AbsentError` if it has none."""
    output = job.spec.output
    if output is None:
        raise AbsentError(f"{job.name} keeps no models: its spec has no output")
    pod, security = _of_job(job)
    inner = joined(output.sub_path or "")
    return Mounted(output.volume, inner, True, image or _image(job), pod, _as_user(security, run_as))


def model_of(job: AutoSearchJob, trial: Trial) -> str:
    """Give the folder of a trial's model, relative to the job's output; raises `AbsentError` if there is none."""
    path = trial.status.model_path
    if path is not None:
        return str(path)
    what = f"trial {trial.spec.trial_id} of {job.name}"
    if trial.status.state != "Succeeded":
        raise AbsentError(f"{what} is {trial.status.state}: only a trial that has succeeded has a model")
    kept = job.spec.keep_best_models
    removed = f", or it was removed, as spec.keepBestModels: {kept} asks for" if kept is not None else ""
    raise AbsentError(f"{what} has no model: it reported none{removed}")


def _image(job: AutoSearchJob) -> str:
    return str(trial_container(job)["image"])


def _of_job(job: AutoSearchJob) -> tuple[Json, Json]:
    template: dict[str, Any] = job.spec.template["spec"]
    own: dict[str, Any] = trial_container(job).get("securityContext") or {}
    pod = {key: copy.deepcopy(template[key]) for key in _POD if key in template}
    return pod, {key: own[key] for key in _CONTAINER if key in own}


def _as_user(security: Json, user: int | None) -> Json:
    return security if user is None else {**security, "runAsUser": user, "runAsGroup": user, "runAsNonRoot": user != 0}
