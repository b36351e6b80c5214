"""The pod of one attempt, as the design's section 7 has it.

Owns: how the template, the trial's container and what runs beside it become one pod. Pure: no clock, no client;
the same arguments give the same pod, so that creating it twice is harmless.
"""

import copy
from collections.abc import Mapping

from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import Trial
from autosearch.engine.command_line import command_line
from autosearch.kubernetes.pod import beside
from autosearch.kubernetes.pod.limits import check_template
from autosearch.kubernetes.pod.settings import CONTAINER_ANNOTATION, DEFAULT_CONTAINER, Json, PodSettings
from autosearch.kubernetes.pod.trial import complete
from autosearch.kubernetes.pod.volumes import Volumes
from autosearch.kubernetes.resources import (
    ATTEMPT_LABEL,
    JOB_LABEL,
    JOBS,
    MANAGED_LABEL,
    PODS,
    TRIAL_LABEL,
    TRIALS,
    Resource,
    pod_name,
)

_KUEUE = "kueue.x-k8s.io/"


def build_pod(
    job: AutoSearchJob, trial: Trial, attempt_id: str, resume_checkpoint_path: str, sidecar: PodSettings
) -> Json:
    """Build an attempt's pod.

    Args:
        trial: one without a uid (proposed, not created yet) gives a pod that the job owns: good for a dry run.
        attempt_id: what the script sees as its trial id.
        resume_checkpoint_path: what the script is to start from, relative to the output root; "" for nothing.
        sidecar: what the operator's configuration says.

    Raises:
        InvalidInputError: if the template leaves no room for what is added.
    """
    check_template(job)
    spec: Json = copy.deepcopy(job.spec.template["spec"])
    container = _trial_of(spec)
    volumes = Volumes(spec.get("volumes") or [], [*spec["containers"], *(spec.get("initContainers") or [])])
    line = command_line(job, trial, attempt_id, resume_checkpoint_path)
    complete(container, line, job, volumes, attempt_id, resume_checkpoint_path)
    # The template's come first: what they make may be what is copied, and the sidecar is only needed by the trial.
    spec["initContainers"] = [
        *(spec.get("initContainers") or []),
        *beside.copiers(job, sidecar, volumes),
        beside.sidecar(job, trial, attempt_id, sidecar, volumes),
    ]
    spec["volumes"] = volumes.all
    spec["restartPolicy"] = "Never"
    spec.setdefault("automountServiceAccountToken", False)
    spec.setdefault("enableServiceLinks", False)
    metadata = _metadata(job, trial, attempt_id, str(container["name"]))
    return {"apiVersion": PODS.api_version, "kind": PODS.kind, "metadata": metadata, "spec": spec}


def _trial_of(spec: Json) -> Json:
    containers: list[Json] = spec["containers"]
    found = next((container for container in containers if container.get("name") == "trial"), containers[0])
    found.setdefault("name", "trial")
    return found


def _metadata(job: AutoSearchJob, trial: Trial, attempt_id: str, container: str) -> Json:
    template = job.spec.template.get("metadata") or {}
    labels = {**_kueue(job.metadata.labels or {}), **(template.get("labels") or {})}
    labels |= {JOB_LABEL: job.name, TRIAL_LABEL: trial.name, ATTEMPT_LABEL: attempt_id, MANAGED_LABEL: "true"}
    return {
        "name": pod_name(job, attempt_id),
        "namespace": job.metadata.namespace or "default",
        "labels": labels,
        "annotations": {
            DEFAULT_CONTAINER: container,
            **(template.get("annotations") or {}),
            CONTAINER_ANNOTATION: container,
        },
        "ownerReferences": [owned_by(TRIALS, trial) if trial.metadata.uid else owned_by(JOBS, job)],
    }


def _kueue(labels: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name.startswith(_KUEUE)}


def owned_by(resource: Resource, owner: AutoSearchJob | Trial) -> Json:
    """Make the reference to the one owner with which a pod is deleted."""
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "name": owner.name,
        "uid": owner.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
