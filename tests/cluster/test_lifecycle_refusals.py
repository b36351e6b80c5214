"""Jobs that cannot run, or cannot run yet, on a real API server: what is told, and what goes on later."""

import time

from tests.cluster.jobs import Searches, a_job, bound_claim, reason
from tests.cluster.pods import condition

Json = dict
GROUP = "/apis/autosearch.dev/v1alpha1/namespaces"


def test_somebody_elses_job_is_left_alone(searches, cluster):
    """A job that another program manages gets no status, no trial, no event."""
    other = searches.apply(a_job("theirs", managedBy="kueue.x-k8s.io/multikueue"))
    ours = searches.apply(a_job("ours", maxTrials=1))

    searches.wait(ours)
    events = cluster.request("GET", f"/api/v1/namespaces/{searches.namespace}/events")["items"]

    assert "status" not in searches.get(other)
    assert searches.trials(other) == searches.pods(other) == []
    assert {event["involvedObject"]["name"] for event in events if "AutoSearch" in event["involvedObject"]["kind"]} == {
        ours
    }


def test_what_only_the_operator_can_see(searches):
    """A spec that the schema cannot judge fails with all that is wrong, and nothing is started."""
    space = [{"name": f"p{n}", "int": {"min": 1, "max": 1000}} for n in range(3)]
    initial = [{"p0": 0, "p1": 1, "p2": 1}, {"p0": 1, "p1": 1, "p2": 2000}]
    name = searches.apply(a_job("wrong", algorithm={"grid": {}}, parameters=space, initialTrials=initial))

    done = searches.wait(name)

    assert (done["status"]["state"], reason(done, "Failed")) == ("Failed", "InvalidSpec")
    lines = condition(done, "Failed")["message"].splitlines()
    assert len(lines) == 3
    for words in (
        "spec.maxTrials: is required with a `grid` of 1,000,000,000 points",
        "spec.initialTrials[0].p0: found 0",
        "spec.initialTrials[1].p2: found 2000",
    ):
        assert any(words in line for line in lines), lines
    assert searches.trials(name) == searches.pods(name) == []


def test_a_template_against_the_namespaces_policy(cluster, operator):
    """Where Pod Security refuses the template, the job fails with the server's words before anything is created."""
    namespace = cluster.create_namespace({"pod-security.kubernetes.io/enforce": "restricted"})
    searches = Searches(cluster, namespace)
    name = searches.apply(a_job("secure"))

    done = searches.wait(name)

    assert (done["status"]["state"], reason(done, "Failed")) == ("Failed", "InvalidTemplate")
    message = condition(done, "Finished")["message"]
    assert "violates PodSecurity" in message and 'container "trial"' in message
    # The sidecar is not what is wrong.
    assert "autosearch-sidecar" not in message
    assert reason(done, "Started") == "" and done["status"]["trials"]["created"] == 0
    assert searches.trials(name) == searches.pods(name) == []
    cluster.delete_namespace(namespace)


def test_a_template_that_fits_the_policy(cluster, operator):
    """In a namespace of the level `restricted` a restricted template runs, with our sidecar and folders added."""
    namespace = cluster.create_namespace({"pod-security.kubernetes.io/enforce": "restricted"})
    searches = Searches(cluster, namespace)
    security = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    box = {"name": "trial", "image": "none", "command": ["python"], "securityContext": security}
    name = searches.apply(a_job("secure", template={"spec": {"containers": [box]}}, maxTrials=1))

    assert searches.wait(name)["status"]["state"] == "Complete"
    cluster.delete_namespace(namespace)


def test_a_template_that_is_no_pod(searches):
    """What the API server finds in the pod is the condition's message, naming the field."""
    box = {"name": "trial", "image": "none", "command": ["python"]}
    box["volumeMounts"] = [{"name": "nowhere", "mountPath": "/data"}]
    name = searches.apply(a_job("mounts", template={"spec": {"containers": [box]}}))

    done = searches.wait(name)

    assert reason(done, "Failed") == "InvalidTemplate"
    message = condition(done, "Failed")["message"]
    assert "volumeMounts" in message and 'Not found: "nowhere"' in message
    assert searches.trials(name) == []


def test_a_quota_is_waited_for(searches, cluster):
    """A used-up quota is a wait with the server's words; with more room the search goes on by itself."""
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few"},
        "spec": {"hard": {"count/pods": "1"}},
    }
    cluster.apply(quota, namespace=searches.namespace)
    path = f"/api/v1/namespaces/{searches.namespace}/resourcequotas/few"
    cluster.wait_for(path, lambda found: found.get("status", {}).get("used"))
    name = searches.apply(a_job("much", {"outcome": "hang"}, parallelTrials=2, maxTrials=2))

    held = cluster.wait_for(searches.path(name), lambda job: reason(job, "Progressing") == "QuotaExceeded")
    time.sleep(0.5)
    pods = len(searches.pods(name))
    cluster.request("PATCH", path, {"spec": {"hard": {"count/pods": "10"}}})
    cluster.wait_for(searches.path(name), lambda job: reason(job, "Progressing") == "TrialsRunning")
    cluster.wait_for(searches.path(name), lambda job: job["status"]["trials"]["running"] == 2)

    assert "exceeded quota: few" in condition(held, "Progressing")["message"]
    assert condition(held, "Progressing")["status"] == "True" and pods == 1
    assert [trial["status"]["attemptCount"] for trial in searches.trials(name)] == [1, 1]


def test_a_quota_without_any_room(searches, cluster):
    """A quota that does not allow the first pod is a wait too, with no trial created meanwhile."""
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "no"}}
    quota["spec"] = {"hard": {"count/pods": "0"}}
    cluster.apply(quota, namespace=searches.namespace)
    path = f"/api/v1/namespaces/{searches.namespace}/resourcequotas/no"
    cluster.wait_for(path, lambda found: found.get("status", {}).get("used"))
    name = searches.apply(a_job("early", maxTrials=1))

    held = cluster.wait_for(searches.path(name), lambda job: reason(job, "Progressing") == "QuotaExceeded")
    created = searches.trials(name)
    cluster.request("DELETE", path)
    done = searches.wait(name)

    assert created == [] and (held["status"]["state"], reason(held, "Started")) == ("Pending", "")
    assert done["status"]["state"] == "Complete"


def test_a_claim_that_one_node_holds(searches, cluster):
    """Trials side by side on a ReadWriteOnce claim are warned of: one on another node would wait for ever."""
    volume, claim = bound_claim(searches.namespace, "single", "ReadWriteOnce")
    cluster.apply(volume)
    cluster.apply(claim, namespace=searches.namespace)
    output = {"volume": {"persistentVolumeClaim": {"claimName": "single"}}}
    name = searches.apply(a_job("warned", output=output, parallelTrials=2, maxTrials=2))

    done = searches.wait(name)
    cluster.kubectl("delete", "pv", volume["metadata"]["name"], "--wait=false")

    assert reason(done, "Warning") == "VolumeHeldByOneNode"
    assert "single" in condition(done, "Warning")["message"] and done["status"]["state"] == "Complete"
