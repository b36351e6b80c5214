"""Writes: each is in the cache before it returns, and one that knows less than it should is refused."""

import asyncio

import pytest
from tests.unit.kubernetes_samples import JOB_UID, TRIAL_NAME, TRIAL_UID, job_body, pod_body, trial_body

from autosearch.api.job import Best, JobStatus, TrialCounts
from autosearch.api.meta import ObjectMeta
from autosearch.api.trial import Attempt, Trial, TrialStatus
from autosearch.kubernetes.cache import Cache
from autosearch.kubernetes.client import ApiError
from autosearch.kubernetes.resources import JOBS, PODS, TRIALS
from autosearch.kubernetes.sight import Echoes
from autosearch.kubernetes.writes import Writes, changed_fields

GONE = ApiError(404, "NotFound", "gone")
CONFLICT = ApiError(409, "Conflict", "changed")
EXISTS = ApiError(409, "AlreadyExists", "exists")


class Client:
    """Answers each kind of request with what the test wants; remembers what was sent."""

    def __init__(self, **answers):
        self.answers = answers
        self.sent = []

    def __getattr__(self, verb):
        async def call(resource, *arguments, **words):
            self.sent.append((verb, resource.plural, arguments, words))
            answer = self.answers[verb]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def verbs(self):
        return [verb for verb, *_ in self.sent]


class World:
    """A cache with a job, a trial and a pod, and writes through a client."""

    def __init__(self, **answers):
        self.cache = Cache()
        for resource, body in ((JOBS, job_body()), (TRIALS, trial_body()), (PODS, pod_body())):
            self.cache.apply(resource, body)
        self.echoes = Echoes(lambda: 0.0)
        self.client = Client(**answers)
        self.writes = Writes(self.client, self.cache, self.echoes)

    def awaited(self):
        return set(self.echoes._awaited)

    def create_pod(self):
        body = {"metadata": {"name": "new"}}
        asyncio.run(self.writes.create(PODS, body, "team", ("Trial", TRIAL_UID)))

    def write_status(self, version="1", **changes):
        metadata = ObjectMeta.from_dict(trial_body()["metadata"]).replace(resource_version=version)
        old = Trial.from_dict(trial_body()).status
        asyncio.run(self.writes.status(TRIALS, metadata, old, old.replace(**changes)))

    def delete_pod(self):
        asyncio.run(self.writes.delete(PODS, TRIAL_NAME, "team", "pod-1"))


def test_what_was_created_is_known_at_once():
    """The next plan sees its own creation, and a watch is expected to show it."""
    world = World(create=pod_body(5, uid="new"))
    world.create_pod()

    assert world.cache.pod("new") is not None
    assert world.awaited() == {"new"}


def test_creating_twice_is_harmless():
    """An object of ours that exists already, as after a lost answer, is taken as the created one."""
    world = World(create=EXISTS, get=pod_body(5, uid="new"))
    world.create_pod()

    assert world.cache.pod("new") is not None
    assert world.client.verbs() == ["create", "get"]


def test_a_strangers_object_is_not_ours():
    """A name that belongs to somebody else's object is an error, and the object stays out of the cache."""
    world = World(create=EXISTS, get=pod_body(5, uid="new", owner="stranger"))
    with pytest.raises(ApiError, match="exists"):
        world.create_pod()

    assert world.cache.pod("new") is None


def test_a_status_names_the_version_it_was_made_from():
    """What is sent is the difference alone, with uid and version, so that a stale writer is refused."""
    world = World(patch=trial_body(9, status={"state": "Running"}))
    world.write_status(version="7", state="Running")

    ((_, plural, (name, body, namespace), words),) = world.client.sent
    assert (plural, name, namespace, words) == ("trials", TRIAL_NAME, "team", {"subresource": "status"})
    assert body == {"metadata": {"uid": TRIAL_UID, "resourceVersion": "7"}, "status": {"state": "Running"}}
    assert world.cache.trials(JOB_UID)[TRIAL_NAME].status.state == "Running"
    assert world.awaited() == {TRIAL_UID}


def test_nothing_is_sent_where_nothing_differs():
    """Two equal statuses cost no request."""
    world = World()
    asyncio.run(
        world.writes.status(TRIALS, ObjectMeta(name="t"), TrialStatus(state="Running"), TrialStatus(state="Running"))
    )

    assert world.client.sent == []


def test_a_conflict_is_told_and_the_cache_is_up_to_date():
    """The write that lost is an error; the next plan is made from what won."""
    world = World(patch=CONFLICT, get=trial_body(12, status={"state": "Running"}))
    with pytest.raises(ApiError, match="changed"):
        world.write_status(value=0.5)

    assert world.cache.version(TRIAL_UID) == 12
    assert world.cache.trials(JOB_UID)[TRIAL_NAME].status.state == "Running"


@pytest.mark.parametrize("get", [GONE, trial_body(12, uid="successor", owner="another-job")])
def test_what_is_gone_is_forgotten(get):
    """A status of an object that is gone, or has a successor of its name, is not written, and it is forgotten."""
    world = World(patch=GONE, get=get)
    world.echoes.wrote(trial_body(1))
    with pytest.raises(ApiError, match="gone"):
        world.write_status(value=0.5)

    assert world.cache.trials(JOB_UID) == {}
    assert world.cache.is_departed(TRIAL_UID)
    assert TRIAL_UID not in world.awaited(), "its echo may have gone with it, and the sweep would not find it missing"


def test_what_a_watch_has_shown_gone_is_not_awaited():
    """The event of a deletion may overtake its answer, which shows the pod once more: no watch will."""
    world = World()

    class Overtaken(Client):
        def __getattr__(self, verb):
            async def call(*_arguments, **_words):
                world.cache.remove(PODS, "pod-1", pod_body(7))
                return {**pod_body(7), "kind": "Pod"}

            return call

    writes = Writes(Overtaken(), world.cache, world.echoes)
    asyncio.run(writes.delete(PODS, "it", "team", "pod-1"))

    assert world.awaited() == set()
    assert world.cache.pod("pod-1") is None


def test_other_errors_change_nothing():
    """After a server that could not be reached the cache is as before."""
    world = World(patch=ApiError(0, "Unreachable", "away"))
    with pytest.raises(ApiError, match="away"):
        world.write_status(value=0.5)

    assert world.client.verbs() == ["patch"]
    assert world.cache.version(TRIAL_UID) == 1


def test_a_deletion_names_the_uid():
    """A successor of the same name is not deleted; a pod that is Terminating is known as such at once."""
    terminating = pod_body(8)
    terminating["metadata"]["deletionTimestamp"] = "2026-01-31T12:00:00Z"
    world = World(delete=terminating)
    world.delete_pod()

    ((_, _, (name, _), words),) = world.client.sent
    assert (name, words) == (TRIAL_NAME, {"uid": "pod-1"})
    assert "deletionTimestamp" in world.cache.pod("pod-1")["metadata"]


def test_a_pod_that_went_at_once_is_gone_from_the_cache():
    """The server answers with a Status where nothing is left: there will be no other news of it."""
    world = World(delete={"kind": "Status", "status": "Success", "metadata": {}})
    world.delete_pod()

    assert world.cache.pod("pod-1") is None


@pytest.mark.parametrize("error", [GONE, CONFLICT])
def test_deleting_what_is_gone_is_success(error):
    """A deletion that comes too late has what it wanted; the pod's last state is waited for, and with it its result."""
    world = World(delete=error, get=GONE)
    world.delete_pod()

    assert world.cache.pod("pod-1") is not None
    assert world.awaited() == {"pod-1"}
    last = pod_body(7, phase="Succeeded")
    world.echoes.seen(last)
    world.cache.remove(PODS, "pod-1", last)
    assert [pod["status"]["phase"] for pod in world.cache.pods("team", "demo")] == ["Succeeded"]
    assert world.awaited() == set()


def test_deleting_what_was_told_to_be_gone_expects_nothing():
    """Where the watch was faster than the refusal there will be no more news, and none is waited for."""
    world = World(delete=GONE, get=GONE)
    world.cache.remove(PODS, "pod-1")
    world.delete_pod()

    assert world.awaited() == set()


def test_a_job_that_is_gone_already_is_forgotten():
    """Of a job nothing is needed after its end: it leaves the cache at once."""
    world = World(delete=GONE, get=GONE)
    asyncio.run(world.writes.delete(JOBS, "demo", "team", JOB_UID))

    assert world.cache.job(JOB_UID) is None


def test_an_answer_older_than_the_watch_is_not_awaited():
    """Where the watch was faster than the answer no echo is expected: it would never come."""
    world = World(patch=trial_body(5))
    world.cache.apply(TRIALS, trial_body(6))
    world.write_status(value=0.5)

    assert world.awaited() == set()
    assert world.cache.version(TRIAL_UID) == 6


BEST = {"trial_name": "t", "value": 0.5, "parameters": {"x": 1.0}}


@pytest.mark.parametrize(
    ("old", "new", "patch"),
    [
        (JobStatus(state="Running"), JobStatus(state="Running"), {}),
        (JobStatus(state="Running"), JobStatus(state="Complete"), {"state": "Complete"}),
        (JobStatus(), JobStatus(), {"state": "Pending"}),
        (
            JobStatus(state="Running", best=Best(**BEST)),
            JobStatus(state="Running"),
            {"best": None},
        ),
        (
            JobStatus(state="Running", best=Best(**BEST, model_uri="pvc://a", model_path="a")),
            JobStatus(state="Running", best=Best(**BEST, model_path="a")),
            {"best": {"trialName": "t", "value": 0.5, "parameters": {"x": 1.0}, "modelPath": "a", "modelURI": None}},
        ),
        (
            TrialStatus(state="Running", metrics={"acc": 0.5, "loss": 1.0}),
            TrialStatus(state="Running", metrics={"acc": 0.6}),
            {"metrics": {"acc": 0.6, "loss": None}},
        ),
        (
            TrialStatus(state="Running", attempts=[Attempt(id="0-4", reason="Evicted", exit_code=1)]),
            TrialStatus(state="Running", attempts=[Attempt(id="0-4", reason="Evicted")]),
            {"attempts": [{"id": "0-4", "reason": "Evicted"}]},
        ),
    ],
)
def test_a_merge_patch_holds_what_differs_and_nulls_what_is_gone(old, new, patch):
    """Merge patches keep keys that they do not name: those that are gone are null, lists are replaced whole."""
    found = changed_fields(old, new)
    for attempt in found.get("attempts", ()):
        attempt |= {}
        for name in [name for name, value in attempt.items() if value in ("", None)]:
            del attempt[name]

    assert found == patch


def test_counters_at_zero_are_written():
    """A count that went back to 0 is not left out, or the old number would stay."""
    old = JobStatus(state="Running", trials=TrialCounts(running=2))
    found = changed_fields(old, old.replace(trials=TrialCounts(succeeded=2)))

    assert found["trials"]["running"] == 0
    assert found["trials"]["succeeded"] == 2
