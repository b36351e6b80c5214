"""A sidecar and the operator's report server, both real: what passes between them never holds a trial up."""

from pathlib import Path

import pytest
from tests.contract.pods import wait_until
from tests.contract.report_servers import STOP

from autosearch.reporting.messages import FinalReport

FINAL = FinalReport(0.5, {"acc": 0.5}).to_dict()


@pytest.fixture
def pod(make_pod, server):
    """A pod whose sidecar knows the server."""
    return make_pod(report_url=server.url, ca_certificate=server.ca_certificate)


def test_progress_and_result_of_a_script_reach_the_operator(pod, server):
    """The bodies are what the operator reads, with the pod's token, over one connection."""
    pod.start()
    (pod.own).mkdir(parents=True)
    (pod.own / "epoch.pkl").write_bytes(b"weights")
    said = pod.run("say(report_progress(3, {'acc': 0.25}, './output/iris-1a2b3c4d/0-3/epoch.pkl'))")
    wait_until(lambda: server.reports)
    assert said == [[[True, False, "accepted"]]]
    assert pod.final() == (True, "accepted")
    wait_until(lambda: server.reports[-1]["type"] == "final")
    who = {"trial": "iris-1a2b3c4d-0-3", "attempt": "0-3"}
    path = "iris-1a2b3c4d/0-3/epoch.pkl"
    assert server.reports[0] == {
        "type": "progress",
        "step": 3,
        "metrics": {"acc": 0.25},
        "checkpoint_path": path,
        **who,
    }
    assert server.reports[-1] == {"type": "final", "report": FINAL, "reported": pod.verdict.reported, **who}
    assert {token for token, _report, _from in server.seen} == {"Bearer token-1"}
    assert len({where for _token, _report, where in server.seen}) == 1
    assert pod.ended() == 0


def test_a_script_hears_of_a_stop_with_a_later_report(pod, server):
    """The answer to the last exchange is what a report returns, with the reason."""
    server.reply = lambda _report: STOP
    pod.start()
    ((first, last),) = pod.run(
        "first = answer = report_progress(0, {'acc': 0.1})\n"
        "for step in range(1, 400):\n"
        "    if answer.stop: break\n"
        "    time.sleep(0.05)\n"
        "    answer = report_progress(step, {'acc': 0.1})\n"
        "say(first, answer)"
    )
    assert first == [True, False, "accepted"]
    assert last == [True, True, "median"]
    assert "asked to stop: median" in pod.log


def test_the_end_sends_what_the_operator_has_not_seen(pod, server):
    """A result file is read at the end, and is still on its way to the operator before the sidecar is gone."""
    pod.start()
    Path(pod.places.result).write_text('{"acc": 0.5}')
    assert pod.ended() == 0
    assert [report["report"] for report in server.reports] == [FINAL]


def test_a_restarted_sidecar_sends_the_result_again(pod, server):
    """An accepted report goes on after `kill -9`, with the time at which it was accepted."""
    sidecar = pod.start()
    pod.final()
    wait_until(lambda: server.reports)
    sidecar.kill()
    sidecar.wait()
    pod.start()
    wait_until(lambda: len(server.reports) > 1)
    assert server.reports[0] == server.reports[1]


@pytest.mark.parametrize("ailing", ["down", "silent"])
def test_an_operator_out_of_reach_holds_nothing_up(pod, server, ailing):
    """Training goes on, the result is the verdict, and the end does not wait for the server."""
    if ailing == "down":
        server.stop()
    else:
        server.delay = 30.0
    pod.start()
    assert pod.run("say(report_progress(1, {'acc': 0.5}))") == [[[True, False, "accepted"]]]
    assert pod.final() == (True, "accepted")
    sidecar = pod.processes[0]
    pod.ended(sidecar)
    assert sidecar.returncode == 0
    assert pod.verdict.report == FINAL
    assert pod.log.count("does not take reports") <= 1
