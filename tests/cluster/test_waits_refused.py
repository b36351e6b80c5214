"""Pods that the API server does not take: quota, webhooks, policies, missing accounts; what is shown, what goes on."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.cluster.access import Json, RequestError
from tests.cluster.jobs import Searches, a_job, reason
from tests.cluster.test_waits import progressing, template
from tests.cluster.webhooks import ALLOWED, Webhook, denied

SECOND = "0-1"
"""The attempt whose pod is refused, so that the template was proven before."""
STOPPED_BY = {"maxTrials": 3, "parallelTrials": 1}


def attempt_of(request: Json) -> str:
    """Give the attempt of the pod that a webhook is asked about."""
    return str(request["object"]["metadata"].get("labels", {}).get("autosearch.dev/attempt", ""))


def set_quota(cluster, namespace: str, pods: int) -> None:
    """Set how many pods there may be, and wait until the API server knows."""
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "pods"},
        "spec": {"hard": {"pods": str(pods)}},
    }
    cluster.apply(quota, namespace=namespace)
    path = f"/api/v1/namespaces/{namespace}/resourcequotas/pods"
    cluster.wait_for(path, lambda found: found.get("status", {}).get("hard", {}).get("pods") == str(pods))


def test_quota_at_the_start(cluster, searches: Searches) -> None:
    """A job that the quota lets no pod have waits with the quota's own words, and starts once there is room."""
    set_quota(cluster, searches.namespace, 0)
    name = searches.apply(a_job("starved", maxTrials=2))

    job = progressing(searches, name, "exceeded quota: pods", "limited: pods=0", why="QuotaExceeded")
    assert not searches.trials(name) and not reason(job, "Finished")
    set_quota(cluster, searches.namespace, 10)
    assert searches.wait(name)["status"]["state"] == "Complete"


def test_quota_for_fewer_than_wanted(cluster, searches: Searches) -> None:
    """With room for one pod of three the job says so, and goes on one by one."""
    set_quota(cluster, searches.namespace, 1)
    name = searches.apply(a_job("narrow", maxTrials=3, parallelTrials=3, notes={"run-milliseconds": "500"}))

    progressing(searches, name, "exceeded quota: pods", why="QuotaExceeded")
    done = searches.wait(name)
    assert done["status"]["state"] == "Complete" and done["status"]["trials"]["succeeded"] == 3


def test_a_webhook_that_denies_from_the_start(cluster, searches: Searches, tmp_path: Path) -> None:
    """A denial of the very first pod speaks of the template: the job fails with the webhook's words."""
    with Webhook(cluster, searches.namespace, tmp_path, lambda _: denied("images come from our registry only")):
        name = searches.apply(a_job("denied"))
        job = searches.wait(name)

    assert (job["status"]["state"], reason(job, "Failed")) == ("Failed", "InvalidTemplate")
    message = next(c["message"] for c in job["status"]["conditions"] if c["type"] == "Failed")
    assert "images come from our registry only" in message and "pods.test.autosearch.dev" in message
    assert not searches.trials(name)


def test_a_webhook_that_denies_later(cluster, searches: Searches, tmp_path: Path) -> None:
    """A search that has begun waits for a webhook that denies its pods, and goes on when that takes them."""
    refuse = [True]

    def decide(request: Json) -> Json:
        return denied("not on a Friday") if refuse[0] and attempt_of(request) == SECOND else ALLOWED

    with Webhook(cluster, searches.namespace, tmp_path, decide):
        name = searches.apply(a_job("later", **STOPPED_BY))
        progressing(searches, name, "not on a Friday", "pods.test.autosearch.dev", why="AdmissionRefused")
        refuse[0] = False
        done = searches.wait(name)

    assert done["status"]["state"] == "Complete" and done["status"]["trials"]["succeeded"] == 3


def test_a_webhook_that_does_not_answer(cluster, searches: Searches, tmp_path: Path) -> None:
    """A webhook that is down lets no pod through: the job says which one, and goes on when it is gone."""
    with Webhook(cluster, searches.namespace, tmp_path, lambda _: ALLOWED) as hook:
        hook.stop()
        name = searches.apply(a_job("down", maxTrials=2))
        job = progressing(searches, name, "pods.test.autosearch.dev", why="AdmissionFailed")
        assert not reason(job, "Finished") and not searches.trials(name)

    assert searches.wait(name)["status"]["state"] == "Complete"


def test_a_webhook_without_dry_run(cluster, searches: Searches, tmp_path: Path) -> None:
    """A webhook that cannot do dry runs does not hold the search up: the proof is left out, and an event says so."""

    def decide(request: Json) -> Json:
        return denied("this webhook does not support dry run", 400) if request.get("dryRun") else ALLOWED

    with Webhook(cluster, searches.namespace, tmp_path, decide) as hook:
        name = searches.apply(a_job("undry", maxTrials=2))
        done = searches.wait(name)
        asked = [request.get("dryRun", False) for request in hook.asked]

    assert done["status"]["state"] == "Complete" and asked == [True, False, False]
    events = f"/api/v1/namespaces/{searches.namespace}/events?fieldSelector=reason=DryRunNotSupported"
    found = cluster.wait_for(events, lambda events: events["items"])["items"]
    assert [event["involvedObject"]["name"] for event in found] == [name]


@contextmanager
def policy(cluster, namespace: str, expression: str, message: str) -> Iterator[None]:
    """Install an admission policy for the pods of a namespace and wait until it is in force."""
    group = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": namespace}}
    rules = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]
    probe = "has(object.metadata.labels) && 'probe' in object.metadata.labels"
    spec = {
        "matchConstraints": {"resourceRules": rules},
        "validations": [{"expression": f"!({probe}) && ({expression})", "message": message}],
    }
    bound = {
        "policyName": namespace,
        "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}},
    }
    cluster.apply({**group, "kind": "ValidatingAdmissionPolicy", "spec": spec})
    cluster.apply({**group, "kind": "ValidatingAdmissionPolicyBinding", "spec": bound})
    try:
        wait_until_in_force(cluster, namespace)
        yield
    finally:
        for plural in ("validatingadmissionpolicybindings", "validatingadmissionpolicies"):
            cluster.request("DELETE", f"/apis/admissionregistration.k8s.io/v1/{plural}/{namespace}")


def wait_until_in_force(cluster, namespace: str) -> None:
    """Try pods until one is denied."""
    meta = {"generateName": "probe-", "labels": {"probe": "yes"}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template()["spec"]}
    for _ in range(1000):
        with suppress(RequestError):
            cluster.request("POST", f"/api/v1/namespaces/{namespace}/pods?dryRun=All", pod)
            continue
        return
    raise TimeoutError("the policy is not in force")


def test_a_policy_that_denies_from_the_start(cluster, searches: Searches) -> None:
    """A policy's denial of the first pod ends the job, with the policy's name and words."""
    with policy(cluster, searches.namespace, "false", "pods need a cost centre"):
        job = searches.wait(searches.apply(a_job("denied")))

    assert (job["status"]["state"], reason(job, "Failed")) == ("Failed", "InvalidTemplate")
    message = next(c["message"] for c in job["status"]["conditions"] if c["type"] == "Failed")
    assert "pods need a cost centre" in message and searches.namespace in message


def test_a_policy_that_denies_later(cluster, searches: Searches) -> None:
    """A policy that comes into a search that has begun makes it wait, whatever is running; it goes on without it."""
    expression = f"object.metadata.labels['autosearch.dev/attempt'] != '{SECOND}'"
    with policy(cluster, searches.namespace, expression, "not this one"):
        name = searches.apply(a_job("later", **STOPPED_BY))
        job = progressing(searches, name, "not this one", why="AdmissionRefused")
        assert not reason(job, "Finished")

    done = searches.wait(name)
    assert done["status"]["state"] == "Complete" and done["status"]["trials"]["succeeded"] == 3


MISSING = {
    "service account": (
        template(serviceAccountName="robot"),
        'serviceaccount "robot" not found',
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}},
    ),
    "priority class": (
        template(priorityClassName="urgent-test"),
        "no PriorityClass with name urgent-test",
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": "urgent-test"},
            "value": 7,
        },
    ),
}


@pytest.mark.parametrize("case", MISSING)
def test_what_the_template_names_is_missing(cluster, searches: Searches, case: str) -> None:
    """A service account or priority class that is not there is waited for, by its name."""
    spec, words, missing = MISSING[case]
    name = searches.apply(a_job("missing", template=spec, maxTrials=2))

    progressing(searches, name, words, why="PodRefused")
    try:
        cluster.apply(missing, namespace=searches.namespace)
        assert searches.wait(name)["status"]["state"] == "Complete"
    finally:
        cluster.kubectl("delete", missing["kind"], missing["metadata"]["name"], namespace=searches.namespace)


def test_a_template_that_pod_security_refuses(cluster, searches: Searches) -> None:
    """Where the namespace enforces `restricted`, the job ends with the words of what its template lacks."""
    labels = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    cluster.request("PATCH", f"/api/v1/namespaces/{searches.namespace}", labels)

    job = searches.wait(searches.apply(a_job("insecure")))

    assert reason(job, "Failed") == "InvalidTemplate"
    message = next(c["message"] for c in job["status"]["conditions"] if c["type"] == "Failed")
    assert "violates PodSecurity" in message and 'container "trial"' in message and "autosearch-sidecar" not in message
