"""`autosearch watch` on a real API server: what it shows, how it ends, and what it outlives.

No operator runs here: the tests write the statuses that one would write.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.cluster.cli_site import NOW, Site, a_condition, succeeded

from autosearch.kubernetes import following

ROOT = Path(__file__).parents[2]


@pytest.fixture
def site(cluster, namespace, tmp_path, monkeypatch) -> Site:
    """A namespace with nothing in it."""
    monkeypatch.chdir(tmp_path)
    return Site(cluster, namespace, tmp_path)


def test_watch_shows_a_search_until_its_end(site, capsys):
    """Trials are told as they finish, waits with their reasons; a complete search is exit code 0."""
    site.submit()
    wait = a_condition("Running", "False", "Unschedulable", "0/2 nodes have a GPU")
    site.add_trial(0, state="Pending", conditions=[wait])
    site.set_status(state="Running", conditions=[a_condition("Started")], startTime=NOW)

    def operate() -> None:
        time.sleep(1.5)
        site.add_trial(0, **succeeded(0.5))
        time.sleep(0.7)
        site.add_trial(1, **succeeded(0.75))
        site.finish()

    operator = threading.Thread(target=operate)
    operator.start()
    code = site.call("watch", "iris", "--plain")
    operator.join()
    out = capsys.readouterr().out

    assert code == 0
    assert "waiting: Unschedulable: 0/2 nodes have a GPU" in out
    assert "[1/2] trial 0-0 succeeded acc=0.5 (best so far) in 12 s | C=1" in out
    assert "[2/2] trial 0-1 succeeded acc=0.75 (best so far)" in out
    assert "iris: Complete (AllTrialsFinished)" in out
    assert "best    acc 0.75 in trial 0-1: C=1" in out


def test_watch_goes_on_after_the_api_server_was_away(site, capsys):
    """A restart of the API server is told as a wait, and what happened meanwhile is seen."""
    site.submit()
    site.set_status(state="Running", conditions=[a_condition("Started")], startTime=NOW)

    def restart() -> None:
        time.sleep(1)
        site.cluster.restart_api_server()
        site.add_trial(0, **succeeded(0.5))
        site.finish()

    restarting = threading.Thread(target=restart)
    restarting.start()
    code = site.call("watch", "iris", "--plain")
    restarting.join()
    out = capsys.readouterr().out

    assert code == 0
    assert "waiting: the API server does not answer; trying again" in out
    assert "trial 0-0 succeeded acc=0.5" in out


def test_watch_of_a_failed_search_is_exit_code_1(site, capsys):
    """The reason stands in the last lines, and the log's place is a command that works on a cluster."""
    site.submit()
    run = {"id": "0-0", "reason": "ScriptFailed", "exitCode": 1, "message": "boom", "startTime": NOW, "endTime": NOW}
    failed = a_condition("Failed", reason="ScriptFailed")
    site.add_trial(0, state="Failed", attempts=[run], attemptCount=1, completionTime=NOW, conditions=[failed])
    site.finish("Failed", "BrokenScript", "two trials ended alike\nboom")

    assert site.call("watch", "iris", "--plain") == 1
    out, err = capsys.readouterr()
    assert "iris: Failed (BrokenScript): two trials ended alike" in out
    assert f"log     autosearch logs iris -n {site.namespace} --trial 0-0 of trial 0-0, which failed last" in out
    assert "the search failed (BrokenScript)" in err


def started(site: Site, *words: str) -> subprocess.Popen[str]:
    """Start a command as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "autosearch", *words, "--kubeconfig", str(site.kubeconfig)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "operator"), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_ctrl_c_ends_the_watching_alone(site):
    """Exit code 130, with what goes on and how to see it again; the job is as it was."""
    site.submit()
    site.set_status(state="Running", conditions=[a_condition("Started")], startTime=NOW)
    before = site.found()
    with started(site, "watch", "iris", "-n", site.namespace, "--plain") as watching:
        assert "0/2 trials finished" in watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        out, err = watching.communicate(timeout=30)

    assert watching.returncode == 130
    assert "iris: Running" in out
    assert f"the search goes on; `autosearch watch iris -n {site.namespace}" in err
    assert "Traceback" not in err
    assert site.found() == before


def test_watch_tells_of_a_deleted_job_and_of_a_suspended_one(site, capsys):
    """A suspended search says how to go on; a deleted one ends the watching."""
    site.submit()
    site.set_status(
        state="Suspended", conditions=[a_condition("Suspended", reason="Suspended", message="no run is alive")]
    )
    deleter = threading.Timer(1.5, lambda: site.cluster.request("DELETE", site.path("autosearchjobs", "iris")))
    deleter.start()

    assert site.call("watch", "iris", "--plain") == 1
    out, err = capsys.readouterr()
    assert "waiting: Suspended: no run is alive; `autosearch resume iris` goes on" in out
    assert "AutoSearchJob iris was deleted" in err


@pytest.mark.parametrize(
    ("spec", "conditions", "said"),
    [
        ({}, [], "no operator has taken up the job yet"),
        ({"managedBy": "example.com/other"}, [], "the job says managedBy: example.com/other"),
        ({}, [a_condition("Progressing", "True", "QuotaExceeded", "gpus: 2 of 2")], "QuotaExceeded: gpus: 2 of 2"),
    ],
    ids=["no operator", "another's", "quota"],
)
def test_watch_says_why_nothing_happens(site, capsys, monkeypatch, spec, conditions, said):
    """What no trial can tell is told as a wait of the search."""
    monkeypatch.setattr(following, "_PATIENCE", 0.0)
    site.submit(**spec)
    site.set_status(conditions=conditions)
    deleter = threading.Timer(1.5, lambda: site.cluster.request("DELETE", site.path("autosearchjobs", "iris")))
    deleter.start()

    assert site.call("watch", "iris", "--plain") == 1
    assert f"waiting: {said}" in capsys.readouterr().out


def test_submit_and_watch_in_one(site, capsys):
    """`submit --watch` goes on with the live view and has its exit code."""
    site.submit()
    site.finish()
    capsys.readouterr()

    assert site.submit("--watch", "--plain") == 0
    assert "iris: Complete (AllTrialsFinished)" in capsys.readouterr().out
