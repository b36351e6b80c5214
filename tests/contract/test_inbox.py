"""The inbox on real sockets, with every kind of client that a script can be."""

import json
import os
import selectors
import socket
import stat
import tempfile
import time
from pathlib import Path

import pytest

from autosearch.reporting.checks import Expectation
from autosearch.reporting.inbox import CONNECTIONS, Desk, Inbox
from autosearch.reporting.messages import ProgressAnswer


class Loop:
    """The caller's loop, turned by the test, with an inbox in it."""

    def __init__(self, path, answer):
        self.selector = selectors.DefaultSelector()
        self.path, self.answer = path, answer
        self.inbox = Inbox(path, answer)
        self.inbox.register(self.selector)
        self.clients = []

    def turn(self, until=lambda: False, seconds=0.05):
        """Handle what comes until `until` or the time is over."""
        end = time.monotonic() + seconds
        while not until() and time.monotonic() < end:
            for key, mask in self.selector.select(0.01):
                key.data(mask)

    def client(self):
        """A connected client that never waits."""
        link = socket.socket(socket.AF_UNIX)
        self.clients.append(link)
        link.connect(str(self.path))
        link.setblocking(False)
        return link

    def read(self, link, seconds=5.0):
        """What a client gets until a line is full or the inbox closes the connection."""
        received = bytearray()

        def full():
            try:
                chunk = link.recv(1 << 20)
            except BlockingIOError:
                return False
            except ConnectionResetError:  # closed with our request unread
                return True
            received.extend(chunk)
            return not chunk or received.endswith(b"\n")

        self.turn(full, seconds)
        return bytes(received)

    def ask(self, link, line):
        """Send a line and return the decoded reply."""
        link.sendall(line)
        return json.loads(self.read(link))

    def close(self):
        """Leave nothing open."""
        self.inbox.close()
        for link in self.clients:
            link.close()
        self.selector.close()


@pytest.fixture
def place():
    """A short path: a socket's has at most 107 bytes."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "socket"


@pytest.fixture
def loop(place):
    """An inbox that answers with what it was asked."""
    loop = Loop(place, lambda message: {"accepted": True, "message": message.get("say", "")})
    yield loop
    loop.close()


def test_many_requests_go_over_one_connection_in_order(loop):
    """Each line gets its own reply, also when several come at once."""
    link = loop.client()
    assert loop.ask(link, b'{"say": 1}\n')["message"] == 1
    link.sendall(b"".join(b'{"say": %d}\n' % turn for turn in range(500)))
    replies = b""
    while replies.count(b"\n") < 500:
        replies += loop.read(link)
    assert [json.loads(line)["message"] for line in replies.splitlines()] == list(range(500))


def test_any_user_may_connect(loop, place):
    """The socket is open to the script whatever user it runs as."""
    assert stat.S_IMODE(place.stat().st_mode) == 0o666


def test_a_line_may_come_in_pieces_while_others_are_served(loop):
    """A slow client gets its answer, and delays nobody."""
    slow, quick = loop.client(), loop.client()
    for piece in (b'{"sa', b'y": "sl', b'ow"}'):
        slow.sendall(piece)
        assert loop.ask(quick, b'{"say": "quick"}\n')["message"] == "quick"
    assert loop.ask(slow, b"\n")["message"] == "slow"


def test_a_client_may_close_its_side_after_asking(loop):
    """A half-closed connection still gets its replies, then the end."""
    link = loop.client()
    link.sendall(b'{"say": 7}\n{"say": "half')
    link.shutdown(socket.SHUT_WR)
    assert json.loads(loop.read(link))["message"] == 7
    assert loop.read(link) == b""


@pytest.mark.parametrize("line", [b"nope\n", b"\n", b"\xff\n", b"[]\n", b"[" * 50_000 + b"\n"])
def test_a_malformed_line_is_refused_and_the_connection_goes_on(loop, line):
    """Not JSON, not UTF-8, no object: answered as a refusal, and the next request works."""
    link = loop.client()
    reply = loop.ask(link, line)
    assert reply["accepted"] is False
    assert reply["message"].startswith("request: ")
    assert loop.ask(link, b'{"say": 1}\n')["accepted"] is True


@pytest.mark.parametrize("end", [b"", b"\n", b'\n{"say": 1}\n'])
def test_an_oversize_line_is_answered_and_closed(loop, end):
    """More than 64 KiB is never kept: refused, then the end, with or without a newline."""
    link = loop.client()
    link.sendall(b"x" * 70_000 + end)
    assert "longer than 65536 bytes" in json.loads(loop.read(link))["message"]
    assert loop.read(link) == b""


def test_a_line_of_just_the_limit_is_read(loop):
    """The limit is exact."""
    line = b'{"say": "' + b"x" * (65_536 - 11) + b'"}'
    assert len(loop.ask(loop.client(), line + b"\n")["message"]) == 65_536 - 11
    assert loop.ask(loop.client(), line + b" \n")["accepted"] is False


def test_clients_that_vanish_leave_nothing_behind(loop):
    """Gone before a line, within one, and before the reply: the others are served."""
    for sent in (b"", b'{"say"', b'{"say": 1}\n', b'{"say": 1}\n' * 3_000):
        link = loop.client()
        loop.turn(seconds=0.02)
        link.sendall(sent)
        link.close()
    loop.turn(seconds=0.1)
    assert loop.ask(loop.client(), b'{"say": 1}\n')["message"] == 1
    assert len(loop.selector.get_map()) == 2


def test_a_client_that_never_reads_is_not_read_either(place):
    """It cannot make the inbox grow: what waits is one reply, and others are served."""
    asked = []
    loop = Loop(place, lambda message: asked.append(1) or {"accepted": True, "message": "x" * 20_000})
    deaf = loop.client()
    for _ in range(200):
        try:
            deaf.send(b"{}\n" * 1_000)
        except BlockingIOError:
            break
        loop.turn(seconds=0.005)
    answered = len(asked)
    assert answered < 200
    loop.turn(seconds=0.05)
    assert len(asked) == answered
    assert loop.ask(loop.client(), b"{}\n")["accepted"] is True
    assert loop.read(deaf).startswith(b'{"accepted"')
    loop.turn(seconds=0.05)
    assert len(asked) > answered + 1
    loop.close()


def test_a_reply_larger_than_the_sockets_buffer_arrives_whole(place):
    """A reply that goes out in pieces is not torn by the next one."""
    loop = Loop(place, lambda message: {"accepted": True, "message": "x" * 1_000_000})
    link = loop.client()
    for _ in range(2):
        assert len(loop.ask(link, b"{}\n")["message"]) == 1_000_000
    loop.close()


def test_of_too_many_clients_the_longest_silent_one_is_closed(loop):
    """Thirty-two are held; who spoke lately stays, also when accepted first."""
    first, second = loop.client(), loop.client()
    loop.turn(seconds=0.02)
    for _ in range(CONNECTIONS - 2):
        loop.client()
        loop.turn(seconds=0.002)
    assert loop.ask(first, b'{"say": 1}\n')["message"] == 1
    newest = loop.client()
    assert loop.read(second) == b""
    assert loop.ask(newest, b'{"say": 2}\n')["message"] == 2
    assert loop.ask(first, b'{"say": 3}\n')["message"] == 3
    assert len(loop.selector.get_map()) == 1 + CONNECTIONS


def test_a_client_closed_in_the_same_turn_is_not_called(loop):
    """The loop may still hold its event: that is harmless."""
    clients = [loop.client() for _ in range(3)]
    loop.turn(seconds=0.05)
    for link in clients:
        link.sendall(b"{}\n")
    loop.turn(lambda: len(loop.selector.select(0)) == 3)
    ready = loop.selector.select(0)
    loop.inbox.close()
    for key, mask in [*ready, *ready]:
        key.data(mask)
    assert loop.read(clients[0]) == b""


def test_an_answer_may_close_the_inbox(place):
    """Its client gets no reply, as if the process had died there."""
    loop = Loop(place, lambda message: loop.inbox.close() or {"accepted": True})
    link = loop.client()
    link.sendall(b"{}\n")
    assert loop.read(link) == b""
    assert not place.exists()
    loop.close()


def test_an_event_without_anything_to_read_is_harmless(loop):
    """The system may say so and be wrong: nothing happens, and the client is served when it asks."""
    link = loop.client()
    loop.turn(seconds=0.02)
    for key in [key for key in loop.selector.get_map().values() if key.fileobj is not loop.inbox._listener]:
        key.data(selectors.EVENT_READ)
    assert loop.ask(link, b'{"say": 1}\n')["message"] == 1


def test_a_new_process_takes_over_the_dead_ones_place(loop, place):
    """A left-over socket is replaced, and the predecessor's late close leaves the successor's alone."""
    successor = Loop(place, loop.answer)
    loop.inbox.close()
    assert successor.ask(successor.client(), b'{"say": 1}\n')["message"] == 1
    successor.inbox.close()
    successor.inbox.close()
    assert not place.exists()
    successor.close()


def test_a_file_in_the_sockets_place_is_left_alone(place):
    """What is no socket is never removed: the caller gets the error."""
    place.write_text("mine")
    with pytest.raises(OSError, match="in use"):
        Inbox(place, dict)
    assert place.read_text() == "mine"


def test_closing_before_the_loop_is_harmless(place):
    """An inbox that was never registered, and one whose socket someone removed, can be closed."""
    inbox = Inbox(place, dict)
    place.unlink()
    inbox.close()
    inbox._accept(selectors.EVENT_READ)


def test_running_out_of_descriptors_frees_the_longest_silent_client(loop, monkeypatch):
    """The loop neither dies nor spins, and the waiting client is served once one is free."""
    silent = loop.client()
    loop.turn(seconds=0.02)

    class Exhausted:
        def accept(self):
            raise OSError(24, "Too many open files")

    listener = loop.inbox._listener
    monkeypatch.setattr(loop.inbox, "_listener", Exhausted())
    loop.inbox._accept(selectors.EVENT_READ)
    monkeypatch.setattr(loop.inbox, "_listener", listener)
    assert loop.read(silent) == b""
    loop.inbox._accept(selectors.EVENT_READ)  # nobody waits any more
    assert loop.ask(loop.client(), b'{"say": 1}\n')["accepted"] is True


def test_a_desk_behind_an_inbox_survives_a_lost_reply(place):
    """A client that vanishes after asking and asks again is counted once."""
    kept = []
    expect = Expectation(
        job_id="j",
        attempt_id="0-1",
        metric="acc",
        working_directory="/w",
        output_root="/w/output",
        output_prefixes=("/w/output",),
    )
    loop = Loop(place, Desk(expect, kept.append, lambda report: ProgressAnswer(accepted=True)).answer)
    line = b'{"type": "final", "job_id": "j", "trial_id": "0-1", "metric": {"acc": 0.5}}\n'
    lost = loop.client()
    lost.sendall(line)
    lost.close()
    loop.turn(lambda: kept, 1.0)
    assert loop.ask(loop.client(), line)["accepted"] is True
    assert len(kept) == 1
    loop.close()
    assert not os.path.lexists(place)
