"""A user's way to a cluster: kubeconfig, context and namespace by kubectl's rules, and requests with the user's rights.

Owns: which cluster and namespace are meant, and that every refusal is told in a sentence. It never uses rights other
than the user's own.
"""

import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from autosearch.api.errors import EnvironmentFaultError
from autosearch.kubernetes.client import ApiError, Client, Json
from autosearch.kubernetes.credentials import Credentials, from_kubeconfig, in_cluster
from autosearch.kubernetes.pod_exec import Command, open_command
from autosearch.kubernetes.refusals import Asked, sentence
from autosearch.kubernetes.resources import PODS, Resource


@dataclass(frozen=True, slots=True)
class Where:
    """What a user said about the cluster; None where nothing was said.

    Attributes:
        namespace: wins over the context's.
        context: wins over the kubeconfig's current one.
        kubeconfig: wins over `$KUBECONFIG`, which wins over `~/.kube/config`.
    """

    namespace: str | None = None
    context: str | None = None
    kubeconfig: str | None = None


def find_credentials(where: Where, environment: Mapping[str, str] | None = None) -> Credentials:
    """Find the cluster as kubectl does: a kubeconfig where there is one, else the pod's own account.

    Raises:
        EnvironmentFaultError: there is neither, or the kubeconfig is broken or has no such context.
    """
    known = dict(os.environ if environment is None else environment)
    if where.kubeconfig is not None and not Path(where.kubeconfig).expanduser().is_file():
        raise EnvironmentFaultError(f"--kubeconfig {where.kubeconfig}: there is no such file")
    found = None
    if where.kubeconfig is None and where.context is None and not _has_kubeconfig(known):
        found = in_cluster(known)
    if found is None:
        path = where.kubeconfig or known.get("KUBECONFIG") or None
        found = from_kubeconfig(path, where.context or _first_context(path or ""))
    return replace(found, namespace=where.namespace) if where.namespace is not None else found


def _has_kubeconfig(environment: Mapping[str, str]) -> bool:
    listed = environment.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    return any(Path(path).expanduser().exists() for path in listed.split(os.pathsep) if path)


def _first_context(listed: str) -> str | None:
    """Give the current context of the first of several files that has one, as kubectl does; None for a single file."""
    # The official client takes the last one's.
    paths = [Path(path).expanduser() for path in listed.split(os.pathsep) if path]
    for path in paths if len(paths) > 1 else []:
        try:
            current = yaml.safe_load(path.read_text(encoding="utf-8")).get("current-context")
        except (OSError, ValueError, AttributeError, yaml.YAMLError):
            continue
        if current:
            return str(current)
    return None


class Cluster:
    """One namespace of one cluster; every `ApiError` that it raises has a sentence for people as its message."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self.namespace = namespace

    async def get(self, resource: Resource, name: str) -> Json:
        """Read one object; raises `ApiError`."""
        with self._told("get", resource, name):
            return await self._client.get(resource, name, self.namespace)

    async def find(self, resource: Resource, name: str) -> Json | None:
        """Read one object; None if it is not there. Raises `ApiError` for all else."""
        try:
            return await self.get(resource, name)
        except ApiError as error:
            if is_missing(error, name):
                return None
            raise

    async def list(
        self, resource: Resource, *, label_selector: str = "", field_selector: str = ""
    ) -> tuple[list[Json], str]:
        """Read objects and the list's resourceVersion; raises `ApiError`."""
        with self._told("list", resource):
            return await self._client.list(
                resource, self.namespace, label_selector=label_selector, field_selector=field_selector
            )

    async def create(self, resource: Resource, body: Json, *, dry_run: bool = False) -> Json:
        """Create an object; raises `ApiError`."""
        with self._told("create", resource, body["metadata"]["name"]):
            return await self._client.create(resource, body, self.namespace, dry_run=dry_run)

    async def patch(self, resource: Resource, name: str, body: Json) -> Json:
        """Apply a JSON merge patch; raises `ApiError`."""
        with self._told("patch", resource, name):
            return await self._client.patch(resource, name, body, self.namespace)

    async def delete(self, resource: Resource, name: str, *, uid: str) -> None:
        """Delete this very object; raises `ApiError`."""
        with self._told("delete", resource, name):
            await self._client.delete(resource, name, self.namespace, uid=uid)

    async def watch(
        self, resource: Resource, *, resource_version: str, label_selector: str = "", field_selector: str = ""
    ) -> AsyncGenerator[tuple[str, Json], None]:
        """Give changes, type and object, until the server ends the watch; raises `ApiError`."""
        with self._told("watch", resource):
            async for event in self._client.watch(
                resource,
                self.namespace,
                resource_version=resource_version,
                label_selector=label_selector,
                field_selector=field_selector,
            ):
                yield event

    async def lines(
        self, resource: Resource, name: str, subresource: str, params: Mapping[str, str]
    ) -> AsyncGenerator[str, None]:
        """Give the lines of a text, such as a pod's log; raises `ApiError`."""
        with self._told("get", resource, name, subresource):
            async for line in self._client.stream_lines(resource.path(self.namespace, name, subresource), params):
                yield line

    @asynccontextmanager
    async def command(self, pod: str, container: str, words: Sequence[str]) -> AsyncIterator[Command]:
        """Run a command in a pod's container; raises `ApiError`."""
        path = PODS.path(self.namespace, pod, "exec")
        async with AsyncExitStack() as stack:
            # Only the start is the API server's to refuse; what happens after that is the command's own.
            with self._told("get", PODS, pod, "exec"):
                running = open_command(self._client.credentials, path, container, words)
                command = await stack.enter_async_context(running)
            yield command

    @contextmanager
    def _told(self, verb: str, resource: Resource, name: str = "", subresource: str = "") -> Iterator[None]:
        try:
            yield
        except ApiError as error:
            text = sentence(error, Asked(verb, resource, self.namespace, name, subresource))
            raise ApiError(error.status, error.reason, text, error.retry_after, error.details) from error


def is_missing(error: ApiError, name: str) -> bool:
    """Say whether an error means that this one object is not there, and not its whole kind, or what it stands on."""
    return error.status == 404 and error.details.get("name") == name  # noqa: PLR2004 - HTTP's Not Found


@asynccontextmanager
async def open_cluster(where: Where) -> AsyncIterator[Cluster]:
    """Connect to the cluster that a user means; raises `EnvironmentFaultError` if there is none."""
    credentials = find_credentials(where)
    async with Client(credentials) as client:
        yield Cluster(client, credentials.namespace)
