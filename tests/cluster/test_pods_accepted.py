"""The pods that we build, before the real API server: it takes every one, Pod Security and strict fields included."""

import copy

import pytest
from tests.cluster.access import RequestError
from tests.unit.pod_samples import CODE, DATA, GPU, OUTPUT, SETTINGS, job, pod_of, representative

from autosearch.kubernetes.pod import cleaner_pod

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
SECURE = {
    "securityContext": {
        "runAsUser": 1000,
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
}
PRIVATE = {"volume": DATA, "access": "PrivateCopy"}


def dry_run(cluster, namespace: str, pod: dict) -> dict:
    """Give a pod as the API server would store it; raises `RequestError`."""
    pod = copy.deepcopy(pod)
    pod["metadata"]["namespace"] = namespace
    return cluster.request("POST", f"/api/v1/namespaces/{namespace}/pods?dryRun=All&fieldValidation=Strict", pod)


@pytest.fixture
def classes(cluster):
    """The runtime class and the priority class that a template names."""
    for path, kind, fields in (
        ("node.k8s.io", "RuntimeClass", {"handler": "nvidia"}),
        ("scheduling.k8s.io", "PriorityClass", {"value": 1}),
    ):
        name = "nvidia" if kind == "RuntimeClass" else "low"
        plural = f"/apis/{path}/v1/{kind.lower()}es"
        body = {"apiVersion": f"{path}/v1", "kind": kind, "metadata": {"name": name}, **fields}
        if not cluster.exists(f"{plural}/{name}"):
            cluster.request("POST", plural, body)


@pytest.fixture
def account(cluster, namespace):
    """A namespace that is ready for pods: its default ServiceAccount exists."""
    cluster.wait_for(f"/api/v1/namespaces/{namespace}/serviceaccounts/default", lambda found: True)
    return namespace


@pytest.mark.parametrize("name", sorted(representative()))
def test_every_representative_pod_is_taken(cluster, account, classes, name):
    """The API server takes the pod as it is, and what it stores is what we wrote beside its own defaults."""
    pod = representative()[name]

    stored = dry_run(cluster, account, pod)

    assert [each["name"] for each in stored["spec"]["initContainers"]] == [
        each["name"] for each in pod["spec"]["initContainers"]
    ]
    written = {each["name"]: each["env"] for each in pod["spec"]["containers"]}
    for each in stored["spec"]["containers"]:
        found = [entry if "valueFrom" in entry else {"value": "", **entry} for entry in each["env"]]
        assert found == written[each["name"]]


def test_a_cleaner_is_taken(cluster, account):
    """The pod that removes old models is valid, too."""
    pod = cleaner_pod(job(output=OUTPUT), "demo-01234567-cleaner-1", ["demo-01234567/0-1"], SETTINGS)

    assert dry_run(cluster, account, pod)["spec"]["restartPolicy"] == "Never"


def test_our_containers_hold_to_pod_security_restricted(cluster):
    """In a namespace that enforces `restricted` only a template's own containers can be refused, never ours."""
    name = cluster.create_namespace(RESTRICTED)
    try:
        cluster.wait_for(f"/api/v1/namespaces/{name}/serviceaccounts/default", lambda found: True)
        secure = job(code=CODE, output=OUTPUT, trainData=PRIVATE, container=SECURE | GPU)
        assert dry_run(cluster, name, pod_of(secure))["kind"] == "Pod"
        assert dry_run(cluster, name, cleaner_pod(secure, "cleaner", ["demo-01234567/0-1"], SETTINGS))["kind"] == "Pod"
        with pytest.raises(RequestError) as caught:
            dry_run(cluster, name, pod_of(job(code=CODE, output=OUTPUT, trainData=PRIVATE)))
        assert 'container "trial"' in str(caught.value)
        assert "autosearch" not in str(caught.value)
    finally:
        cluster.delete_namespace(name)
