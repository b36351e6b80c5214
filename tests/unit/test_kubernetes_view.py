"""The engine's snapshot of a job's pods: whose they are, and what was heard of them."""

from datetime import timedelta

import pytest
from tests.unit.kubernetes_samples import (
    JOB_UID,
    NOW,
    TRIAL_NAME,
    TRIAL_UID,
    cleaner_body,
    job_body,
    pod_body,
    trial_body,
)

from autosearch.api.job import AutoSearchJob
from autosearch.engine.snapshot import Report
from autosearch.kubernetes.cache import Cache
from autosearch.kubernetes.memory import JobMemory
from autosearch.kubernetes.resources import JOBS, PODS, TRIALS
from autosearch.kubernetes.view import Heard, is_same_run, pods_of

REPORT = Report(0.9, {"acc": 0.9})


class World:
    """A job with a trial, and what is seen of its pods."""

    def __init__(self, *pods, trial=None):
        self.cache, self.memory, self.heard = Cache(), JobMemory(), Heard()
        self.cache.apply(JOBS, job_body())
        if trial is not None:
            self.cache.apply(TRIALS, trial)
        for pod in pods:
            self.cache.apply(PODS, pod)

    def pods(self, now=NOW):
        return pods_of(AutoSearchJob.from_dict(job_body()), self.cache, self.memory, self.heard, now)

    def run(self):
        (found,) = self.pods().runs
        return found


def test_the_pod_of_a_trial_is_its_run():
    """A pod that this very trial owns is the run of the attempt on its label."""
    world = World(pod_body(), trial=trial_body())

    run = world.run()
    assert (run.trial_name, run.attempt_id, run.uid, run.alive) == (TRIAL_NAME, "0-4", "pod-1", True)
    assert world.pods().uids == {"0-4": (TRIAL_NAME, "pod-1")}


@pytest.mark.parametrize("trial", [None, trial_body(uid="another")])
def test_a_pod_that_no_trial_owns_is_a_stray(trial):
    """A pod with our labels that this trial's uid does not own counts for none, and can be ended by its own id."""
    world = World(pod_body(), trial=trial)
    world.heard.finals["pod-1"] = (REPORT, NOW)

    run = world.run()
    assert (run.trial_name, run.report) == ("", None)
    assert run.attempt_id == "0-4@pod-1"
    assert world.pods().uids == {"0-4@pod-1": (TRIAL_NAME, "pod-1")}


def test_pods_of_an_earlier_job_of_the_same_name_are_not_seen():
    """The job's id in the pod's name tells them apart: the garbage collector ends those."""
    old = pod_body()
    old["metadata"]["name"] = "demo-99999999-0-4"

    assert World(old, trial=trial_body()).pods().runs == ()


def test_a_pod_that_went_before_it_ended_was_taken_away():
    """Somebody deleted the pod: the attempt is over, by no fault of its own."""
    world = World(pod_body(), trial=trial_body())
    world.cache.remove(PODS, "pod-1")

    run = world.run()
    assert (run.alive, run.disrupted, run.reason) == (False, True, "PodDeleted")
    assert run.ended == NOW


def test_a_pod_that_ended_and_went_tells_its_end():
    """What the last state of a deleted pod said is what counts."""
    world = World(pod_body(), trial=trial_body())
    world.cache.remove(PODS, "pod-1", pod_body(5, phase="Failed"))

    run = world.run()
    assert (run.alive, run.disrupted, run.exit_code) == (False, False, 1)


def test_a_pod_that_went_is_forgotten_once_its_attempt_is_on_record():
    """A finished trial, or one whose next attempt runs, needs the pod no longer; nothing of it is kept."""
    for status in (
        {"attempts": [{"id": "0-4"}], "completionTime": "2026-01-31T12:00:00Z", "state": "Failed"},
        {"attempts": [{"id": "0-4"}, {"id": "0-4-r1"}], "attemptCount": 2},
    ):
        world = World(pod_body(), trial=trial_body(status=status))
        world.heard.finals["pod-1"] = (REPORT, NOW)
        world.heard.hints["pod-1"] = "why"
        world.cache.remove(PODS, "pod-1")

        assert world.pods().runs == ()
        assert list(world.cache.pods("team", "demo")) == []
        assert world.heard == Heard()


def test_of_two_pods_of_one_attempt_the_one_that_is_there_counts():
    """A pod that was deleted and created again under its name is the run; the one that is gone is not."""
    world = World(pod_body(), trial=trial_body())
    world.cache.remove(PODS, "pod-1")
    world.cache.apply(PODS, pod_body(8, uid="pod-2"))

    assert world.run().uid == "pod-2"
    assert world.run().alive


def test_a_report_over_the_network_counts_until_the_pod_tells_it():
    """A run that reported to us has its report before its sidecar ends."""
    world = World(pod_body(), trial=trial_body())
    world.heard.finals["pod-1"] = (REPORT, NOW - timedelta(seconds=5))

    assert world.run().report == REPORT
    assert world.run().reported == NOW - timedelta(seconds=5)


def test_what_events_say_is_used_where_the_pod_says_nothing():
    """A hint changes the reason of a pod that waits, though its version is the same."""
    world = World(pod_body(phase="Pending"), trial=trial_body())
    before = world.run()
    world.heard.hints["pod-1"] = "FailedMount: no such claim"

    assert before.message != world.run().message
    assert "no such claim" in world.run().message


def test_a_pod_is_read_once_for_each_version():
    """The same version gives the very same run; a newer one is read anew; a pod that is gone leaves nothing."""
    world = World(pod_body(), trial=trial_body())
    first = world.run()
    assert world.run() is first
    world.cache.apply(PODS, pod_body(4, phase="Succeeded"))
    assert not world.run().alive

    assert set(world.memory.runs) == {"pod-1"}
    world.cache.apply(TRIALS, trial_body(6, status={"completionTime": "2026-01-31T12:00:00Z", "state": "Failed"}))
    world.cache.remove(PODS, "pod-1")
    world.pods()
    assert world.memory.runs == {}


def test_cleaners_are_no_runs():
    """A pod that removes old models is seen as such, and no more once it is gone."""
    world = World(cleaner_body(), trial=trial_body())
    assert world.pods().runs == ()
    assert [pod["metadata"]["uid"] for pod in world.pods().cleaners] == ["cleaner-1"]
    world.cache.remove(PODS, "cleaner-1")
    assert world.pods().cleaners == ()


def test_a_terminating_pod_says_when_it_is_lost():
    """No event tells that a node is dead: the time is given at which to look again; then the run is over."""
    pod = pod_body()
    pod["metadata"] |= {"deletionTimestamp": "2026-01-31T12:30:20Z", "deletionGracePeriodSeconds": 30}
    taint = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager"}
    pod["status"]["conditions"] = [taint]
    world = World(pod, trial=trial_body())

    at = world.pods().lost_at
    assert at is not None
    assert at > NOW
    assert world.run().alive
    late = world.pods(at + timedelta(seconds=1))
    assert [run.alive for run in late.runs] == [False]
    assert late.lost_at is None


def test_the_owner_is_read_by_uid():
    """The samples agree with each other: otherwise the tests above would prove nothing."""
    assert trial_body()["metadata"]["ownerReferences"][0]["uid"] == JOB_UID
    assert pod_body()["metadata"]["ownerReferences"][0]["uid"] == TRIAL_UID


def test_what_changes_nothing_of_a_run_is_told_apart():
    """An address that is given wakes nobody; an end does, and so does what may set a time at which a run is lost."""
    pod, addressed, ended = pod_body(), pod_body(2), pod_body(3, phase="Failed")
    addressed["status"]["podIP"] = "10.0.0.7"
    terminating, tainted = pod_body(4), pod_body(5)
    for body in (terminating, tainted):
        body["metadata"]["deletionTimestamp"] = "2026-01-31T12:40:00Z"
    tainted["status"]["conditions"] = [
        {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager"}
    ]
    stranger = pod_body(2)
    del stranger["metadata"]["labels"]["autosearch.dev/attempt"]

    assert is_same_run(pod, addressed)
    assert not any(is_same_run(*pair) for pair in ((pod, ended), (terminating, tainted), (stranger, stranger)))
