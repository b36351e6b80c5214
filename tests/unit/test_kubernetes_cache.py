"""What the operator knows: the newest state of each object, whatever order it is told in."""

from tests.unit.kubernetes_samples import (
    JOB_UID,
    LAST_APPLIED,
    TRIAL_NAME,
    TRIAL_UID,
    job_body,
    pod_body,
    trial_body,
)

from autosearch.kubernetes.cache import Cache, owner_uid, slim
from autosearch.kubernetes.resources import JOBS, PODS, TRIALS


def full_cache() -> Cache:
    """Give a cache with a job, its trial and that one's pod."""
    cache = Cache()
    for resource, body in ((JOBS, job_body()), (TRIALS, trial_body()), (PODS, pod_body())):
        assert cache.apply(resource, body) == JOB_UID
    return cache


def test_versions_never_go_back():
    """An event that is late, or tells our own write once more, changes nothing and wakes nobody."""
    cache = full_cache()
    assert cache.apply(PODS, pod_body(7, phase="Succeeded")) == JOB_UID

    assert cache.apply(PODS, pod_body(6)) is None
    assert cache.apply(PODS, pod_body(7)) is None
    assert cache.pod("pod-1")["status"]["phase"] == "Succeeded"
    assert cache.version("pod-1") == 7


def test_what_was_deleted_does_not_come_back():
    """An event of an object that arrives after its deletion is ignored, however new its version is."""
    cache = full_cache()
    assert cache.remove(TRIALS, TRIAL_UID) == JOB_UID

    assert cache.apply(TRIALS, trial_body(99)) is None
    assert cache.trials(JOB_UID) == {}
    assert cache.is_departed(TRIAL_UID)
    assert cache.version(TRIAL_UID) == -1


def test_a_name_that_is_used_again_is_another_job():
    """A job that was deleted and created again under its name has its own uid, trials and events."""
    cache = full_cache()
    cache.apply(JOBS, job_body(20, uid="another"))
    cache.remove(JOBS, JOB_UID)

    assert cache.job_uid("team", "demo") == "another"
    assert cache.job(JOB_UID) is None
    assert cache.trials("another") == {}
    assert cache.apply(PODS, pod_body(21, uid="pod-2")) == "another"


def test_the_last_state_of_a_deleted_pod_is_kept_until_it_is_settled():
    """A pod that ended and was deleted at once still tells its result, until that is on record."""
    cache = full_cache()
    last = pod_body(9, phase="Succeeded")
    assert cache.remove(PODS, "pod-1", last) == JOB_UID

    (kept,) = cache.pods("team", "demo")
    assert kept["status"]["phase"] == "Succeeded"
    assert cache.pod("pod-1") is None
    assert list(cache.all_pods()) == []

    cache.settle("team", "demo", "pod-1")
    assert list(cache.pods("team", "demo")) == []


def test_a_pod_that_was_lost_without_an_event_keeps_what_was_known():
    """A sweep has no last state: the newest that was seen counts."""
    cache = full_cache()
    cache.remove(PODS, "pod-1")

    (kept,) = cache.pods("team", "demo")
    assert kept["status"]["phase"] == "Running"


def test_objects_of_nobody_wake_nobody():
    """Pods without a known job, trials without an owner and trials that somebody made by hand are no job's news."""
    cache = Cache()
    orphan, broken = trial_body(), trial_body(uid="broken")
    orphan["metadata"]["ownerReferences"] = []
    del broken["spec"]["parameters"]

    assert cache.apply(PODS, pod_body()) is None
    assert cache.apply(TRIALS, orphan) is None
    assert cache.apply(TRIALS, broken) is None
    assert cache.remove(TRIALS, "never-seen") is None


def test_trials_that_are_seen_before_their_job_are_its_own():
    """Lists come in any order: a job that is seen last finds its trials and pods."""
    cache = Cache()
    cache.apply(PODS, pod_body())
    cache.apply(TRIALS, trial_body())
    assert cache.job_uids() == []
    cache.apply(JOBS, job_body())

    assert cache.job_uids() == [JOB_UID]
    assert list(cache.trials(JOB_UID)) == [TRIAL_NAME]
    assert len(list(cache.pods("team", "demo"))) == 1
    assert cache.counts() == {"autosearchjobs": 1, "trials": 1, "pods": 1}
    assert cache.uids(PODS) == {"pod-1"}


def test_what_nobody_reads_is_left_out():
    """Managed fields and kubectl's copy of the object, often the larger half, are not kept."""
    body = job_body()
    body["metadata"] |= {"managedFields": [{}], "annotations": {LAST_APPLIED: "{}", "mine": "1"}}

    assert slim(body)["metadata"]["annotations"] == {"mine": "1"}
    assert "managedFields" not in slim(body)["metadata"]
    assert "managedFields" in body["metadata"]


def test_only_a_controlling_owner_counts():
    """An owner reference that is no controller's, or of another kind, makes nothing ours."""
    body = trial_body()
    assert owner_uid(body, "AutoSearchJob") == JOB_UID
    assert owner_uid(body, "Trial") is None
    body["metadata"]["ownerReferences"][0]["controller"] = False
    assert owner_uid(body, "AutoSearchJob") is None
