"""Writes to the API server, each of which is in the cache before it returns.

Owns: the form of every write to a job or a trial, and what to do about objects that exist already or have changed
meanwhile. Creations have deterministic names, changes of status name the version that they are made from, deletions
name the uid: a writer that knows less than it should is refused by the server.
"""

from autosearch.api.base import Model
from autosearch.api.meta import ObjectMeta
from autosearch.kubernetes.cache import Cache, Json, owner_uid
from autosearch.kubernetes.client import ApiError, Client
from autosearch.kubernetes.resources import PODS, Resource
from autosearch.kubernetes.sight import Echoes

CONFLICT, NOT_FOUND = 409, 404


class Writes:
    """All writes but Events and the lease."""

    def __init__(self, client: Client, cache: Cache, echoes: Echoes) -> None:
        self._client = client
        self._cache = cache
        self._echoes = echoes

    async def create(self, resource: Resource, body: Json, namespace: str, owner: tuple[str, str]) -> Json:
        """Create an object and give it as the server has it; that ours exists already is success.

        Args:
            owner: kind and uid of its controlling owner: one that is owned by somebody else is not ours.

        Raises:
            ApiError: `AlreadyExists` where the name belongs to somebody else's object.
        """
        try:
            answer = await self._client.create(resource, body, namespace)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            answer = await self._client.get(resource, body["metadata"]["name"], namespace)
            if owner_uid(answer, owner[0]) != owner[1]:
                raise
        self._believe(resource, answer)
        return answer

    async def status(self, resource: Resource, metadata: ObjectMeta, old: Model, new: Model) -> None:
        """Write what differs between two statuses.

        Args:
            metadata: of the very object that `old` is the status of: one that has changed since is not written.

        Raises:
            ApiError: after a conflict with the cache up to date.
        """
        changes = changed_fields(old, new)
        if not changes:
            return
        name, namespace, uid = metadata.name, metadata.namespace or "", metadata.uid or ""
        body = {"metadata": {"uid": uid, "resourceVersion": metadata.resource_version}, "status": changes}
        try:
            answer = await self._client.patch(resource, name, body, namespace, subresource="status")
        except ApiError as error:
            if error.status in (CONFLICT, NOT_FOUND):
                await self.refresh(resource, name, namespace, uid)
            raise
        self._believe(resource, answer)

    async def refresh(self, resource: Resource, name: str, namespace: str, uid: str) -> None:
        """Read an object anew; raises `ApiError`.

        A pod that is gone stays in the cache until its watch tells: its last state, which may hold a result, comes with
        that event alone.
        """
        try:
            body = await self._client.get(resource, name, namespace)
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise
            self._miss(resource, uid)
            return
        if body["metadata"]["uid"] != uid:
            self._miss(resource, uid)
        self._cache.apply(resource, body)

    async def delete(self, resource: Resource, name: str, namespace: str, uid: str) -> None:
        """Delete this very object; that it is gone is success. Raises `ApiError`."""
        try:
            answer = await self._client.delete(resource, name, namespace, uid=uid)
        except ApiError as error:
            if error.status not in (CONFLICT, NOT_FOUND):
                raise
            await self.refresh(resource, name, namespace, uid)
            return
        if answer.get("kind") == resource.kind and "resourceVersion" in answer["metadata"]:
            self._believe(resource, answer)
        else:
            # Nothing is left of it that an event could tell.
            self._forget(resource, uid)

    def _miss(self, resource: Resource, uid: str) -> None:
        if resource is PODS:
            self._echoes.expect_news(uid, self._cache.version(uid))
        else:
            self._forget(resource, uid)

    def _forget(self, resource: Resource, uid: str) -> None:
        self._cache.remove(resource, uid)
        # The sweep will not miss what the cache does not hold.
        self._echoes.forget(uid)

    def _believe(self, resource: Resource, answer: Json) -> None:
        uid = answer["metadata"]["uid"]
        # The event of its deletion may have overtaken the answer: then no other one will come.
        is_news = self._cache.version(uid) < int(answer["metadata"]["resourceVersion"])
        if is_news and not self._cache.is_departed(uid):
            self._cache.apply(resource, answer)
            self._echoes.wrote(answer)


def changed_fields(old: Model, new: Model) -> Json:
    """Give a merge patch that turns one status into another; fields that are gone are null in it."""
    fields = type(new).model_fields
    names = [
        name
        for name in fields
        if getattr(old, name) is not getattr(new, name) and getattr(old, name) != getattr(new, name)
    ]
    if "state" in fields and "state" not in old.model_fields_set:
        # `Pending` is what an absent state means to us; `kubectl get` shows nothing for it.
        names.append("state")
    dumped = new.model_dump(mode="json", by_alias=True, exclude_none=True, include=set(names))
    aliases = {name: fields[name].serialization_alias or fields[name].alias or name for name in names}
    return {alias: _merge(getattr(old, name), dumped.get(alias)) for name, alias in aliases.items()}


def _merge(old: object, new: object) -> object:
    """Null the keys of a mapping that are gone, which a merge patch would otherwise keep."""
    before = old.to_dict() if isinstance(old, Model) else old
    if isinstance(before, dict) and isinstance(new, dict):
        return {**{key: None for key in before if key not in new}, **new}
    return new
