"""What runs beside a trial: the sidecar, and before it the copiers of private data.

Owns: their containers, which hold to Pod Security `restricted` and get no GPU. Only the sidecar gets a token.
"""

import posixpath
from typing import Any

from autosearch.api.job import AutoSearchJob, DataSource
from autosearch.api.trial import Trial
from autosearch.engine.command_line import trial_container
from autosearch.engine.names import job_id
from autosearch.kubernetes.pod.places import (
    copy_volume,
    data_folders,
    job_output_mount,
    source_mount,
    working_directory,
)
from autosearch.kubernetes.pod.settings import OURS, OWN_ROOT, SIDECAR, Json, PodSettings
from autosearch.kubernetes.pod.volumes import Volumes, mount
from autosearch.kubernetes.resources import AUDIENCE
from autosearch.sidecar import settings

NOBODY = 65532
"""The image's own user."""
_TOKEN_SECONDS = 3600
_FROM, _TO = f"{OWN_ROOT}/from", f"{OWN_ROOT}/to"
# 12,000 looks, a twentieth of a second apart: ten minutes for code on a slow volume. What ends before it is ready
# is started again, and says why in its termination message.
_WAIT = (
    f"n=0; until [ -e {settings.READY} ]; do n=$((n+1)); "
    'if [ "$n" -gt 12000 ]; then echo "not ready within ten minutes" >&2; exit 1; fi; sleep 0.05; done'
)


def sidecar(job: AutoSearchJob, trial: Trial, attempt_id: str, given: PodSettings, volumes: Volumes) -> Json:
    """Make the sidecar's container; the hook holds the trial back until it is ready.

    Never a `startupProbe`: it costs two seconds of GPU for each trial.
    """
    container = plain(job, SIDECAR, given)
    container["command"] = ["autosearch", "sidecar"]
    container["restartPolicy"] = "Always"
    container["lifecycle"] = {"postStart": {"exec": {"command": ["sh", "-c", _WAIT]}}}
    # The kubelet expands references in values, and our JSON is no such text.
    words = _words(job, trial, attempt_id, given).to_json().replace("$", "$$")
    container["env"] = [{"name": settings.SETTINGS, "value": words}]
    container["volumeMounts"] = [
        mount(f"{OURS}run", settings.RUN),
        mount(f"{OURS}result", settings.RESULT_FOLDER),
        mount(volumes.new(f"{OURS}state", {"emptyDir": {}}), settings.STATE),
        *_code(job, volumes),
        *_output(job, volumes),
        *_token(given, volumes),
    ]
    return container


def _words(job: AutoSearchJob, trial: Trial, attempt_id: str, given: PodSettings) -> settings.SidecarSettings:
    return settings.SidecarSettings(
        job_id=job_id(job),
        attempt_id=attempt_id,
        trial_name=trial.name,
        metric=job.spec.objective.metric,
        working_directory=working_directory(job),
        framework=job.spec.framework or "",
        checkpoint_required=job.spec.algorithm.pbt is not None,
        model_kept=job.spec.output is not None,
        copies_code=job.spec.code is not None,
        report_url=given.report_url,
        ca_certificate=given.ca_certificate if given.report_url else "",
    )


def _code(job: AutoSearchJob, volumes: Volumes) -> list[Json]:
    if job.spec.code is None:
        return []
    return [source_mount(volumes, "code", job.spec.code, settings.CODE), mount(f"{OURS}work", settings.WORK)]


def _output(job: AutoSearchJob, volumes: Volumes) -> list[Json]:
    if job.spec.output is None:
        return []
    return [job_output_mount(job, volumes, posixpath.join(settings.OUTPUT, job_id(job)), read_only=True)]


def _token(given: PodSettings, volumes: Volumes) -> list[Json]:
    if not given.report_url:
        return []
    folder, name = posixpath.split(settings.TOKEN)
    token = {"serviceAccountToken": {"audience": AUDIENCE, "expirationSeconds": _TOKEN_SECONDS, "path": name}}
    return [mount(volumes.new(f"{OURS}token", {"projected": {"sources": [token]}}), folder, read_only=True)]


def copiers(job: AutoSearchJob, given: PodSettings, volumes: Volumes) -> list[Json]:
    """Make the init containers that copy data of which each trial has its own."""
    folders = data_folders(job).items()
    return [_copier(job, name, source, given, volumes) for name, source in folders if source.access == "PrivateCopy"]


def _copier(job: AutoSearchJob, name: str, source: DataSource, given: PodSettings, volumes: Volumes) -> Json:
    container = plain(job, copy_volume(name), given)
    container["command"] = ["autosearch", "sidecar", "--copy", f"{_FROM}/{name}", f"{_TO}/{name}"]
    container["volumeMounts"] = [
        source_mount(volumes, name, source, f"{_FROM}/{name}"),
        mount(copy_volume(name), f"{_TO}/{name}"),
    ]
    return container


def plain(job: AutoSearchJob, name: str, given: PodSettings) -> Json:
    """Make a container of our image that needs next to nothing, and may do next to nothing."""
    return {
        "name": name,
        "image": given.image,
        "imagePullPolicy": given.pull_policy,
        # No CPU limit: throttled, it would hold the GPU's trial up.
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
        "securityContext": _restricted(_user(job)),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _restricted(user: int | None) -> Json:
    return {
        **({} if user is None else {"runAsUser": user}),
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _user(job: AutoSearchJob) -> int | None:
    """Give the trial's user, whose files are to be read; in place of root the image's own; None: the image says."""
    user = trial_user(job)
    return NOBODY if user == 0 else user


def trial_user(job: AutoSearchJob) -> int | None:
    """Give the user that the template names for the trial; None where the trial's image decides."""
    pod: dict[str, Any] = job.spec.template["spec"].get("securityContext") or {}
    own: dict[str, Any] = trial_container(job).get("securityContext") or {}
    found = own.get("runAsUser", pod.get("runAsUser"))
    return None if found is None else int(found)
