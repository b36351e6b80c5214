"""The short pod that removes models nothing needs any more.

Owns: that pod. It gets no GPU and sees no folder but the job's own; the operator itself mounts nothing.
"""

import copy
import json
from collections.abc import Sequence

from autosearch.api.job import AutoSearchJob
from autosearch.engine.names import job_id
from autosearch.kubernetes.pod.beside import plain, trial_user
from autosearch.kubernetes.pod.build import owned_by
from autosearch.kubernetes.pod.places import job_output_mount
from autosearch.kubernetes.pod.settings import Json, PodSettings
from autosearch.kubernetes.pod.volumes import Volumes
from autosearch.kubernetes.resources import CLEANER_LABEL, JOB_LABEL, JOBS, MANAGED_LABEL, PODS
from autosearch.sidecar import settings

DIRECTORIES = "autosearch.dev/directories"
"""Annotation that holds what a cleaner was asked to remove, as a JSON list."""
_CONTAINER = "cleaner"
_LONGEST = 3600
# What it needs to reach the volume, on the nodes that can, as whom the volume knows.
_TAKEN = ("nodeSelector", "tolerations", "imagePullSecrets", "serviceAccountName", "securityContext")


def cleaner_pod(job: AutoSearchJob, name: str, directories: Sequence[str], given: PodSettings) -> Json:
    """Build the pod that removes directories from the job's output.

    Args:
        name: deterministic, so that creating it twice is harmless.
        directories: `<job id>/<attempt id>`, relative to the output root.
    """
    assert job.spec.output is not None, "without an output there is nothing to remove"
    volumes = Volumes([], [])
    names = [directory.removeprefix(f"{job_id(job)}/") for directory in directories]
    container = {
        **plain(job, _CONTAINER, given),
        "command": ["autosearch", "sidecar", "--remove", *names],
        "securityContext": _security(job),
        "volumeMounts": [job_output_mount(job, volumes, settings.OUTPUT)],
    }
    template = job.spec.template["spec"]
    spec: Json = {key: copy.deepcopy(template[key]) for key in _TAKEN if key in template}
    spec |= {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": _LONGEST,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "containers": [container],
        "volumes": volumes.all,
    }
    metadata = {
        "name": name,
        "namespace": job.metadata.namespace or "default",
        "labels": {JOB_LABEL: job.name, CLEANER_LABEL: "true", MANAGED_LABEL: "true"},
        "annotations": {DIRECTORIES: json.dumps(list(directories))},
        "ownerReferences": [owned_by(JOBS, job)],
    }
    return {"apiVersion": PODS.api_version, "kind": PODS.kind, "metadata": metadata, "spec": spec}


def _security(job: AutoSearchJob) -> Json:
    user = trial_user(job) or 0
    # Whoever the trials' image ran as made the files: root needs these two to remove another user's.
    added = {} if user else {"add": ["DAC_OVERRIDE", "FOWNER"]}
    return {
        "runAsUser": user,
        "runAsNonRoot": bool(user),
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"], **added},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
