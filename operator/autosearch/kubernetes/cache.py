"""What is known of the cluster: our two kinds of objects and the pods of trials, as events and our own writes tell.

Owns: the newest state of each object, by uid, and the way from any object to the job that it belongs to. What we wrote
is in it at once, with the version the server gave it, so that an event which is late changes nothing back. It asks
nobody, decides nothing, and keeps of each object only what is read.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from autosearch.api.trial import Trial
from autosearch.kubernetes.resources import JOB_LABEL, JOBS, PODS, TRIALS, Resource

Json = dict[str, Any]
_TOMBSTONES = 10_000
_HEAVY_METADATA = ("managedFields",)
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(slots=True)
class JobObjects:
    """Everything that belongs to one job uid.

    Attributes:
        body: the AutoSearchJob as JSON; None until it is seen, and after its deletion.
        trials: by name.
        pods: by uid; deleted ones are in `departed` until their attempt is settled.
    """

    body: Json | None = None
    trials: dict[str, Trial] = field(default_factory=dict)


class Cache:
    """The newest known state of all objects."""

    def __init__(self) -> None:
        self._versions: dict[str, int] = {}
        self._tombstones: OrderedDict[str, None] = OrderedDict()
        self._jobs: dict[str, JobObjects] = {}
        self._uids_by_name: dict[tuple[str, str], str] = {}
        self._pods: dict[tuple[str, str], dict[str, Json]] = {}
        self._departed: dict[tuple[str, str], dict[str, Json]] = {}
        self._homes: dict[str, tuple[str, Any]] = {}

    def apply(self, resource: Resource, body: Json) -> str | None:
        """Take an object's state, unless a newer one is known; gives the uid of the job that should look again."""
        metadata = body["metadata"]
        uid, version = metadata["uid"], int(metadata["resourceVersion"])
        if uid in self._tombstones or self._versions.get(uid, -1) >= version:
            return None
        self._versions[uid] = version
        if resource is PODS:
            return self._hold_pod(uid, body)
        return self._hold_job(uid, body) if resource is JOBS else self._hold_trial(uid, body)

    def remove(self, resource: Resource, uid: str, last: Json | None = None) -> str | None:
        """Forget a deleted object; gives the uid of the job that should look again.

        Args:
            last: its last state: a pod's may hold the result of its run.
        """
        self._bury(uid)
        home = self._homes.pop(uid, None)
        self._versions.pop(uid, None)
        if resource is PODS:
            return self._drop_pod(uid, home, last)
        if home is None:
            return None
        job_uid, name = home
        if resource is TRIALS:
            self._jobs[job_uid].trials.pop(name, None)
            self._forget_if_empty(job_uid)
            return job_uid
        self._jobs[uid].body = None
        if self._uids_by_name.get(name) == uid:
            del self._uids_by_name[name]
            self._departed.pop(name, None)
        self._forget_if_empty(uid)
        return uid

    def job(self, uid: str) -> Json | None:
        """Give an AutoSearchJob as JSON, if there is one."""
        objects = self._jobs.get(uid)
        return objects.body if objects is not None else None

    def job_uids(self) -> list[str]:
        """Give the uids of all jobs."""
        return [uid for uid, objects in self._jobs.items() if objects.body is not None]

    def trials(self, job_uid: str) -> dict[str, Trial]:
        """Give a job's trials by name; not to be changed."""
        objects = self._jobs.get(job_uid)
        return objects.trials if objects is not None else {}

    def pods(self, namespace: str, job_name: str) -> Iterator[Json]:
        """Give the pods that carry a job's name, those that are gone but not yet settled included."""
        key = (namespace, job_name)
        yield from self._pods.get(key, {}).values()
        yield from self._departed.get(key, {}).values()

    def pod(self, uid: str) -> Json | None:
        """Give a pod that exists."""
        home = self._homes.get(uid)
        return self._pods.get(home[1], {}).get(uid) if home is not None and home[0] == "" else None

    def all_pods(self) -> Iterator[Json]:
        """Give all pods that exist."""
        for pods in self._pods.values():
            yield from pods.values()

    def settle(self, namespace: str, job_name: str, uid: str) -> None:
        """Forget the last state of a pod that is gone: its attempt is on record."""
        self._departed.get((namespace, job_name), {}).pop(uid, None)

    def is_departed(self, uid: str) -> bool:
        """Say whether an object is gone."""
        return uid in self._tombstones

    def uids(self, resource: Resource) -> set[str]:
        """Give the uids of all objects of a kind that are believed to exist."""
        if resource is PODS:
            return {uid for pods in self._pods.values() for uid in pods}
        if resource is JOBS:
            return set(self.job_uids())
        return {trial.metadata.uid or "" for objects in self._jobs.values() for trial in objects.trials.values()}

    def version(self, uid: str) -> int:
        """Give the resourceVersion of the state that is held; -1 for none."""
        return self._versions.get(uid, -1)

    def counts(self) -> dict[str, int]:
        """Give how many objects of each kind are held."""
        return {resource.plural: len(self.uids(resource)) for resource in (JOBS, TRIALS, PODS)}

    def job_uid(self, namespace: str, name: str) -> str | None:
        """Give the uid of the job that has a name now."""
        return self._uids_by_name.get((namespace, name))

    def _hold_job(self, uid: str, body: Json) -> str:
        metadata = body["metadata"]
        name = (metadata["namespace"], metadata["name"])
        self._homes[uid] = (uid, name)
        self._uids_by_name[name] = uid
        self._objects(uid).body = slim(body)
        return uid

    def _hold_trial(self, uid: str, body: Json) -> str | None:
        owner = owner_uid(body, "AutoSearchJob")
        if owner is None:
            return None
        try:
            trial = Trial.from_dict(slim(body))
        except ValidationError:
            # Somebody made it by hand; it is none of ours.
            return None
        self._homes[uid] = (owner, trial.name)
        self._objects(owner).trials[trial.name] = trial
        return owner

    def _hold_pod(self, uid: str, body: Json) -> str | None:
        metadata = body["metadata"]
        key = (metadata["namespace"], metadata.get("labels", {}).get(JOB_LABEL, ""))
        self._homes[uid] = ("", key)
        self._pods.setdefault(key, {})[uid] = slim(body)
        return self._uids_by_name.get(key)

    def _drop_pod(self, uid: str, home: tuple[str, Any] | None, last: Json | None) -> str | None:
        if home is None:
            return None
        key = home[1]
        known = self._pods.get(key, {}).pop(uid, None)
        if not self._pods.get(key):
            self._pods.pop(key, None)
        job_uid = self._uids_by_name.get(key)
        if job_uid is not None and known is not None:
            self._departed.setdefault(key, {})[uid] = slim(last) if last is not None else known
        return job_uid

    def _objects(self, job_uid: str) -> JobObjects:
        return self._jobs.setdefault(job_uid, JobObjects())

    def _forget_if_empty(self, job_uid: str) -> None:
        objects = self._jobs.get(job_uid)
        if objects is not None and objects.body is None and not objects.trials:
            del self._jobs[job_uid]

    def _bury(self, uid: str) -> None:
        self._tombstones[uid] = None
        while len(self._tombstones) > _TOMBSTONES:
            self._tombstones.popitem(last=False)


def owner_uid(body: Json, kind: str) -> str | None:
    """Give the uid of the controlling owner of that kind, if there is one."""
    owners: Iterable[Json] = body["metadata"].get("ownerReferences") or ()
    return next((owner["uid"] for owner in owners if owner.get("controller") and owner["kind"] == kind), None)


def slim(body: Json) -> Json:
    """Leave out the parts of an object that nobody here reads, and that may be the larger half of it."""
    metadata = {key: value for key, value in body["metadata"].items() if key not in _HEAVY_METADATA}
    annotations = metadata.get("annotations")
    if annotations and _LAST_APPLIED in annotations:
        metadata["annotations"] = {key: value for key, value in annotations.items() if key != _LAST_APPLIED}
    return {**body, "metadata": metadata}
