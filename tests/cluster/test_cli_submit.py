"""`autosearch submit` on a real API server: what it writes there, in which order, and what it refuses to do."""

import asyncio
import copy
import re
from pathlib import Path

import pytest
import yaml
from tests.cluster.cli_site import GROUP, Site

from autosearch.api.errors import StateConflictError
from autosearch.kubernetes.access import Cluster
from autosearch.kubernetes.code_map import read_code
from autosearch.kubernetes.resources import JOBS
from autosearch.kubernetes.submission import submit

ROOT = Path(__file__).parents[2]


@pytest.fixture
def site(cluster, namespace, tmp_path, monkeypatch) -> Site:
    """A namespace with nothing in it."""
    monkeypatch.chdir(tmp_path)
    return Site(cluster, namespace, tmp_path)


def test_submit_creates_the_job_with_its_code(site, capsys):
    """The folder becomes an immutable ConfigMap that is named by its content, mounted by the job and owned by it."""
    assert site.submit("--code", str(site.code)) == 0
    out = capsys.readouterr().out
    job, (code,) = site.found(), site.maps()

    assert re.fullmatch(r"iris-code-[0-9a-f]{10}", code["metadata"]["name"])
    assert code["immutable"] is True
    assert code["data"] == {"train.py": "import model.net\n", "model.net.py": "layers = 3\n"}
    assert code["binaryData"] == {"model.start.bin": "/wA="}
    mounted = job["spec"]["code"]["volume"]["configMap"]
    assert mounted["name"] == code["metadata"]["name"]
    assert {item["path"] for item in mounted["items"]} == {"train.py", "model/net.py", "model/start.bin"}
    assert [owner["uid"] for owner in code["metadata"]["ownerReferences"]] == [job["metadata"]["uid"]]
    assert f"AutoSearchJob iris: created in namespace {site.namespace}" in out
    assert f"ConfigMap {code['metadata']['name']}: 3 files, 0.0 kB" in out


def test_the_code_goes_with_its_last_job(site):
    """Two jobs with the same folder have a ConfigMap each; the garbage collector removes it with its owner."""
    site.submit("--code", str(site.code))
    site.submit("--code", str(site.code), "--name", "other")
    assert len(site.maps()) == 2

    site.cluster.request("DELETE", site.path("autosearchjobs", "iris"))
    path = f"/api/v1/namespaces/{site.namespace}/configmaps"
    # The garbage collector takes half a minute to learn of a new kind of owner.
    left = site.cluster.wait_for(
        path, lambda found: sum("-code-" in i["metadata"]["name"] for i in found["items"]) == 1, seconds=90
    )
    assert any(item["metadata"]["name"].startswith("other-code-") for item in left["items"])


def test_the_same_submission_again_is_unchanged(site, capsys):
    """Also when the API server spells numbers otherwise and has filled in defaults; a lost ConfigMap is made anew."""
    site.submit("--code", str(site.code))
    before = site.found()
    name = site.maps()[0]["metadata"]["name"]
    site.cluster.request("DELETE", f"/api/v1/namespaces/{site.namespace}/configmaps/{name}")
    capsys.readouterr()

    assert site.submit("--code", str(site.code)) == 0
    assert "AutoSearchJob iris: unchanged in namespace" in capsys.readouterr().out
    assert site.found()["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    assert site.maps()[0]["metadata"]["ownerReferences"][0]["uid"] == before["metadata"]["uid"]


def test_another_job_of_that_name_is_left_alone(site, capsys):
    """The message names the fields that differ, and the ways out; nothing is written."""
    site.submit()
    capsys.readouterr()

    assert site.submit("--code", str(site.code), maxTrials=3) == 2
    err = capsys.readouterr().err
    assert "differs in spec.code, spec.maxTrials: for another search give another --name" in err
    assert f"kubectl delete asj iris -n {site.namespace}" in err
    assert site.maps() == []
    assert site.submit(maxTrials=4) == 2
    assert "`kubectl apply` changes it in place" in capsys.readouterr().err


def test_a_config_map_that_is_there_gets_one_more_owner(site):
    """Code that another object owns already is used as it is, and lives as long as either."""
    site.submit("--code", str(site.code))
    (code,) = site.maps()
    path = f"/api/v1/namespaces/{site.namespace}/configmaps/{code['metadata']['name']}"
    keeper = {"apiVersion": "v1", "kind": "ConfigMap", "name": "kube-root-ca.crt"}
    keeper["uid"] = site.cluster.request("GET", path.replace(code["metadata"]["name"], keeper["name"]))["metadata"][
        "uid"
    ]
    site.cluster.request("PATCH", path, {"metadata": {"ownerReferences": [keeper]}})

    assert site.submit("--code", str(site.code)) == 0
    after = site.cluster.request("GET", path)
    assert after["metadata"]["uid"] == code["metadata"]["uid"]
    assert [owner["name"] for owner in after["metadata"]["ownerReferences"]] == [keeper["name"], "iris"]


def test_a_config_map_with_other_content_is_not_taken(site, capsys):
    """Somebody else's ConfigMap under our name is told and not used: the job would run other code."""
    body = {"metadata": {"name": read_code(site.code).name("iris")}, "data": {"train.py": "evil"}}
    site.cluster.request("POST", f"/api/v1/namespaces/{site.namespace}/configmaps", body)

    assert site.submit("--code", str(site.code)) == 2
    assert "has other content than its name says" in capsys.readouterr().err
    assert not site.cluster.exists(site.path("autosearchjobs", "iris"))


class Late(Cluster):
    """A cluster on which somebody else creates the job between our look and our write."""

    looked = False

    async def find(self, resource, name):
        """See no job at the first look."""
        if resource is JOBS and not self.looked:
            self.looked = True
            return None
        return await super().find(resource, name)


@pytest.mark.parametrize("trials", [2, 3])
def test_somebody_who_was_faster_is_noticed(site, trials):
    """The same job from two people at once is one job with one ConfigMap; another one is told and left alone."""
    site.submit("--code", str(site.code))
    code = read_code(site.code)
    manifest = copy.deepcopy(site.job)
    manifest["spec"] |= {"code": code.source("iris"), "maxTrials": trials}

    async def late():
        async with site.cluster.client() as client:
            return await submit(Late(client, site.namespace), manifest, code)

    if trials == 2:
        assert asyncio.run(late()).outcome == "unchanged"
    else:
        with pytest.raises(StateConflictError, match=r"differs in spec.maxTrials"):
            asyncio.run(late())
    (stored,) = site.maps()
    assert [owner["uid"] for owner in stored["metadata"]["ownerReferences"]] == [site.found()["metadata"]["uid"]]


def test_many_submissions_at_once_make_one_job(site):
    """Whatever the order of their writes, one of them creates, and the ConfigMap has its one owner."""
    code = read_code(site.code)
    manifest = copy.deepcopy(site.job)
    manifest["spec"]["code"] = code.source("iris")

    async def together():
        async with site.cluster.client() as client:
            each = [submit(Cluster(client, site.namespace), manifest, code) for _ in range(8)]
            return await asyncio.gather(*each)

    outcomes = sorted(done.outcome for done in asyncio.run(together()))
    assert outcomes == ["created", *["unchanged"] * 7]
    (stored,) = site.maps()
    assert [owner["uid"] for owner in stored["metadata"]["ownerReferences"]] == [site.found()["metadata"]["uid"]]


def test_a_refused_job_leaves_no_code_behind(site, capsys):
    """When the API server's schema refuses what passed here, its fields are told and the ConfigMap is taken back."""
    site.job["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": 7}

    assert site.submit("--code", str(site.code)) == 2
    assert "spec.template.spec.containers[0].resources.limits: " in capsys.readouterr().err
    assert site.maps() == []


def test_a_dry_run_checks_and_writes_nothing(site, capsys):
    """Both what is right and what the API server refuses are told, and nothing is there afterwards."""
    assert site.submit("--code", str(site.code), "--dry-run") == 0
    assert "AutoSearchJob iris: would be created (dry run) in namespace" in capsys.readouterr().out
    site.job["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": 7}
    assert site.submit("--code", str(site.code), "--dry-run") == 2
    assert "resources.limits" in capsys.readouterr().err

    assert site.maps() == []
    assert not site.cluster.exists(site.path("autosearchjobs", "iris"))


def test_everything_that_is_wrong_is_told_before_anything_is_sent(site, capsys):
    """The file, the folder, the image and the namespace: one line for each, without asking the API server."""
    site.kubeconfig = site.cluster.user_kubeconfig("nobody", server="https://127.0.0.1:1")
    site.job["metadata"]["namespace"] = "elsewhere"
    del site.job["spec"]["template"]["spec"]["containers"][0]["image"]

    assert site.submit("--code", "gone", "-n", site.namespace, parallelTrials=0) == 2
    err = capsys.readouterr().err
    for part in ("--code: found gone", "parallelTrials", ".image: is required", "metadata.namespace: found elsewhere"):
        assert part in err
    assert len(err.strip().splitlines()) == 4


def test_a_vendor_file_needs_a_base_and_takes_one(site, capsys):
    """A vendor YAML alone has no image; put into a base it runs with the base's template."""
    vendor = ROOT / "tests" / "unit" / "data" / "vendor" / "pytorch-pbt.yml"
    assert site.call("submit", "-f", str(vendor)) == 2
    assert "is a placeholder: give --into BASE.yaml" in capsys.readouterr().err

    del site.job["spec"]["maxTrials"]
    site.job["spec"]["output"] = {"volume": {"persistentVolumeClaim": {"claimName": "results"}}}
    base = site.folder / "base.yaml"
    base.write_text(yaml.safe_dump(site.job))
    words = ["submit", "-f", str(vendor), "--into", str(base), "--code", str(site.code), "--name", "pbt"]
    assert site.call(*words) == 0
    spec = site.found("pbt")["spec"]
    assert spec["template"]["spec"]["containers"][0]["image"] == "my/sklearn:1"
    assert "pbt" in spec["algorithm"]
    assert site.call("submit", "-f", str(base), "--into", str(base)) == 2
    assert "is for a vendor YAML" in capsys.readouterr().err


def test_the_namespace_is_the_flags_the_files_or_the_contexts(site, capsys):
    """-n wins over the context; a file's own namespace does too, and must not contradict -n."""
    other = site.cluster.create_namespace()
    assert site.submit("-n", other) == 0
    assert site.cluster.exists(f"{GROUP}/{other}/autosearchjobs/iris")
    site.job["metadata"]["namespace"] = other
    assert site.submit("--name", "second") == 0
    assert site.cluster.exists(f"{GROUP}/{other}/autosearchjobs/second")
    assert site.submit("-n", site.namespace) == 2
    assert f"does not match -n {site.namespace}" in capsys.readouterr().err
    del site.job["metadata"]["namespace"]
    assert site.submit() == 0
    assert site.found()["metadata"]["name"] == "iris"
    site.cluster.delete_namespace(other)
