"""Requests to the Kubernetes API: a thin asynchronous client for JSON objects.

Owns: addresses, content types, time limits, the limit on requests in flight and errors as values with the server's own
words. The official client's models cost four times the CPU for each write (research: kopf.md 3.4). It never decides
whether to repeat a write, but for an answer 429, which says that nothing was done.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Any, Self

import aiohttp

from autosearch.api.errors import AutoSearchError
from autosearch.kubernetes.credentials import Credentials
from autosearch.kubernetes.resources import Resource

Json = dict[str, Any]
_MERGE = "application/merge-patch+json"
_METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_PAGE = 500
_TOO_MANY, _TRIES, _LONGEST_WAIT = 429, 4, 10.0


class ApiError(AutoSearchError):
    """The API server refused a request, or did not answer.

    Attributes:
        status: HTTP status; 0 if there was no answer.
        reason: Kubernetes' word for it, such as `AlreadyExists`; `Unreachable` if there was no answer.
        message: the server's sentence.
        retry_after: seconds that the server wants us to wait; None if it did not say.
        details: the server's `details`, such as causes by field.
    """

    def __init__(
        self, status: int, reason: str, message: str, retry_after: float | None = None, details: Json | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after
        self.details = details or {}


Observer = Callable[[str, str, int, float], None]


class Client:
    """One connection pool to one API server; an asynchronous context manager."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        in_flight: int = 32,
        time_limit: float = 10.0,
        before_write: Callable[[], None] | None = None,
        observe: Observer | None = None,
    ) -> None:
        """Prepare to connect.

        Args:
            in_flight: requests at once; watches and logs do not count.
            time_limit: seconds for one request.
            before_write: called just before each write; raises to prevent it.
            observe: told verb, plural, status and seconds of each request.
        """
        self.credentials = credentials
        self._slots = asyncio.Semaphore(in_flight)
        self._limit = time_limit
        self._before_write = before_write
        self._observe = observe
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self.credentials.tls or False, limit=0, ttl_dns_cache=30)
        self._session = aiohttp.ClientSession(connector=connector, read_bufsize=1 << 20)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._session is not None
        await self._session.close()

    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> Json:
        """Read one object; raises `ApiError`."""
        return await self._call("get", resource, "GET", resource.path(namespace, name))

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        metadata_only: bool = False,
    ) -> tuple[list[Json], str]:
        """Read all objects of a kind, page by page; gives them and the list's resourceVersion. Raises `ApiError`."""
        params = {"limit": str(_PAGE), **_selectors(label_selector, field_selector)}
        items: list[Json] = []
        while True:
            headers = {"Accept": _METADATA_LIST} if metadata_only else {}
            page = await self._call("list", resource, "GET", resource.path(namespace), params=params, headers=headers)
            items += page["items"] or []
            params["continue"] = page["metadata"].get("continue", "")
            if not params["continue"]:
                return items, page["metadata"]["resourceVersion"]

    async def create(
        self, resource: Resource, body: Json, namespace: str | None = None, *, dry_run: bool = False
    ) -> Json:
        """Create an object; raises `ApiError`, with reason `AlreadyExists` where one of that name is there."""
        params = {"dryRun": "All"} if dry_run else {}
        return await self._call("create", resource, "POST", resource.path(namespace), params=params, body=body)

    async def replace(self, resource: Resource, name: str, body: Json, namespace: str | None = None) -> Json:
        """Replace an object whose `resourceVersion` is still the body's; raises `ApiError`."""
        return await self._call("update", resource, "PUT", resource.path(namespace, name), body=body)

    async def patch(
        self,
        resource: Resource,
        name: str,
        body: Json,
        namespace: str | None = None,
        *,
        subresource: str = "",
        dry_run: bool = False,
    ) -> Json:
        """Apply a JSON merge patch; `metadata.resourceVersion` in it makes it conditional. Raises `ApiError`."""
        params = {"dryRun": "All"} if dry_run else {}
        path = resource.path(namespace, name, subresource)
        headers = {"Content-Type": _MERGE}
        return await self._call("patch", resource, "PATCH", path, params=params, body=body, headers=headers)

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        uid: str | None = None,
        grace_seconds: int | None = None,
    ) -> Json:
        """Delete an object, if `uid` is given this very one; raises `ApiError`, also where it is gone."""
        body: Json = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        if uid is not None:
            body["preconditions"] = {"uid": uid}
        if grace_seconds is not None:
            body["gracePeriodSeconds"] = grace_seconds
        return await self._call("delete", resource, "DELETE", resource.path(namespace, name), body=body)

    async def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
        timeout_seconds: int = 290,
    ) -> AsyncIterator[tuple[str, Json]]:
        """Give changes, type and object, until the server ends the watch; raises `ApiError`, 410 for a list too old."""
        params = {
            "watch": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(timeout_seconds),
            "allowWatchBookmarks": "true",
            **_selectors(label_selector, field_selector),
        }
        async for line in self.stream_lines(resource.path(namespace), params):
            event = _read(line)
            if event["type"] == "ERROR":
                raise _error_of(event["object"].get("code", 500), event["object"], None)
            yield event["type"], event["object"]

    async def stream_lines(self, path: str, params: Mapping[str, str]) -> AsyncIterator[str]:
        """Give a long answer line by line, as logs and watches are; raises `ApiError`."""
        pending = b""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._limit)
        async with self._answer("GET", path, params=params, timeout=timeout) as response:
            try:
                async for chunk in response.content.iter_any():
                    *lines, pending = (pending + chunk).split(b"\n")
                    for line in lines:
                        yield line.decode("utf-8", "replace")
            finally:
                # Left early: TLS would wait for the server's farewell, beyond the end of a command's loop.
                if (held := response.connection) is not None and held.transport is not None:
                    held.transport.abort()
        if pending:
            yield pending.decode("utf-8", "replace")

    async def _call(
        self,
        verb: str,
        resource: Resource,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Json | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Json:
        async with self._slots:
            for tries_left in reversed(range(_TRIES)):
                if method != "GET" and self._before_write is not None:
                    self._before_write()
                try:
                    return await self._once(verb, resource, method, path, params or {}, body, headers or {})
                except ApiError as error:
                    if error.status != _TOO_MANY or not tries_left:
                        raise
                    await asyncio.sleep(min(error.retry_after or 1.0, _LONGEST_WAIT))
        raise AssertionError("the last try returns or raises")

    async def _once(
        self,
        verb: str,
        resource: Resource,
        method: str,
        path: str,
        params: Mapping[str, str],
        body: Json | None,
        headers: Mapping[str, str],
    ) -> Json:
        began, status = monotonic(), 0
        timeout = aiohttp.ClientTimeout(total=self._limit)
        try:
            async with self._answer(
                method, path, params=params, body=body, headers=headers, timeout=timeout
            ) as response:
                status = response.status
                return _read(await response.read())
        except ApiError as error:
            status = error.status
            raise
        finally:
            if self._observe is not None:
                self._observe(verb, resource.plural, status, monotonic() - began)

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        path: str,
        *,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - handed on to aiohttp
        params: Mapping[str, str] | None = None,
        body: Json | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        assert self._session is not None, "a client is used inside of its context"
        sent = {"Content-Type": "application/json", **(headers or {})}
        if self.credentials.token is not None:
            sent["Authorization"] = f"Bearer {self.credentials.token()}"
        data = None if body is None else json.dumps(body).encode()
        url = f"{self.credentials.server.rstrip('/')}{path}"
        try:
            async with self._session.request(
                method, url, params=params, data=data, headers=sent, timeout=timeout
            ) as response:
                if response.status >= 400:  # noqa: PLR2004 - HTTP's own line between success and error
                    raise await _refusal(response)
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            said = str(error) or f"no answer within {self._limit:g} s"
            raise ApiError(0, "Unreachable", f"{self.credentials.server}: {said}") from error


def _read(text: str | bytes) -> Json:
    """Read an answer; raises `ApiError` where somebody else than the API server has answered."""
    try:
        answer: Json = json.loads(text)
    except ValueError as error:
        raise ApiError(0, "Unreadable", f"the API server's answer is not JSON: {text[:100]!r}") from error
    return answer


def _selectors(label_selector: str, field_selector: str) -> dict[str, str]:
    return {name: text for name, text in (("labelSelector", label_selector), ("fieldSelector", field_selector)) if text}


async def _refusal(response: aiohttp.ClientResponse) -> ApiError:
    text = (await response.read()).decode("utf-8", "replace")
    said: object = None
    with suppress(ValueError):
        said = json.loads(text)
    told = said if isinstance(said, dict) else {}
    wait = response.headers.get("Retry-After", "")
    return _error_of(response.status, {"message": text[:500], **told}, float(wait) if wait.isdigit() else None)


def _error_of(status: int, said: Json, retry_after: float | None) -> ApiError:
    message = said.get("message") or f"the API server answered {status}"
    return ApiError(status, said.get("reason") or "", message, retry_after, said.get("details"))
