"""The report server over real TLS on loopback; the API server's TokenReview is a scripted stand-in here."""

import json
import logging
import re
import socket
import threading
import time
from dataclasses import replace

import pytest
from tests.cluster.certificates import Authority
from tests.contract.report_parts import (
    FINAL,
    NO,
    OTHER,
    POD,
    PROGRESS,
    REPORT,
    Pods,
    ScriptedReviews,
    Serving,
    Sink,
    read_all,
    unsigned_token,
    write_certificate,
    yes,
)

from autosearch.kubernetes.client import ApiError
from autosearch.kubernetes.report_server import Limits, StopAnswer
from autosearch.reporting.messages import FinalReport, ProgressReport
from autosearch.sidecar.connection import Answer, Connection, NotTakenError

TOKEN = unsigned_token(POD)
OPEN = Limits(rate=1000.0, burst=1000, refusal_burst=1000)
QUICK = Limits(seconds=0.5)


class World:
    """One server with its stand-ins."""

    def __init__(self, folder):
        self.reviews = ScriptedReviews({TOKEN: yes(POD)})
        self.pods = Pods(POD, OTHER)
        self.sink = Sink()
        self._folder = folder

    def serve(self, limits=OPEN, **settings):
        return Serving(self._folder, self.reviews, self.pods, self.sink, limits, **settings)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def check_refusal(answer, code, *words):
    """Check that an answer is a Status object of that code whose message holds the words."""
    status, headers, found = answer
    assert (status, found["code"], found["kind"], found["status"]) == (code, code, "Status", "Failure"), found
    assert headers["Content-Type"].startswith("application/json")
    assert "Traceback" not in found["message"] and len(found["message"]) < 700
    for word in words:
        assert word in found["message"]


def head(body_length, token=TOKEN, *more):
    lines = ["POST /v1/reports HTTP/1.1", "Host: x", f"Authorization: Bearer {token}", f"Content-Length: {body_length}"]
    return "\r\n".join([*lines, *more, "", ""]).encode()


def test_reports_reach_the_operator_and_hear_its_answer(world):
    """A sidecar's progress and final report are handed on with the pod that sent them, and the answer goes back."""
    world.sink.answer = StopAnswer(stop=True, reason="place 9 of 9")
    with world.serve() as serving:
        progress = serving.post(TOKEN, {**PROGRESS, "checkpoint_path": "iris-0a1b2c3d/0-1/c.pt"})
        final = serving.post(TOKEN, FINAL)

    assert progress[0] == final[0] == 200
    assert progress[2] == {"stop": True, "reason": "place 9 of 9"}
    assert world.sink.taken == [
        (POD, ProgressReport(3, {"acc": 0.5}, "iris-0a1b2c3d/0-1/c.pt")),
        (POD, FinalReport(0.9, {"acc": 0.9}, "iris-0a1b2c3d/0-1"), 1_790_000_000.5),
    ]
    assert [(kind, status) for kind, status, _ in serving.observed] == [("progress", 200), ("final", 200)]
    assert len(world.reviews.asked) == 1


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer"}, {"Authorization": "Bearer  "}, {"Authorization": f"Basic {TOKEN}"}],
    ids=["none", "empty", "blank", "basic"],
)
def test_no_token(world, headers):
    """Who shows no bearer token is told how to, and the API server is not asked."""
    with world.serve() as serving:
        answer = serving.post(None, PROGRESS, headers=headers)

    check_refusal(answer, 401, "Authorization", "Bearer <token>")
    assert answer[1]["WWW-Authenticate"] == "Bearer"
    assert not world.reviews.asked and not world.sink.taken


@pytest.mark.parametrize(
    ("review", "words"),
    [
        (NO, "expired"),
        (yes(POD, audiences=["https://kubernetes.default.svc"]), "audience"),
        (yes(POD, audiences=None), "audience"),
        (yes(POD, authenticated="true"), "not valid"),
        (yes(POD, user={"username": "system:serviceaccount:team:default"}), "not bound to a pod"),
        (yes(POD, user={**yes(POD)["status"]["user"], "username": "alice"}), "not bound to a pod"),
        ({}, "not valid"),
    ],
    ids=["expired", "other audience", "no audiences", "odd yes", "unbound", "a user", "no status"],
)
def test_tokens_that_the_api_server_does_not_vouch_for(world, review, words):
    """Only a clear yes for our audience, to a service account bound to a pod, is a yes."""
    world.reviews.answers[TOKEN] = review
    with world.serve() as serving:
        check_refusal(serving.post(TOKEN, PROGRESS), 401, words)

    assert not world.sink.taken


def test_another_trials_token(world):
    """A pod may speak for its own trial and attempt alone; the answer names which of them it got wrong."""
    other = unsigned_token(OTHER)
    world.reviews.answers[other] = yes(OTHER)
    with world.serve() as serving:
        check_refusal(serving.post(other, PROGRESS), 403, "trial:", POD.trial, OTHER.trial)
        check_refusal(serving.post(other, FINAL), 403, "trial:")
        check_refusal(serving.post(TOKEN, {**PROGRESS, "attempt": "0-1-r1"}), 403, "attempt:", "'0-1'")

    assert not world.sink.taken


def test_a_token_cannot_claim_another_pod(world):
    """What counts is the pod that the API server names, and not what stands in the token."""
    forged = unsigned_token(POD, number=1)
    world.reviews.answers[forged] = yes(OTHER)
    with world.serve() as serving:
        check_refusal(serving.post(forged, PROGRESS), 403, "trial:", OTHER.trial)


def test_a_deleted_pods_token(world):
    """Once the operator has seen a pod go, its token is worth nothing, whatever the API server or the cache says."""
    with world.serve() as serving:
        assert serving.post(TOKEN, PROGRESS)[0] == 200
        world.pods.drop(POD)
        check_refusal(serving.post(TOKEN, PROGRESS), 403, "gone")
        fresh = unsigned_token(POD, number=1)
        world.reviews.answers[fresh] = yes(POD)
        check_refusal(serving.post(fresh, PROGRESS), 401, "not known")

    assert len(world.sink.taken) == len(world.reviews.asked) == 1


def test_a_pod_of_the_same_name_is_not_the_same_pod(world):
    """A token of an earlier pod is refused though a new one has its name."""
    world.pods.drop(POD)
    world.pods.update(Pods(replace(POD, uid="a-new-one")))
    with world.serve() as serving:
        check_refusal(serving.post(TOKEN, PROGRESS), 401, "not known")


def test_a_pod_that_has_ended(world):
    """A pod that is still there but has ended reports nothing any more."""
    world.pods.update(Pods(replace(POD, alive=False)))
    with world.serve() as serving:
        check_refusal(serving.post(TOKEN, PROGRESS), 403, "has ended")


def test_a_pod_that_goes_while_its_report_is_on_the_way(world):
    """The pod is looked up again when the body is here."""
    body = json.dumps(PROGRESS).encode()
    with world.serve() as serving, serving.raw() as stream:
        stream.sendall(head(len(body)))
        assert wait_until(lambda: world.reviews.asked)
        world.pods.drop(POD)
        stream.sendall(body)
        assert b" 403 " in stream.recv(65536)

    assert not world.sink.taken


def test_an_api_server_that_does_not_answer(world):
    """If tokens cannot be judged now, the sender is asked to come again, and nobody is let in or locked out."""
    world.reviews.answers[TOKEN] = ApiError(0, "Unreachable", "https://10.0.0.1: no answer")
    with world.serve() as serving:
        answer = serving.post(TOKEN, PROGRESS)
        world.reviews.answers[TOKEN] = yes(POD)
        assert serving.post(TOKEN, PROGRESS)[0] == 200

    check_refusal(answer, 503, "review")
    assert answer[1]["Retry-After"] == "5" and "10.0.0.1" not in answer[2]["message"]


def test_an_operator_that_has_only_just_started(world):
    """Until the operator knows its pods, it asks senders to come again instead of taking them for strangers."""
    with world.serve() as serving:
        serving.ready = False
        answer = serving.post(TOKEN, PROGRESS)
        serving.ready = True
        assert serving.post(TOKEN, PROGRESS)[0] == 200

    check_refusal(answer, 503, "just started")
    assert answer[1]["Retry-After"] == "2"


def test_the_sidecar_itself(world, tmp_path):
    """What the sidecar sends is what the server takes, and both sides mean the same by a refusal."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    world.sink.answer = StopAnswer(stop=True, reason="place 9 of 9")
    with world.serve() as serving:
        url = f"https://127.0.0.1:{serving.port}"
        link = Connection(url, serving.certificate.ca_certificate, str(tmp_path / "token"))
        answers = [link.post({**PROGRESS, "checkpoint_path": ""}), link.post(FINAL)]
        with pytest.raises(NotTakenError, match="HTTP 403: attempt"):
            link.post({**FINAL, "attempt": "0-1-r1"})
        serving.ready = False
        with pytest.raises(NotTakenError) as caught:
            link.post(FINAL)
        link.close()

    assert answers == [Answer(stop=True, reason="place 9 of 9")] * 2
    assert caught.value.retry_after == 2
    assert len(world.sink.taken) == 2


def test_oversized(world):
    """More than 64 KiB is refused by its announcement, before any of it is read, and where it is not announced, too."""
    with world.serve() as serving:
        announced = serving.exchange(head(64 * 1024 + 1))
        chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
        chunked = head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        unannounced = serving.exchange(chunked + 3 * chunk)
        exact = json.dumps(PROGRESS).encode().ljust(64 * 1024)
        assert serving.post(TOKEN, exact)[0] == 200

    assert b" 413 " in announced and b"RequestEntityTooLarge" in announced
    assert b" 413 " in unannounced
    assert len(world.sink.taken) == 1


def test_slow(world):
    """A body that does not come, or comes drop by drop, is given up in time; so is a head that never ends."""
    with world.serve(QUICK) as serving:
        lied = serving.exchange(head(1000) + b"{")
        drops = serving.exchange([head(1000), *[b" "] * 8], pause=0.1)
        unfinished = serving.exchange(b"POST /v1/reports HTTP/1.1\r\nHost: x\r\n")
        silent = serving.exchange(b"")

    assert b" 408 " in lied and b" 408 " in drops and b'"Timeout"' in lied
    assert unfinished == silent == b""
    assert not world.sink.taken


def test_a_head_that_comes_drop_by_drop(world):
    """Sending a little now and then does not keep a connection without a request."""
    with world.serve(QUICK) as serving, serving.raw() as stream:
        stream.sendall(b"GET / HTTP/1.1\r\n")
        assert wait_until(lambda: not goes_on(stream), pause=0.1)


def goes_on(stream):
    """Say whether a further header can be sent."""
    try:
        stream.sendall(b"X-A: b\r\n")
    except OSError:
        return False
    return True


def test_a_handshake_that_never_comes(world):
    """A connection that speaks no TLS is closed, and others are served meanwhile."""
    with world.serve(QUICK) as serving, socket.create_connection(("127.0.0.1", serving.port), 10) as plain:
        assert serving.post(TOKEN, PROGRESS)[0] == 200
        assert read_all(plain) == b""


MALFORMED = {
    "empty": (b"", "request"),
    "no JSON": (b"{", "request"),
    "no UTF-8": (b"\xff\xfe{}", "request"),
    "a list": (b"[]", "a list of 0"),
    "deep": (b"[" * 60_000, "request"),
    "deep inside": (b'{"type":' * 6_000 + b"1" + b"}" * 6_000, "request"),
    "a number of many digits": (b'{"type": "progress", "step": ' + b"9" * 5000 + b"}", "request"),
    "unknown type": ({**PROGRESS, "type": "stop"}, "type: found 'stop'"),
    "no type": ({"trial": POD.trial}, "type: found None"),
    "no step": ({**PROGRESS, "step": None}, "step"),
    "a step of a half": ({**PROGRESS, "step": 0.5}, "step: found 0.5"),
    "a step of truth": ({**PROGRESS, "step": True}, "step: found True"),
    "a step below": ({**PROGRESS, "step": -1}, "step: found -1"),
    "a step beyond": ({**PROGRESS, "step": 2**31}, "step"),
    "a huge step": ({**PROGRESS, "step": 10**4000}, "step"),
    "NaN": (b'{"type":"progress","trial":"%s","attempt":"0-1","step":1,"metrics":{"acc":NaN}}', "metrics 'acc'"),
    "infinity": (
        b'{"type":"progress","trial":"%s","attempt":"0-1","step":1,"metrics":{"acc":-1e999}}',
        "metrics 'acc'",
    ),
    "a huge metric": ({**PROGRESS, "metrics": {"acc": 10**400}}, "metrics 'acc'"),
    "a text metric": ({**PROGRESS, "metrics": {"acc": "0.5"}}, "metrics 'acc'"),
    "no metrics": ({**PROGRESS, "metrics": {}}, "metrics"),
    "nine metrics": ({**PROGRESS, "metrics": {str(i): 1.0 for i in range(9)}}, "metrics: found 9"),
    "long names": ({**PROGRESS, "metrics": {"a" * 3000: 1.0}}, "metrics: "),
    "a name half a character": ({**PROGRESS, "metrics": {"\ud800": 1.0}}, "metrics"),
    "path of a list": ({**PROGRESS, "checkpoint_path": ["a"]}, "checkpoint_path"),
    "path from the root": ({**PROGRESS, "checkpoint_path": "/etc/passwd"}, "checkpoint_path"),
    "path upwards": ({**PROGRESS, "checkpoint_path": "iris-0a1b2c3d/../x/c"}, "checkpoint_path"),
    "path of another job": ({**PROGRESS, "checkpoint_path": "iris-ffffffff/0-1/c"}, "checkpoint_path"),
    "path with nothing": ({**PROGRESS, "checkpoint_path": "iris-0a1b2c3d//c"}, "checkpoint_path"),
    "path with a line end": ({**PROGRESS, "checkpoint_path": "iris-0a1b2c3d/a\nb"}, "checkpoint_path"),
    "path half a character": ({**PROGRESS, "checkpoint_path": "iris-0a1b2c3d/\ud800"}, "checkpoint_path"),
    "a long path": ({**PROGRESS, "checkpoint_path": "iris-0a1b2c3d/" + "a" * 400}, "checkpoint_path"),
    "no report": ({**FINAL, "report": "good"}, "report: found 'good'"),
    "a report without value": ({**FINAL, "report": {}}, "value"),
    "another objective": ({**FINAL, "report": {**REPORT, "metrics": {"f1": 0.9}}}, "report.metrics"),
    "another value": ({**FINAL, "report": {**REPORT, "value": 0.99}}, "report.metrics"),
    "another's model": ({**FINAL, "report": {**REPORT, "modelPath": "iris-0a1b2c3d/0-2"}}, "report.modelPath"),
    "a model upwards": ({**FINAL, "report": {**REPORT, "modelPath": "../0-1"}}, "report.modelPath"),
    "half a model": ({**FINAL, "report": {**REPORT, "modelPath": "\udfff"}}, "report.modelPath"),
    "a checkpoint upwards": (
        {**FINAL, "report": {**REPORT, "checkpointPath": "iris-0a1b2c3d/0-1/../../x"}},
        "report.checkpointPath",
    ),
    "never reported": ({**FINAL, "reported": None}, "reported"),
    "reported before": ({**FINAL, "reported": -1}, "reported"),
    "reported in the year 9999": ({**FINAL, "reported": 1e15}, "reported"),
}


def test_malformed(world):
    """Each body that is not as it should be is answered 400, naming the field; none reaches the operator or fails."""
    with world.serve() as serving:
        for name, (body, words) in MALFORMED.items():
            data = body.replace(b"%s", POD.trial.encode()) if isinstance(body, bytes) else body
            status, headers, found = serving.post(TOKEN, data)
            assert status == 400, (name, found)
            check_refusal((status, headers, found), 400, words)
        assert serving.post(TOKEN, PROGRESS)[0] == 200

    assert len(world.sink.taken) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01 nonsense\r\n\r\n",
        b"POST /v1/reports HTTP/9.9\r\n\r\n",
        b"POST /v1/reports HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/reports HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/reports HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 20_000 + b"\r\n\r\n",
        b"POST /v1/reports HTTP/1.1\r\n" + b"".join(b"X-%d: a\r\n" % i for i in range(500)) + b"\r\n",
        head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"no number\r\n",
    ],
    ids=["binary", "version", "negative length", "two lengths", "long header", "many headers", "bad chunk"],
)
def test_what_is_not_http(world, data):
    """Broken HTTP is answered with a Status object too, and the connection ends."""
    with world.serve() as serving:
        found = serving.exchange(data)

    assert re.match(rb"HTTP/1.[01] 400 ", found), found
    assert json.loads(found.partition(b"\r\n\r\n")[2])["reason"] == "BadRequest"


def test_a_longer_body_than_announced(world):
    """What follows a body is the next request, and no part of the report."""
    body = json.dumps(PROGRESS).encode()
    with world.serve() as serving:
        apart = serving.exchange([head(len(body)) + body, b'{"type": "final"}\r\n\r\n'], pause=0.3)
        assert len(world.sink.taken) == 1
        together = serving.exchange(head(len(body)) + body + b'{"type": "final"}\r\n\r\n')

    assert apart.count(b"HTTP/1.1 200 ") == 1 and apart.count(b" 400 ") == 1
    assert together.count(b" 400 ") == 1


def test_other_addresses_methods_and_encodings(world):
    """There is one address and one method, and no compressed body that could grow."""
    with world.serve() as serving:
        check_refusal(serving.post(TOKEN, PROGRESS, path="/healthz"), 404, "/v1/reports")
        check_refusal(serving.post(TOKEN, PROGRESS, method="PUT"), 405, "POST")
        check_refusal(serving.post(TOKEN, PROGRESS, headers={"Content-Encoding": "gzip"}), 415, "Content-Encoding")

    assert not world.reviews.asked


def test_a_pod_that_reports_too_often(world):
    """Beyond its allowance a pod hears 429 and when to come again; another pod's reports are not held up."""
    other = unsigned_token(OTHER)
    world.reviews.answers[other] = yes(OTHER)
    with world.serve(Limits(rate=0.01, burst=3)) as serving:
        answers = [serving.post(TOKEN, PROGRESS) for _ in range(5)]
        assert serving.post(other, {**PROGRESS, "trial": OTHER.trial, "attempt": "0-2"})[0] == 200

    assert [answer[0] for answer in answers] == [200, 200, 200, 429, 429]
    assert 1 <= int(answers[-1][1]["Retry-After"]) <= 100


def test_an_address_that_guesses_tokens(world):
    """After some refused tokens an address is not listened to, the known ones among its pods included, for a moment."""
    with world.serve(Limits(refusal_rate=0.01, refusal_burst=3)) as serving:
        guesses = [serving.post(unsigned_token(POD, number=n), PROGRESS)[0] for n in range(1, 6)]

    assert guesses == [401, 401, 401, 429, 429]
    assert len(world.reviews.asked) == 3


def test_too_many_at_once(world):
    """Beyond the limits on what is under way, of a pod and of all, a report is put off and nothing breaks."""
    body = json.dumps(PROGRESS).encode()
    limits = replace(OPEN, requests=3, requests_each=2)
    with world.serve(limits) as serving:
        held = [serving.raw() for _ in range(2)]
        for stream in held:
            stream.sendall(head(len(body)))
        assert wait_until(lambda: serving.server._turns._each[POD.uid] == 2)
        check_refusal(serving.post(TOKEN, PROGRESS), 429, "2 reports")
        world.reviews.seconds = 1.5
        slow = unsigned_token(POD, number=1)
        waiting = threading.Thread(target=serving.post, args=(slow, PROGRESS))
        waiting.start()
        assert wait_until(lambda: serving.server._turns._all == 3)
        answer = serving.post(TOKEN, PROGRESS)
        waiting.join()
        for stream in held:
            stream.sendall(body)
            assert b" 200 " in stream.recv(65536)
            stream.close()

    check_refusal(answer, 503, "3 reports")
    assert answer[1]["Retry-After"] == "1"


def test_too_many_connections(world):
    """A connection too many hears 503 at once; one that ends makes room."""
    with world.serve(replace(OPEN, connections=2)) as serving:
        held = [serving.raw() for _ in range(2)]
        assert wait_until(lambda: len(serving.server._http.connections) == 2)
        crowded = serving.exchange(b"")
        held[0].close()
        assert wait_until(lambda: len(serving.server._http.connections) < 2)
        assert serving.post(TOKEN, PROGRESS)[0] == 200
        held[1].close()

    assert crowded.startswith(b"HTTP/1.1 503") and b"Retry-After: 5" in crowded


def test_a_bug_of_ours(world, caplog):
    """An unexpected error is a 500 without its inside; the log has its place, and no more of the request than fits."""
    world.sink.error = KeyError("secret" * 1000)
    with world.serve() as serving:
        answer = serving.post(TOKEN, PROGRESS)

    check_refusal(answer, 500, "log")
    assert "secret" not in json.dumps(answer[2])
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "KeyError" in record.getMessage() and record.getMessage().count("secret") < 40


def test_nothing_of_a_request_is_logged(world, caplog):
    """Refused reports leave neither tokens nor texts of theirs in the log."""
    caplog.set_level(logging.DEBUG, "autosearch")
    with world.serve() as serving:
        serving.post("guessed-token", PROGRESS)
        serving.post(TOKEN, {**PROGRESS, "type": "marker" * 100})
        serving.exchange(b"marker nonsense\r\n\r\n")

    ours = [record.getMessage() for record in caplog.records if record.name.startswith("autosearch")]
    assert not [message for message in ours if "marker" in message or "token" in message]


def test_the_certificate_is_changed_without_dropping_a_connection(world):
    """A renewed certificate serves new connections at once; open ones go on as they are."""
    with world.serve() as serving:
        connection = serving.connection()
        assert serving.post(TOKEN, PROGRESS, connection=connection)[0] == 200
        socket_before = connection.sock
        second = Authority("second")
        write_certificate(serving.folder, second)
        assert wait_until(lambda: serving.certificate.ca_certificate == second.certificate)

        renewed = serving.connection(second)
        assert serving.post(TOKEN, PROGRESS, connection=renewed)[0] == 200
        renewed.close()
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            serving.post(TOKEN, PROGRESS)
        assert serving.post(TOKEN, PROGRESS, connection=connection)[0] == 200
        assert connection.sock is socket_before
        connection.close()


def test_the_server_ends_with_connections_open(world):
    """Closing does not wait for idle connections, and a report under way is given up after its grace."""
    with world.serve() as serving:
        idle = serving.connection()
        assert serving.post(TOKEN, PROGRESS, connection=idle)[0] == 200
        half = serving.raw()
        half.sendall(head(100))
        assert wait_until(lambda: serving.server._turns._all == 1)

    idle.close()
    half.close()


def wait_until(done, seconds=10, pause=0.01):
    """Say whether something comes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if done():
            return True
        time.sleep(pause)
    return False
