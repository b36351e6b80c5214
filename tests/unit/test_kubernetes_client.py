"""The client: what it sends, and how it reads what a server, or nobody, answers."""

import asyncio
import json
from collections.abc import Callable

import pytest
from aiohttp import web

from autosearch.kubernetes.client import ApiError, Client
from autosearch.kubernetes.credentials import Credentials
from autosearch.kubernetes.lease import NotLeadingError
from autosearch.kubernetes.resources import JOBS, PODS, TRIALS

OK = {"kind": "Pod", "metadata": {"name": "a"}}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    """Wait for a busy server a moment only."""
    monkeypatch.setattr("autosearch.kubernetes.client._LONGEST_WAIT", 0.01)


def status(code: int, reason: str, message: str = "", **more) -> dict:
    """Give a Status as the API server answers it."""
    return {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message, **more}


class Server:
    """A server that answers request after request what the test wants; remembers them."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    async def handle(self, request):
        body = await request.text()
        self.requests.append((request.method, request.path, dict(request.query), dict(request.headers), body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, web.StreamResponse):
            return answer
        return await answer(request) if callable(answer) else web.json_response(answer)


def ask(server: Server, call: Callable, **words):
    """Run one call of a client against the server, and give its result."""

    async def run():
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", server.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            async with Client(Credentials(address, token=lambda: "secret"), **words) as client:
                return await call(client)
        finally:
            await runner.cleanup()

    return asyncio.run(run())


def refused(server: Server, call: Callable, **words) -> ApiError:
    """Run one call that fails."""
    with pytest.raises(ApiError) as caught:
        ask(server, call, **words)
    return caught.value


def get(client):
    return client.get(PODS, "a", "team")


def create(client):
    return client.create(PODS, OK, "team")


def test_each_request_shows_the_token():
    """A token is read anew for each request, and sent as bearer."""
    server = Server(OK)
    assert ask(server, get) == OK

    ((method, path, _, headers, _),) = server.requests
    assert (method, path) == ("GET", "/api/v1/namespaces/team/pods/a")
    assert headers["Authorization"] == "Bearer secret"


def test_a_status_is_a_merge_patch_of_the_subresource():
    """Custom resources know no strategic merge; the subresource is in the path."""
    server = Server({"kind": "Trial"})
    ask(server, lambda client: client.patch(TRIALS, "t", {"status": {"value": 1}}, "team", subresource="status"))

    ((method, path, _, headers, body),) = server.requests
    assert (method, path) == ("PATCH", "/apis/autosearch.dev/v1alpha1/namespaces/team/trials/t/status")
    assert headers["Content-Type"] == "application/merge-patch+json"
    assert json.loads(body) == {"status": {"value": 1}}


def test_a_dry_run_is_asked_for_in_the_query():
    """Nothing is stored by it."""
    server = Server(OK)
    ask(server, lambda client: client.create(PODS, OK, "team", dry_run=True))

    assert server.requests[0][2] == {"dryRun": "All"}


def test_a_deletion_names_the_uid():
    """A precondition protects a successor of the same name."""
    server = Server(OK)
    ask(server, lambda client: client.delete(PODS, "a", "team", uid="u", grace_seconds=0))

    sent = json.loads(server.requests[0][4])
    assert sent["preconditions"] == {"uid": "u"}
    assert sent["gracePeriodSeconds"] == 0


def test_lists_are_read_page_by_page():
    """All pages make one list; its version is the one at which it was made."""
    first = {"items": [{"n": 1}], "metadata": {"resourceVersion": "5", "continue": "more"}}
    last = {"items": None, "metadata": {"resourceVersion": "5"}}
    server = Server(first, last)
    found = ask(server, lambda client: client.list(JOBS, label_selector="a=b", metadata_only=True))

    assert found == ([{"n": 1}], "5")
    assert server.requests[0][1] == "/apis/autosearch.dev/v1alpha1/autosearchjobs"
    assert server.requests[0][2] == {"limit": "500", "labelSelector": "a=b"}
    assert server.requests[1][2]["continue"] == "more"
    assert "PartialObjectMetadataList" in server.requests[1][3]["Accept"]


def test_a_refusal_has_the_servers_own_words():
    """Status, reason, message and details are kept, so that callers need not parse sentences."""
    answer = status(422, "Invalid", "spec: Required value", details={"causes": [{"field": "spec"}]})
    error = refused(Server(web.json_response(answer, status=422)), create)

    assert (error.status, error.reason, error.message) == (422, "Invalid", "spec: Required value")
    assert error.details["causes"] == [{"field": "spec"}]
    assert error.retry_after is None


@pytest.mark.parametrize("body", ["<html>Bad Gateway</html>", '["no", "object"]'])
def test_a_refusal_that_is_no_status_is_told_as_it_is(body):
    """A load balancer in between answers in its own form."""
    error = refused(Server(web.Response(status=502, text=body)), get)

    assert (error.status, error.reason) == (502, "")
    assert body in error.message


def test_a_server_that_is_busy_is_asked_again():
    """429 says that nothing was done: the request is sent again after the time that the server wants."""
    busy = [
        web.json_response(status(429, "TooManyRequests"), status=429, headers={"Retry-After": "0"}) for _ in range(2)
    ]
    server = Server(*busy, OK)
    assert ask(server, create) == OK

    assert [method for method, *_ in server.requests] == ["POST"] * 3


def test_a_server_that_stays_busy_is_an_error():
    """After some tries the caller's back-off takes over, with the server's own wish."""

    async def busy(_request):
        return web.json_response(status(429, "TooManyRequests"), status=429, headers={"Retry-After": "0"})

    server = Server(busy)
    error = refused(server, create)

    assert (error.status, error.retry_after) == (429, 0.0)
    assert len(server.requests) == 4


@pytest.mark.parametrize("code", [500, 503, 504])
def test_other_failures_are_not_repeated(code):
    """A write that may have been done is repeated by nobody who does not look first."""
    answer = web.json_response(status(code, "InternalError"), status=code, headers={"Retry-After": "7"})
    server = Server(answer)
    error = refused(server, create)

    assert (error.status, error.retry_after, len(server.requests)) == (code, 7.0, 1)


def test_nobody_answers():
    """An unreachable server is an error like any other, with its address."""

    async def run():
        async with Client(Credentials("http://127.0.0.1:9")) as client:
            await get(client)

    with pytest.raises(ApiError, match=r"http://127\.0\.0\.1:9") as caught:
        asyncio.run(run())
    assert (caught.value.status, caught.value.reason) == (0, "Unreachable")


def test_a_connection_that_is_cut_is_an_error():
    """The answer never came: whether the write was done is unknown."""

    async def cut(request):
        request.transport.abort()
        return web.Response()

    error = refused(Server(cut), create)
    assert (error.status, error.reason) == (0, "Unreachable")


def test_a_server_that_is_silent_is_given_up():
    """A request has a time limit; a sentence says so."""

    async def silent(_request):
        await asyncio.sleep(5)
        return web.Response()

    error = refused(Server(silent), get, time_limit=0.1)
    assert error.status == 0
    assert "no answer within 0.1 s" in error.message or "timeout" in error.message.lower()


def test_an_answer_that_is_not_json_is_an_error():
    """Somebody else than the API server has answered, with success."""
    error = refused(Server(web.Response(body=b"\x1f\x8b\x00")), get)
    assert (error.status, error.reason) == (0, "Unreadable")


def test_a_write_is_checked_just_before_it_is_sent():
    """A replica that may not write sends nothing, but may read."""

    def never():
        raise NotLeadingError("no")

    server = Server(OK)
    with pytest.raises(NotLeadingError):
        ask(server, create, before_write=never)
    assert server.requests == []
    assert ask(server, get, before_write=never) == OK


def test_a_write_that_waited_is_checked_again():
    """Between two tries the lease may have gone."""
    checks = []

    def once():
        checks.append(1)
        if len(checks) > 1:
            raise NotLeadingError("no")

    busy = web.json_response(status(429, "TooManyRequests"), status=429, headers={"Retry-After": "0"})
    server = Server(busy, OK)
    with pytest.raises(NotLeadingError):
        ask(server, create, before_write=once)
    assert len(server.requests) == 1


def test_each_request_is_observed():
    """Metrics are told verb, resource, code and time; of one without an answer that can be read, code 0."""
    seen = []

    def observe(*what):
        seen.append(what[:3])

    ask(Server(OK), create, observe=observe)
    refused(Server(web.json_response(status(404, "NotFound"), status=404)), get, observe=observe)
    refused(Server(web.Response(text="no json")), get, observe=observe)

    assert seen == [("create", "pods", 200), ("get", "pods", 404), ("get", "pods", 0)]


def test_requests_in_flight_are_limited():
    """More calls than slots wait for each other."""
    most, now = [], []

    async def slow(_request):
        now.append(1)
        most.append(len(now))
        await asyncio.sleep(0.02)
        now.pop()
        return web.json_response(OK)

    async def many(client):
        return await asyncio.gather(*(get(client) for _ in range(8)))

    assert len(ask(Server(slow), many, in_flight=2)) == 8
    assert max(most) == 2


async def _events(client):
    found = []
    try:
        async for kind, body in client.watch(PODS, "team", resource_version="5", label_selector="a=b"):
            found.append((kind, body))
    except ApiError as error:
        return found, error
    return found, None


def test_a_watch_gives_events_until_it_ends():
    """An object in two chunks is one event; the end of the watch is no error."""
    line = json.dumps({"type": "ADDED", "object": {"metadata": {"name": "ä" * 100}}}, ensure_ascii=False).encode()

    async def stream(request):
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(line[:75])
        await asyncio.sleep(0.01)
        await answer.write(line[75:] + b"\n")
        return answer

    server = Server(stream)
    found, error = ask(server, _events)
    assert error is None
    assert [(kind, body["metadata"]["name"]) for kind, body in found] == [("ADDED", "ä" * 100)]
    query = server.requests[0][2]
    assert (query["watch"], query["resourceVersion"], query["labelSelector"]) == ("true", "5", "a=b")


def test_a_watch_that_is_too_old_is_an_error():
    """410 inside the stream is raised as such: the caller has to list anew."""
    event = {"type": "ERROR", "object": status(410, "Expired", "too old resource version")}
    _, error = ask(Server(event), _events)

    assert (error.status, error.reason) == (410, "Expired")


def test_a_watch_that_is_refused_is_an_error():
    """A right that is missing shows at once."""
    answer = web.json_response(status(403, "Forbidden", "no"), status=403)
    _, error = ask(Server(answer), _events)

    assert error.status == 403
