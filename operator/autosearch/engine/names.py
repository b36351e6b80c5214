"""Names of everything a search makes: deterministic, so that creating twice is harmless.

Owns: job ids, trial ids, attempt ids, object names. All are safe as path components and as DNS names.
"""

import hashlib
from collections.abc import Sequence

from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import Trial


def job_id(job: AutoSearchJob) -> str:
    """Give what the script sees as `--job_id`: the job's name and the start of its uid."""
    assert job.metadata.uid is not None, "a job has a uid before anything is planned for it"
    return f"{job.name}-{job.metadata.uid[:8]}"


def trial_id(job: AutoSearchJob, number: int, round_: int, member: int) -> str:
    """Give `<round>-<member>` for population algorithms, else `0-<number>`."""
    return f"{round_}-{member}" if job.spec.algorithm.population else f"0-{number}"


def trial_name(job: AutoSearchJob, identity: str) -> str:
    """Give the name of the Trial object."""
    return f"{job_id(job)}-{identity}"


def attempt_id(trial: Trial, attempt: int) -> str:
    """Give what the script sees as `--trial_id`; further attempts add `-r1`, `-r2`: each has its own directory."""
    return trial.spec.trial_id if attempt == 0 else f"{trial.spec.trial_id}-r{attempt}"


def output_directory(job: AutoSearchJob, attempt: str) -> str:
    """Give the directory that an attempt alone writes to, relative to the output root."""
    return f"{job_id(job)}/{attempt}"


def cleaner_name(job: AutoSearchJob, directories: Sequence[str], tries: int) -> str:
    """Give the name of the run that removes directories, after so many that failed; a DNS label."""
    digest = hashlib.sha256("\n".join(sorted(directories)).encode()).hexdigest()[:8]
    return f"{job_id(job)}-clean-{digest}-{tries}"
