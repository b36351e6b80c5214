"""What AutoSearch offers beyond the published contract: reports while a trial is running."""

import os
from typing import NamedTuple

from autosearch_sdk import _client

__all__ = ["Progress", "report_progress"]


class Progress(NamedTuple):
    """``accepted``: the report was taken. ``stop``: the trial should save, report its result and end now."""

    accepted: bool
    stop: bool
    message: str


def report_progress(step, metrics, checkpoint_path=""):
    """Report how far a trial is.

    Args:
        step: whole number from 0 on, growing, such as the epoch.
        metrics: dict of names and numbers; stopping rules read the job's own metric in it.
        checkpoint_path: a file below ``output/<job_id>`` that an interrupted trial could go on from, or "".

    Returns:
        A ``Progress``. ``stop`` is never true unless AutoSearch said so: without an answer training goes on. Waits up
        to 5 s (``AUTOSEARCH_REPORT_TIMEOUT``) for a reader that does not answer. Never raises an ``Exception``.
    """
    try:
        reply = _client.report(
            {
                "type": "progress",
                "job_id": os.environ.get("AUTOSEARCH_JOB_ID", "job-1234"),
                "trial_id": os.environ.get("AUTOSEARCH_TRIAL_ID", "0-0"),
                "step": _client.whole(step),
                "metrics": _client.numbers("metrics", metrics),
                "checkpoint_path": _client.path(checkpoint_path),
            },
            patience=5.0,
        )
        return Progress(bool(reply.get("accepted")), bool(reply.get("stop")), str(reply.get("message", "")))
    except Exception as error:
        return Progress(False, False, _client.reason(error))
