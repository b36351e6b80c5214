"""`autosearch push` and `pull` on a real API server: the pod is one that it takes, and what it refuses is told.

Nothing runs in kwok's pods: the transfer itself is proven in tests/contract and tests/e2e.
"""

import asyncio

import pytest
from tests.cluster.cli_site import Site, succeeded
from tests.cluster.jobs import bound_claim

from autosearch.api.errors import AutoSearchError
from autosearch.kubernetes.access import Where, open_cluster
from autosearch.kubernetes.client import ApiError


@pytest.fixture
def site(cluster, namespace, tmp_path):
    """A namespace with a claim `results`."""
    volume, claim = bound_claim(namespace)
    cluster.apply(volume)
    cluster.apply(claim, namespace=namespace)
    yield Site(cluster, namespace, tmp_path)
    cluster.kubectl("delete", "pv", volume["metadata"]["name"], "--wait=false")


def transfer_pods(site):
    """Give the pods of transfers that are there and not being deleted."""
    listed = site.cluster.request("GET", f"/api/v1/namespaces/{site.namespace}/pods")["items"]
    ours = [pod for pod in listed if "autosearch.dev/transfer" in pod["metadata"].get("labels", {})]
    return [pod for pod in ours if "deletionTimestamp" not in pod["metadata"]]


@pytest.mark.parametrize("level", ["restricted", "baseline"])
def test_the_pod_is_taken_by_pod_security(site, capsys, level):
    """A namespace that enforces `restricted` takes the pod; what cannot be done in it is told, and it is removed."""
    label = f"pod-security.kubernetes.io/enforce={level}"
    site.cluster.kubectl("label", "namespace", site.namespace, label)

    assert site.call("push", str(site.code), "pvc://results/code", "--wait", "30") == 1
    said = capsys.readouterr().err
    assert "violates PodSecurity" not in said
    assert "autosearch: " in said
    assert transfer_pods(site) == []


def test_a_pod_that_policy_refuses_is_told_in_the_servers_words(site, capsys):
    """Root in a `restricted` namespace is refused at once, with the rule that it breaks."""
    site.cluster.kubectl("label", "namespace", site.namespace, "pod-security.kubernetes.io/enforce=restricted")

    assert site.call("push", str(site.code), "pvc://results/code", "--run-as", "0") == 1
    said = capsys.readouterr().err
    assert "violates PodSecurity" in said
    assert "runAsNonRoot" in said


def test_claims_jobs_and_models_that_are_not_there_are_told(site, capsys):
    """Each has its sentence, and no pod is made for it."""
    assert site.call("push", str(site.code), "pvc://gone/code") == 1
    assert "there is no PersistentVolumeClaim gone in namespace" in capsys.readouterr().err
    assert site.call("pull", "iris", str(site.folder / "model")) == 1
    assert "there is no AutoSearchJob iris in namespace" in capsys.readouterr().err
    site.submit()
    name = site.add_trial(0, **succeeded(0.5))
    site.set_status(best={"trialName": name, "value": 0.5, "parameters": {"C": 1.0}})
    capsys.readouterr()
    assert site.call("pull", "iris", str(site.folder / "model")) == 1
    assert "iris keeps no models: its spec has no output" in capsys.readouterr().err
    assert transfer_pods(site) == []


def command_in(kubeconfig, pod):
    """Run a command in a pod and give what it raises."""

    async def run():
        async with (
            open_cluster(Where(kubeconfig=str(kubeconfig))) as cluster,
            cluster.command(pod, "it", ["true"]) as it,
        ):
            async for _ in it.chunks():
                pass

    with pytest.raises(AutoSearchError) as caught:
        asyncio.run(run())
    return caught.value


def test_a_command_that_the_api_server_refuses_is_told_in_its_words(site):
    """Who may not use exec, and a pod that is not there: each has the server's own reason."""
    forbidden = command_in(site.cluster.user_kubeconfig(site.cluster.tokens["bob"], site.namespace), "any")
    assert isinstance(forbidden, ApiError)
    assert forbidden.status == 403
    assert str(forbidden).startswith(f"you may not get pods/exec in namespace {site.namespace} (403 Forbidden)")
    assert 'User "bob" cannot get resource "pods/exec"' in str(forbidden)

    missing = command_in(site.kubeconfig, "any")
    assert str(missing).startswith(f"there is no Pod any in namespace {site.namespace}")
