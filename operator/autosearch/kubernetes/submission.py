"""Bringing a search and its code to a cluster.

Owns: the order of the writes, so that no interruption leaves a job without its code or code without an owner for
longer than the next submission, and what happens where a job of that name is there already. It changes no existing job.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from autosearch.api.crd.immutability import FREE
from autosearch.api.errors import InvalidInputError, Problem, StateConflictError
from autosearch.kubernetes.access import Cluster, is_missing
from autosearch.kubernetes.client import ApiError
from autosearch.kubernetes.code_map import CodeMap
from autosearch.kubernetes.resources import CONFIG_MAPS, JOBS

Json = dict[str, Any]
_CONFLICT, _INVALID, _TRIES = 409, 422, 5
_CHANGEABLE = FREE | {"maxTrials"}
"""Fields of the spec that may change after the start."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """What came of a submission.

    Attributes:
        job: as the API server has it.
        outcome: `unchanged` where the same job was there already.
    """

    job: Json
    outcome: Literal["created", "unchanged"]


async def submit(cluster: Cluster, manifest: Json, code: CodeMap | None, *, dry_run: bool = False) -> Submitted:
    """Create a job, and the ConfigMap of its code where it has one.

    Args:
        manifest: the job; with code, its `spec.code` names the ConfigMap.
        dry_run: have the API server check everything, and write nothing.

    Raises:
        InvalidInputError: the API server refuses the job's fields.
        StateConflictError: another job of that name is there, or a ConfigMap with other content.
        ApiError: all else that the API server refuses.
    """
    name = manifest["metadata"]["name"]
    there = await cluster.find(JOBS, name)
    if there is not None:
        await _check_same(cluster, manifest, there)
    elif dry_run:
        return Submitted(await _dry_run(cluster, manifest, code), "created")
    else:
        there_now = await _create(cluster, manifest, code)
        if there_now is not None:
            return Submitted(there_now, "created")
        # Somebody else was faster.
        there = await cluster.get(JOBS, name)
        await _check_same(cluster, manifest, there)
    if code is not None and not dry_run:
        await _own(cluster, code, there)
    return Submitted(there, "unchanged")


async def _dry_run(cluster: Cluster, manifest: Json, code: CodeMap | None) -> Json:
    if code is not None:
        await _ensure(cluster, code, manifest["metadata"]["name"], dry_run=True)
    return await _created(cluster, manifest, dry_run=True)


async def _create(cluster: Cluster, manifest: Json, code: CodeMap | None) -> Json | None:
    """Create code and job; None if a job of that name has appeared meanwhile."""
    made = await _ensure(cluster, code, manifest["metadata"]["name"]) if code is not None else None
    try:
        job = await _created(cluster, manifest)
    except ApiError as error:
        await _take_back(cluster, made)
        if error.reason == "AlreadyExists":
            return None
        raise
    except InvalidInputError:
        await _take_back(cluster, made)
        raise
    if code is not None:
        await _own(cluster, code, job)
    return job


async def _created(cluster: Cluster, manifest: Json, *, dry_run: bool = False) -> Json:
    """Create the job; raises `InvalidInputError` with all fields that the API server refuses."""
    try:
        return await cluster.create(JOBS, manifest, dry_run=dry_run)
    except ApiError as error:
        causes = [cause for cause in error.details.get("causes") or [] if isinstance(cause, dict)]
        if error.status != _INVALID or not causes:
            raise
        found = [Problem(cause.get("field") or "spec", "", cause.get("message") or "is invalid") for cause in causes]
        raise InvalidInputError(list(dict.fromkeys(found))) from None


async def _check_same(cluster: Cluster, manifest: Json, there: Json) -> None:
    """Raise `StateConflictError` unless the job that is there asks for what the manifest does."""
    name, namespace = manifest["metadata"]["name"], cluster.namespace
    if there["metadata"].get("deletionTimestamp"):
        raise StateConflictError(
            f"AutoSearchJob {name} in namespace {namespace} is being deleted: submit again once it is gone"
        )
    differing = _differing(there["spec"], (await _as_stored(cluster, manifest))["spec"])
    if not differing:
        return
    fields = ", ".join(f"spec.{field}" for field in differing)
    apply = "`kubectl apply` changes it in place; " if _CHANGEABLE.issuperset(differing) else ""
    raise StateConflictError(
        f"AutoSearchJob {name} is in namespace {namespace} already and differs in {fields}: {apply}"
        f"for another search give another --name, or remove this one with `kubectl delete asj {name} -n {namespace}`"
    )


async def _as_stored(cluster: Cluster, manifest: Json) -> Json:
    """Have the API server fill in the manifest's defaults; the name must be free for that, so it gets another."""
    name = f"{manifest['metadata']['name'][:33]}-check0"
    return await _created(cluster, {**manifest, "metadata": {"name": name}}, dry_run=True)


def _differing(one: Json, other: Json) -> Sequence[str]:
    return [field for field in sorted({*one, *other}) if one.get(field) != other.get(field)]


async def _ensure(cluster: Cluster, code: CodeMap, job: str, *, dry_run: bool = False) -> Json | None:
    """Have the ConfigMap there; gives it if this call has made it."""
    try:
        return await cluster.create(CONFIG_MAPS, code.manifest(job), dry_run=dry_run)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise
    await _stored(cluster, code, job)
    return None


async def _stored(cluster: Cluster, code: CodeMap, job: str) -> Json | None:
    """Read the ConfigMap; raises `StateConflictError` if it holds something else."""
    found = await cluster.find(CONFIG_MAPS, code.name(job))
    if found is not None and not code.holds(found):
        raise StateConflictError(
            f"ConfigMap {code.name(job)} in namespace {cluster.namespace} has other content than its name says: "
            "delete it and submit again"
        )
    return found


async def _own(cluster: Cluster, code: CodeMap, job: Json) -> None:
    """Make the job an owner of its ConfigMap, beside those that it has; make it anew if it has gone meanwhile."""
    name, owner = job["metadata"]["name"], _owner(job)
    for _ in range(_TRIES):
        found = await _stored(cluster, code, name)
        try:
            if found is None:
                manifest = code.manifest(name)
                manifest["metadata"]["ownerReferences"] = [owner]
                await cluster.create(CONFIG_MAPS, manifest)
                return
            meta = found["metadata"]
            owners = meta.get("ownerReferences") or []
            if all(known["uid"] != owner["uid"] for known in owners):
                changed = {"resourceVersion": meta["resourceVersion"], "ownerReferences": [*owners, owner]}
                await cluster.patch(CONFIG_MAPS, code.name(name), {"metadata": changed})
        except ApiError as error:
            # Another submission, or the garbage collector, was at it in the same moment.
            if error.status != _CONFLICT and not is_missing(error, code.name(name)):
                raise
        else:
            return
    raise StateConflictError(f"ConfigMap {code.name(name)} keeps changing: submit again")


def _owner(job: Json) -> Json:
    return {
        "apiVersion": JOBS.api_version,
        "kind": JOBS.kind,
        "name": job["metadata"]["name"],
        "uid": job["metadata"]["uid"],
    }


async def _take_back(cluster: Cluster, made: Json | None) -> None:
    """Delete the ConfigMap that was made for a job that is not to be, unless another job has taken it."""
    if made is None:
        return
    name, uid = made["metadata"]["name"], made["metadata"]["uid"]
    try:
        found = await cluster.find(CONFIG_MAPS, name)
        if found is not None and found["metadata"]["uid"] == uid and not found["metadata"].get("ownerReferences"):
            await cluster.delete(CONFIG_MAPS, name, uid=uid)
    except ApiError:
        # The first error is what matters; the next submission of this code takes what was left.
        return
