"""What sidecars send over the network: whose it is, and what it counts for."""

import pytest
from tests.unit.kubernetes_samples import JOB_UID, TRIAL_NAME, job_body, pod_body, trial_body

from autosearch.api.job import AutoSearchJob
from autosearch.kubernetes.cache import Cache
from autosearch.kubernetes.report_server import StopAnswer
from autosearch.kubernetes.reports import Reports
from autosearch.kubernetes.resources import JOBS, PODS, TRIALS
from autosearch.kubernetes.view import Heard
from autosearch.reporting.messages import FinalReport, ProgressReport

ASKED = {"type": "StopRequested", "status": "True", "lastTransitionTime": "2026-01-31T12:00:00Z", "reason": "Early"}
FIRST_OVER = [{"id": "0-4", "reason": "NodeLost", "endTime": "2026-01-31T12:10:00Z"}]


class World:
    """A job with a running trial, and what was heard of its pod."""

    def __init__(self, **status):
        self.cache, self.heard, self.wanted = Cache(), Heard(), []
        running = {"state": "Running", "attempts": [{"id": "0-4"}], "attemptCount": 1, **status}
        for resource, body in ((JOBS, job_body()), (TRIALS, trial_body(status=running)), (PODS, pod_body())):
            self.cache.apply(resource, body)
        job = AutoSearchJob.from_dict(job_body())
        self.reports = Reports(
            self.cache, self.heard, lambda _: job, lambda *told: self.wanted.append(told), lambda: 100.0
        )
        self.pod = self.reports.pod("team", TRIAL_NAME, "pod-1")

    def progress(self, step=1, checkpoint=""):
        return self.reports.progress(self.pod, ProgressReport(step, {"acc": 0.5}, checkpoint))

    def written(self):
        trial = self.cache.trials(JOB_UID)[TRIAL_NAME]
        return self.reports.merged(trial) if self.reports.due_trials(JOB_UID) else trial.status


def test_the_first_progress_is_to_be_written_at_once():
    """A step of the attempt that runs wants a pass, which finds it."""
    world = World()

    assert world.progress(3, "demo-01234567/0-4/c.pt") == StopAnswer()
    assert world.wanted == [(JOB_UID, 0.0)]
    assert [observation.step for observation in world.written().observations] == [3]
    assert world.written().last_checkpoint_path == "demo-01234567/0-4/c.pt"


def test_a_first_attempt_that_is_not_on_record_yet_is_heard():
    """A pod may report before its start was written into its trial."""
    world = World(state="Pending", attempts=[], attemptCount=0)
    world.progress(3)

    assert [observation.step for observation in world.written().observations] == [3]


@pytest.mark.parametrize("attempts", [FIRST_OVER, [*FIRST_OVER, {"id": "0-4-r1"}]])
def test_an_attempt_that_is_over_reports_no_progress(attempts):
    """A pod on a lost node that still speaks changes nothing of its successor: no steps, no checkpoint."""
    world = World(attempts=attempts, attemptCount=len(attempts))

    assert world.progress(99, "demo-01234567/0-4/c.pt") == StopAnswer()
    assert world.wanted == []
    assert world.written().observations == []


def test_the_answer_is_what_the_plan_has_decided():
    """A trial that was asked to stop hears it with its next report, and why."""
    world = World(conditions=[{**ASKED, "message": "below the median"}])

    assert world.progress() == StopAnswer(stop=True, reason="below the median")


def test_the_first_result_of_a_pod_counts():
    """A result may come many times: it wants one pass, and keeps the time at which it was accepted first."""
    world = World()
    for value in (0.9, 0.1):
        world.reports.final(world.pod, FinalReport(value, {"acc": value}), 1_000.0 * value)

    report, time = world.heard.finals["pod-1"]
    assert (report.value, time.timestamp()) == (0.9, 900.0)
    assert world.wanted == [(JOB_UID, 0.0)]
