"""The thread that sends reports on, over real HTTPS and with short waits: what is sent, when, and to whom."""

import dataclasses
import socket
import threading
import time

import pytest
from tests.contract.pods import wait_until
from tests.contract.report_servers import GO_ON, STOP

from autosearch.reporting.messages import FinalReport, ProgressReport
from autosearch.sidecar import connection, forwarding
from autosearch.sidecar.forwarding import Forwarder
from autosearch.sidecar.settings import SidecarSettings

FINAL = FinalReport(0.5, {"acc": 0.5}).to_dict()


@pytest.fixture
def quick(monkeypatch):
    """Waits of hundredths of a second, so that no test takes a minute."""
    for name in ("PACE_SECONDS", "REPEAT_SOON_SECONDS", "_FIRST_PAUSE"):
        monkeypatch.setattr(forwarding, name, 0.05)
    for name in ("REPEAT_SECONDS", "_LONGEST_PAUSE"):
        monkeypatch.setattr(forwarding, name, 0.1)


@pytest.fixture
def make_forwarder(short_folder, server):
    """Make forwarders with a token in a file; they are closed at the end."""
    made = []
    (short_folder / "token").write_text("token-1")
    known = SidecarSettings("job", "0-3", "job-0-3", "acc", "/w", report_url=server.url)
    known = dataclasses.replace(known, ca_certificate=server.ca_certificate)

    def make(**changed):
        made.append(Forwarder(dataclasses.replace(known, **changed), str(short_folder / "token")))
        return made[-1]

    yield make
    for forwarder in made:
        forwarder.close(0)
    wait_until(lambda: not any(thread.name == "forwarding" for thread in threading.enumerate()))


def observed(step, checkpoint=""):
    """A progress report."""
    return ProgressReport(step, {"acc": step / 10}, checkpoint)


def test_each_request_reads_the_token_anew(make_forwarder, server, short_folder, quick):
    """The kubelet exchanges the token before it expires."""
    forwarder = make_forwarder()
    forwarder.final(FINAL, 1.0)
    wait_until(lambda: server.seen)
    (short_folder / "token").write_text("token-2\n")
    wait_until(lambda: server.seen[-1][0] == "Bearer token-2")


def test_a_final_report_is_sent_again_and_again(make_forwarder, server, quick):
    """An operator that was started anew learns it, and the server's end of a connection is not noticed."""
    make_forwarder().final(FINAL, 1.0)
    wait_until(lambda: len(server.reports) >= 2)
    server.stop()
    server.start()
    seen = len(server.reports)
    wait_until(lambda: len(server.reports) >= seen + 2)
    assert all(report == server.reports[0] for report in server.reports)


def test_an_observation_is_sent_once_more_so_that_a_stop_is_heard_of(make_forwarder, server, quick):
    """A stop that was decided because of a report is known before the next one."""
    server.reply = lambda _report: STOP if len(server.seen) > 1 else GO_ON
    forwarder = make_forwarder()
    assert forwarder.progress(observed(1)).stop is False
    wait_until(lambda: len(server.reports) >= 2)
    wait_until(lambda: forwarder.progress(observed(2)).stop)
    assert server.reports[0] == server.reports[1]


def test_a_stop_stays(make_forwarder, server, quick):
    """Once the operator has decided it, no later answer takes it back."""
    server.reply = lambda _report: STOP if len(server.seen) == 1 else GO_ON
    forwarder = make_forwarder()
    forwarder.progress(observed(1))
    wait_until(lambda: len(server.reports) >= 3)
    assert forwarder.progress(observed(2)).stop is True


def test_the_newest_observation_wins_and_keeps_the_last_checkpoint(make_forwarder, server, quick):
    """What a slow server has not seen is replaced, but for the checkpoint that a successor would start from."""
    server.delay = 0.3
    forwarder = make_forwarder()
    forwarder.progress(observed(0))
    wait_until(lambda: server.seen)
    for step in range(1, 100):
        forwarder.progress(observed(step, "job/0-3/5.pkl" if step == 5 else ""))
    wait_until(lambda: len(server.reports) >= 2)
    assert [(report["step"], report["checkpoint_path"]) for report in server.reports[:2]] == [
        (0, ""),
        (99, "job/0-3/5.pkl"),
    ]


def test_a_final_report_overtakes_observations(make_forwarder, server, quick):
    """Nothing is said about a step once there is a result."""
    server.delay = 0.2
    forwarder = make_forwarder()
    forwarder.progress(observed(0))
    wait_until(lambda: server.seen)
    forwarder.progress(observed(1))
    forwarder.final(FINAL, 1.0)
    wait_until(lambda: len(server.reports) >= 3)
    assert [report["type"] for report in server.reports[:3]] == ["progress", "final", "final"]


@pytest.mark.parametrize(
    "reply",
    [
        (500, {"message": "broken"}, {}),
        (403, {"message": "not yours"}, {}),
        (200, b"<html>", {}),
        (200, {"stop": "yes"}, {}),
        (200, b"[]", {}),
        (200, b"x" * 100_000, {}),
        (302, {}, {"Location": "https://elsewhere.example/"}),
    ],
)
def test_a_report_that_is_not_taken_is_sent_again(make_forwarder, server, quick, reply, capsys):
    """Whatever the server answers instead of an answer, the trial goes on, and the log says so once."""
    server.reply = lambda _report: reply if len(server.seen) <= 2 else GO_ON
    forwarder = make_forwarder()
    assert forwarder.progress(observed(1)).accepted
    wait_until(lambda: len(server.reports) >= 4)
    assert forwarder.progress(observed(2)).stop is False
    forwarder.close(5.0)
    said = capsys.readouterr().err
    assert said.count("does not take reports, the trial goes on") == 1
    assert said.count("takes reports again") == 1


def test_a_server_that_wants_to_be_left_alone_is(make_forwarder, server, quick):
    """`Retry-After` holds for the next report too, and for the last push."""
    server.reply = lambda _report: (429, {"message": "too many"}, {"Retry-After": "2"})
    forwarder = make_forwarder()
    forwarder.progress(observed(1))
    wait_until(lambda: server.seen)
    asked = time.monotonic()
    wait_until(lambda: forwarder._unwanted_until > asked)
    forwarder.final(FINAL, 1.0)
    wait_until(lambda: len(server.seen) > 1)
    assert time.monotonic() - asked >= 1.9
    seen = len(server.seen)
    wait_until(lambda: forwarder._unwanted_until > asked + 2.0)
    forwarder.close(1.0)
    assert len(server.seen) == seen


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"ca_certificate": ""}, "CERTIFICATE_VERIFY_FAILED"),
        ({"ca_certificate": "no certificate"}, "does not take reports"),
        ({"report_url": "http://127.0.0.1:1"}, "must begin with https://"),
        ({"report_url": "https://127.0.0.1:port"}, "does not take reports"),
    ],
)
def test_a_server_that_cannot_be_trusted_gets_no_token(make_forwarder, server, quick, capsys, changed, message):
    """Only a server that the given certificate vouches for is told anything."""
    forwarder = make_forwarder(**changed)
    assert forwarder.progress(observed(1)).accepted
    forwarder.close(5.0)
    assert message in capsys.readouterr().err
    assert not server.seen


def test_without_a_token_nothing_is_sent(make_forwarder, server, quick, short_folder, capsys):
    """A token that is not there yet is a reason to try again."""
    (short_folder / "token").unlink()
    forwarder = make_forwarder()
    forwarder.progress(observed(1))
    time.sleep(0.2)
    (short_folder / "token").write_text("token-3")
    wait_until(lambda: server.seen)
    assert server.seen[0][0] == "Bearer token-3"


def test_a_server_that_takes_no_connection_is_given_up_in_time(make_forwarder, quick, monkeypatch, capsys):
    """A connection that never becomes one ends by the time limit."""
    monkeypatch.setattr(connection, "TIMEOUT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        forwarder = make_forwarder(report_url=f"https://127.0.0.1:{mute.getsockname()[1]}")
        forwarder.progress(observed(1))
        forwarder.close(5.0)
    assert "timed out" in capsys.readouterr().err


def test_without_a_report_server_nothing_is_started(make_forwarder):
    """A job whose operator takes no reports costs no thread."""
    forwarder = make_forwarder(report_url="")
    assert forwarder.progress(observed(1)).accepted
    forwarder.final(FINAL, 1.0)
    forwarder.close(1.0)
    assert forwarder._thread is None
