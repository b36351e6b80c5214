"""What a trial finds in its working directory, as mounts.

Owns: the working directory, `train_data`, `test_data` and `output` in it, and which of them may be written. Nobody
makes the attempt's own folder: some frameworks refuse one that exists.
"""

import posixpath

from autosearch.api.job import AutoSearchJob, DataSource, Source
from autosearch.engine.command_line import trial_container
from autosearch.engine.names import job_id
from autosearch.kubernetes.pod.settings import COPIER, DEFAULT_DIRECTORY, OURS, Json
from autosearch.kubernetes.pod.volumes import Volumes, joined, mount

# `<job id>/<attempt id>/<file>`: with less there is no folder of an attempt to speak of.
_LEAST_PARTS = 3


def working_directory(job: AutoSearchJob) -> str:
    """Give the script's working directory, absolute."""
    written = trial_container(job).get("workingDir") or DEFAULT_DIRECTORY
    return "/" + posixpath.normpath(written).strip("/")


def has_own_directory(job: AutoSearchJob) -> bool:
    """Say whether the working directory is a volume of ours, which hides what the image has there."""
    return job.spec.code is not None or not trial_container(job).get("workingDir")


def data_folders(job: AutoSearchJob) -> dict[str, DataSource]:
    """Give the data that the job has, by the names under which a script finds them."""
    found = {"train_data": job.spec.train_data, "test_data": job.spec.test_data}
    return {name: source for name, source in found.items() if source is not None}


def data_mounts(job: AutoSearchJob, volumes: Volumes) -> list[Json]:
    """Mount the data into the working directory: shared data read-only, private copies writable."""
    made = []
    for name, source in data_folders(job).items():
        path = posixpath.join(working_directory(job), name)
        if source.access == "PrivateCopy":
            made.append(mount(volumes.new(copy_volume(name), {"emptyDir": {}}), path))
        else:
            made.append(source_mount(volumes, name, source, path))
    return made


def copy_volume(name: str) -> str:
    """Give the name of a private copy's volume, which is its copier's name, too."""
    return f"{COPIER}{name.replace('_', '-')}"


def source_mount(volumes: Volumes, name: str, source: Source, path: str) -> Json:
    """Mount one of the job's sources read-only."""
    volume = volumes.shared(f"{OURS}{name.replace('_', '-')}", source.volume)
    return mount(volume, path, inner=joined(source.sub_path or ""), read_only=True)


def output_mounts(job: AutoSearchJob, volumes: Volumes, attempt_id: str, resume_checkpoint_path: str) -> list[Json]:
    """Mount the output: the root read-only, in it the job's folder writable, in that the parent's read-only."""
    if job.spec.output is None:
        return []
    root = posixpath.join(working_directory(job), "output")
    whole = source_mount(volumes, "output", job.spec.output, root)
    made = [whole, job_output_mount(job, volumes, posixpath.join(root, job_id(job)))]
    parent = _parent(job, resume_checkpoint_path)
    if parent and parent != attempt_id:
        inner = joined(job.spec.output.sub_path or "", job_id(job), parent)
        path = posixpath.join(root, job_id(job), parent)
        made.append(mount(whole["name"], path, inner=inner, read_only=True))
    return made


def job_output_mount(job: AutoSearchJob, volumes: Volumes, path: str, *, read_only: bool = False) -> Json:
    """Mount the job's own folder of the output, and no other job's."""
    assert job.spec.output is not None
    volume = volumes.shared(f"{OURS}output", job.spec.output.volume)
    return mount(volume, path, inner=joined(job.spec.output.sub_path or "", job_id(job)), read_only=read_only)


def _parent(job: AutoSearchJob, checkpoint_path: str) -> str:
    """Give the folder, in the job's own, that holds a checkpoint; "" where there is none to be guarded."""
    parts = checkpoint_path.split("/")
    if len(parts) < _LEAST_PARTS or parts[0] != job_id(job) or parts[1] in {"", ".", ".."}:
        return ""
    return parts[1]
