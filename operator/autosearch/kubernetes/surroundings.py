"""What all passes of one operator share.

Owns: nothing but the list. Each part has its own module.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from autosearch.kubernetes.cache import Cache
from autosearch.kubernetes.client import Client
from autosearch.kubernetes.metrics import Metrics
from autosearch.kubernetes.pod import PodSettings
from autosearch.kubernetes.proposers import Proposers
from autosearch.kubernetes.recorder import Recorder
from autosearch.kubernetes.reports import Reports
from autosearch.kubernetes.view import Heard
from autosearch.kubernetes.writes import Writes


@dataclass(slots=True)
class Surroundings:
    """What a pass needs beside its job.

    Attributes:
        pod_settings: what the operator's configuration gives to each pod; read anew, as certificates are replaced.
        now: the present time in UTC.
        clock: a monotonic clock, in seconds.
    """

    client: Client
    cache: Cache
    heard: Heard
    reports: Reports
    writes: Writes
    proposers: Proposers
    recorder: Recorder
    metrics: Metrics
    pod_settings: Callable[[], PodSettings]
    now: Callable[[], datetime]
    clock: Callable[[], float]


@dataclass(slots=True)
class Wishes:
    """When a job wants its next pass: seconds from now, None if only news can change anything."""

    after: float | None = None

    def within(self, seconds: float) -> None:
        """Ask for a pass within so many seconds."""
        self.after = seconds if self.after is None else min(self.after, seconds)
