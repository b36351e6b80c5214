"""What is said where there is nothing to show.

Owns: the difference between what is not there yet and what will never be.
"""

from autosearch.api.job import AutoSearchJob


def not_yet(job: AutoSearchJob, fact: str) -> str:
    """End a sentence such as `no trial has succeeded` with `yet` while the search goes on."""
    over = job.status.completion_time is not None or job.status.state in ("Complete", "Failed")
    return fact if over else f"{fact} yet"
