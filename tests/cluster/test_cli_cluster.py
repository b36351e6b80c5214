"""What the command line shows of a search on a real API server, and what it says when it is refused.

No operator runs here: the tests write the statuses that one would write.
"""

import json
import re
import threading
import time

import pytest
from tests.cluster.cli_site import NOW, Site, a_condition, succeeded


@pytest.fixture
def site(cluster, namespace, tmp_path, monkeypatch) -> Site:
    """A namespace with nothing in it."""
    monkeypatch.chdir(tmp_path)
    return Site(cluster, namespace, tmp_path)


@pytest.mark.parametrize(
    "words",
    [("results", "iris"), ("watch", "iris"), ("logs", "iris"), ("suspend", "iris"), ("report", "iris"), ("submit",)],
    ids=lambda words: words[0],
)
def test_a_user_without_rights_is_told_which_are_missing(site, capsys, words):
    """The sentence names verb, resource and namespace, and the exit code is 1."""
    site.kubeconfig = site.cluster.user_kubeconfig(site.cluster.tokens["alice"], site.namespace)

    assert (site.submit() if words == ("submit",) else site.call(*words)) == 1
    err = capsys.readouterr().err
    assert f"you may not get autosearchjobs.autosearch.dev in namespace {site.namespace} (403 Forbidden)" in err


def test_who_may_read_but_not_write_is_told_so(site, capsys):
    """A viewer's `suspend` names the verb that is missing; what a viewer may do works."""
    site.submit()
    rule = {
        "apiGroups": ["autosearch.dev"],
        "resources": ["autosearchjobs", "trials"],
        "verbs": ["get", "list", "watch"],
    }
    rbac = {"apiVersion": "rbac.authorization.k8s.io/v1"}
    site.cluster.apply(
        {**rbac, "kind": "Role", "metadata": {"name": "see"}, "rules": [rule]},
        {
            **rbac,
            "kind": "RoleBinding",
            "metadata": {"name": "see"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "see"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "bob"}],
        },
        namespace=site.namespace,
    )
    site.kubeconfig = site.cluster.user_kubeconfig(site.cluster.tokens["bob"], site.namespace)
    deadline = time.monotonic() + 10
    while site.call("results", "iris") and time.monotonic() < deadline:
        time.sleep(0.1)
    capsys.readouterr()

    assert site.call("suspend", "iris") == 1
    assert "you may not patch autosearchjobs.autosearch.dev" in capsys.readouterr().err
    site.finish()
    assert site.call("watch", "iris", "--plain") == 0


def test_unknown_users_kinds_jobs_and_servers_are_told_apart(site, capsys):
    """401, 404 of a job, of a namespace, and no answer at all each have their own sentence."""
    assert site.call("results", "gone") == 1
    assert f"there is no AutoSearchJob gone in namespace {site.namespace}" in capsys.readouterr().err
    assert site.submit("-n", "nowhere") == 1
    assert "there is no namespace nowhere on this cluster" in capsys.readouterr().err
    site.kubeconfig = site.cluster.user_kubeconfig("stale", site.namespace)
    assert site.call("results", "iris") == 1
    assert "does not accept your credentials (401 Unauthorized)" in capsys.readouterr().err
    site.kubeconfig = site.cluster.user_kubeconfig("any", server="https://127.0.0.1:1")
    assert site.call("results", "iris") == 1
    assert "the API server does not answer: https://127.0.0.1:1" in capsys.readouterr().err


def test_results_and_report_of_a_job(site, capsys):
    """Both read the cluster as they read a folder; `--json` has the API's objects; `-o` says where."""
    site.submit()
    site.add_trial(0, **succeeded(0.5))
    site.add_trial(1, **succeeded(0.75))
    site.finish()
    capsys.readouterr()

    assert site.call("results", "iris") == 0
    assert re.search(r"1\*\s+0-1\s+succeeded\s+0\.75", capsys.readouterr().out)
    assert site.call("results", "iris", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert [trial["status"]["value"] for trial in document["trials"]] == [0.5, 0.75]
    assert document["job"]["metadata"]["uid"] == site.found()["metadata"]["uid"]
    assert site.call("report", "iris") == 0
    assert (site.folder / "iris-report.html").read_text().startswith("<!doctype html>")
    assert site.call("report", "iris", "-o", "page.html") == 0
    assert (site.folder / "page.html").exists()


def test_a_predecessors_trials_are_not_shown(site, capsys):
    """A job that was deleted and made again under its name has only its own trials."""
    site.submit()
    name = site.add_trial(0, **succeeded(0.5))
    site.cluster.request("PATCH", site.path("trials", name), {"metadata": {"finalizers": ["test.example/keep"]}})
    site.cluster.request("DELETE", site.path("autosearchjobs", "iris"))
    site.submit()
    capsys.readouterr()
    try:
        assert site.call("results", "iris", "--json") == 0
        assert json.loads(capsys.readouterr().out)["trials"] == []
    finally:
        site.cluster.request("PATCH", site.path("trials", name), {"metadata": {"finalizers": None}})


def test_logs_of_a_pod_that_is_gone_show_the_kept_end(site, capsys):
    """A removed pod is told with its reason, and the status's last lines; what was never there is told too."""
    site.submit()
    run = {"id": "0-0", "reason": "ScriptFailed", "exitCode": 1, "message": "ValueError: boom", "startTime": NOW}
    site.add_trial(0, state="Failed", attempts=[{**run, "endTime": NOW}], attemptCount=1, completionTime=NOW)
    capsys.readouterr()

    assert site.call("logs", "iris", "--trial", "0-0") == 1
    err = capsys.readouterr().err
    assert "is gone: spec.podHistory keeps only the last finished pods" in err
    assert err.endswith("as the trial's status has it:\nValueError: boom\n")
    assert site.call("logs", "iris", "--trial", "0-0", "--attempt", "3") == 1
    assert "trial 0-0 has no attempt 0-0-r3; it has had 1 so far" in capsys.readouterr().err
    assert site.call("logs", "iris", "--best") == 1
    assert "no best trial yet" in capsys.readouterr().err


def add_pod(site: Site, name: str, **spec) -> None:
    """Create a pod as an operator does for an attempt."""
    spec = {"containers": [{"name": "trial", "image": "x"}], **spec}
    site.cluster.request(
        "POST", f"/api/v1/namespaces/{site.namespace}/pods", {"metadata": {"name": name}, "spec": spec}
    )


def test_logs_of_a_pod_that_has_not_started_say_what_it_waits_for(site, capsys):
    """The API server itself answers with an empty log; people are told why it is empty."""
    site.submit()
    wait = a_condition("Running", "False", "Unschedulable", "0/2 nodes have a GPU")
    name = site.add_trial(0, state="Pending", conditions=[wait], attempts=[{"id": "0-0"}], attemptCount=1)
    add_pod(site, name, nodeSelector={"no-such": "node"})
    capsys.readouterr()

    assert site.call("logs", "iris") == 1
    assert "has not started, so it has no log (Unschedulable: 0/2 nodes have a GPU)" in capsys.readouterr().err


def test_logs_follow_waits_for_the_start(site, capsys):
    """`-f` waits for a pod that is not there yet, and ends with the trial."""
    site.submit()
    site.add_trial(0, state="Pending", attempts=[{"id": "0-0"}], attemptCount=1)
    ending = threading.Timer(2.5, lambda: site.add_trial(0, **succeeded(0.5)))
    ending.start()
    capsys.readouterr()

    assert site.call("logs", "iris", "-f") == 1
    err = capsys.readouterr().err
    assert err.count("note: waiting for attempt 0-0 to start") == 1
    assert "no log was kept" in err


def test_logs_that_the_api_server_cannot_get_are_told(site, capsys):
    """Where the pod's node is gone, the API server's words are passed on, and not taken for a pod that is gone."""
    site.submit()
    name = site.add_trial(0, state="Running", attempts=[{"id": "0-0", "startTime": NOW}], attemptCount=1)
    add_pod(site, name, nodeName="no-such-node")
    capsys.readouterr()

    assert site.call("logs", "iris") == 1
    err = capsys.readouterr().err
    assert "autosearch: the API server answered" in err
    assert "no-such-node" in err


def test_logs_print_what_the_container_printed(site, capsys):
    """Of the trial that is asked for, line by line; with `-f` until the end."""
    site.submit()
    site.cluster.write_pod_log("epoch 1\nepoch 2\n")
    name = site.add_trial(0, state="Running", attempts=[{"id": "0-0", "startTime": NOW}], attemptCount=1)
    add_pod(site, name, nodeName="node-a")
    path = f"/api/v1/namespaces/{site.namespace}/pods/{name}"
    site.cluster.wait_for(path, lambda pod: pod["status"]["phase"] in {"Running", "Succeeded"})
    capsys.readouterr()

    assert site.call("logs", "iris") == 0
    out, err = capsys.readouterr()
    assert (out, err) == ("epoch 1\nepoch 2\n", "note: trial 0-0, attempt 0-0\n")
    site.set_status(best={"trialName": name, "value": 0.5, "parameters": {"C": 1.0}})
    assert site.call("logs", "iris", "--best", "--attempt", "0") == 0
    assert capsys.readouterr().out == "epoch 1\nepoch 2\n"


def test_suspend_and_resume_say_what_happens_next(site, capsys):
    """Both write the one field, may be repeated, and leave a finished search alone."""
    site.submit(activeDeadlineSeconds=60)
    site.set_status(state="Running", trials={"running": 2})
    capsys.readouterr()

    assert site.call("suspend", "iris") == 0
    assert "iris is suspended: 2 running trials will be ended, their GPUs freed" in capsys.readouterr().out
    assert site.found()["spec"]["suspend"] is True
    assert site.call("suspend", "iris") == 0
    assert "is suspended already" in capsys.readouterr().out
    assert site.call("resume", "iris") == 0
    assert "start again from where they began; activeDeadlineSeconds counts anew" in capsys.readouterr().out
    assert site.found()["spec"]["suspend"] is False
    assert site.call("resume", "iris") == 0
    assert "iris is not suspended" in capsys.readouterr().out
    site.finish()
    assert site.call("suspend", "iris") == 0
    assert "iris is finished (Complete): there is nothing to suspend" in capsys.readouterr().out
