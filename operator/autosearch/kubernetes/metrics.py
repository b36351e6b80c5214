"""Every metric of the operator, in one place.

Owns: names, labels and buckets. Labels never carry a word that a user chose.
"""

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_SLOW = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_LONGEST_HANDOFF = 60.0
_WORD = re.compile(r"[A-Z][A-Za-z]{1,39}|[0-9]{1,3}")


@dataclass(frozen=True, slots=True)
class Figures:
    """What is counted when somebody asks.

    Attributes:
        jobs: by state.
        trials: by state.
        busy: runs that are alive.
        slots: how many could be, in all jobs that run.
        waiting: keys in the work queue.
    """

    jobs: dict[str, int]
    trials: dict[str, int]
    busy: int
    slots: int
    waiting: int


class Metrics:
    """The metrics of one operator process."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._clock = clock
        self._freed: dict[str, deque[float]] = {}
        self._declare_searches()
        self._declare_work()

    def _declare_searches(self) -> None:
        self._jobs = self._gauge("jobs", "AutoSearchJobs by state.", "state")
        self._trials = self._gauge("trials", "Trials by state.", "state")
        self._busy = self._gauge("busy_slots", "Runs that are alive.")
        self._slots = self._gauge("slots", "Runs that could be alive, in jobs that run.")
        self._share = self._gauge("slot_busy_share", "Busy slots by slots; 1 with no slots.")
        self._finished = self._counter("trials_finished", "Trials that got their final state.", "state")
        handoff = "From a pod seen finished to the next pod of its job accepted."
        self._handoff = self._histogram("handoff_seconds", handoff, _SLOW)
        self._proposals = self._histogram("proposal_seconds", "One answer of an algorithm.", _SLOW, "algorithm")
        self._reports = self._counter("reports", "Reports of sidecars.", "kind", "code")

    def _declare_work(self) -> None:
        self._passes = self._histogram("pass_seconds", "One pass over one job.", _FAST)
        self._failures = self._counter("pass_failures", "Passes that could not be ended, by reason.", "reason")
        self._requests = self._counter("api_requests", "Requests to the API server.", "verb", "resource", "code")
        seconds = "Requests to the API server."
        self._request_seconds = self._histogram("api_request_seconds", seconds, _FAST, "verb", "resource")
        self._depth = self._gauge("queue_depth", "Jobs that wait for a pass.")
        self._lag = self._gauge("watch_lag_seconds", "Age of the oldest write that no watch has shown.")
        self._loop_lag = self._gauge("loop_lag_seconds", "Delay of the event loop, last seen.")
        self._leader = self._gauge("leader", "1 while this replica leads.")
        self._collections = self._histogram("gc_seconds", "One collection of garbage.", _FAST)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"autosearch_{name}", text, labels, registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"autosearch_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"autosearch_{name}", text, labels, registry=self.registry, buckets=buckets)

    def exposition(self, figures: Figures) -> bytes:
        """Give all metrics in Prometheus' text form."""
        for gauge, counts in ((self._jobs, figures.jobs), (self._trials, figures.trials)):
            gauge.clear()
            for state, count in counts.items():
                gauge.labels(state).set(count)
        self._busy.set(figures.busy)
        self._slots.set(figures.slots)
        self._share.set(figures.busy / figures.slots if figures.slots else 1.0)
        self._depth.set(figures.waiting)
        return generate_latest(self.registry)

    def request(self, verb: str, plural: str, status: int, seconds: float) -> None:
        """Count a request to the API server; status 0: there was no answer."""
        self._requests.labels(verb, plural, str(status)).inc()
        self._request_seconds.labels(verb, plural).observe(seconds)

    def report(self, kind: str, status: int, _seconds: float) -> None:
        """Count a sidecar's report."""
        self._reports.labels(kind or "unread", str(status)).inc()

    def proposed(self, algorithm: str, seconds: float) -> None:
        """Count an algorithm's answer."""
        self._proposals.labels(algorithm).observe(seconds)

    def passed(self, seconds: float) -> None:
        """Count a pass."""
        self._passes.observe(seconds)

    def pass_failed(self, reason: str) -> None:
        """Count a pass that failed.

        Args:
            reason: Kubernetes' word; what is none, as the sentence that an admission webhook gives as its reason, is
                counted as `Other`.
        """
        self._failures.labels(reason if _WORD.fullmatch(reason) else "Other").inc()

    def trial_finished(self, state: str) -> None:
        """Count a trial that got its final state."""
        self._finished.labels(state).inc()

    def pod_ended(self, job_uid: str) -> None:
        """Start a hand-off: a pod was seen finished."""
        self._freed.setdefault(job_uid, deque(maxlen=1000)).append(self._clock())

    def pod_accepted(self, job_uid: str) -> None:
        """End the oldest hand-off: the job's next pod was accepted."""
        freed = self._freed.get(job_uid)
        if freed:
            seconds = self._clock() - freed.popleft()
            # A slot that stayed free for longer waited for something else: a budget that grew, a resumption.
            if seconds < _LONGEST_HANDOFF:
                self._handoff.observe(seconds)

    def drop(self, job_uid: str) -> None:
        """Forget a job that is gone."""
        self._freed.pop(job_uid, None)

    def lag(self, seconds: float) -> None:
        """Note the age of the oldest write that no watch has shown yet."""
        self._lag.set(seconds)

    def loop_lag(self, seconds: float) -> None:
        """Note how late the event loop was."""
        self._loop_lag.set(seconds)

    def leading(self, leads: bool) -> None:
        """Note whether this replica leads."""
        self._leader.set(int(leads))

    def collected(self, seconds: float) -> None:
        """Count a collection of garbage."""
        self._collections.observe(seconds)
