"""Crashes and an upgrade in the middle of a search on a real node: no trial is lost, none is trained twice."""

import json
import os
import secrets
import signal
from pathlib import Path

import pytest
from tests.e2e.installation import CHART, RELEASE, SYSTEM, image_values, install
from tests.e2e.site import a_job
from tests.e2e.volume import folder_on_node

pytestmark = pytest.mark.alone
# Each run notes its start and its end; the first two end when they are told to.
SCRIPT = """
import os, time

def note(word):
    with open(f"output/{os.environ['AUTOSEARCH_JOB_ID']}/{word}", "a") as file:
        file.write(os.environ["AUTOSEARCH_TRIAL_ID"] + "\\n")

note("begun")
while not os.path.exists("output/go"):
    time.sleep(0.1)
with open(os.environ["AUTOSEARCH_RESULT"], "w") as file:
    file.write('{"acc": ' + os.environ["AUTOSEARCH_PARAM_x"] + "}")
note("ended")
"""
# A checkpoint holds the trials that led to it; later rounds wait until they are told to go on.
POPULATION = """
import json, os, time
from rudder_autosearch.sdk.amaas_tools import AMaasTools

job, trial = os.environ["AUTOSEARCH_JOB_ID"], os.environ["AUTOSEARCH_TRIAL_ID"]
parent = os.environ["AUTOSEARCH_RESUME_CHECKPOINT_PATH"]
chain = json.load(open(parent)) if parent else []
folder = f"./output/{job}/{trial}"
os.makedirs(folder)
time.sleep(1)
while int(trial.split("-")[0]) >= 2 and not os.path.exists("output/go"):
    time.sleep(0.1)
with open(f"{folder}/checkpoint.json", "w") as file:
    json.dump([*chain, trial], file)
accepted, message = AMaasTools(job, trial).report_final_result(
    metric={"acc": float(os.environ["AUTOSEARCH_PARAM_x"])},
    export_model_path=folder,
    checkpoint_path=f"{folder}/checkpoint.json",
)
assert accepted, message
"""


def lines(site, name, word):
    """Give the trials that have noted a word, in the order in which they did."""
    return site.files(site.job_id(name)).get(word, b"").decode().split()


def operator_pod(site):
    """Give the one pod of the operator that is not being deleted."""
    found = site.access.get(f"/api/v1/namespaces/{SYSTEM}/pods")["items"]
    [pod] = [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
    return pod


def restarts(site):
    """Say how often the operator's container was started again."""
    return operator_pod(site)["status"]["containerStatuses"][0]["restartCount"]


def operator_process(own_cluster):
    """Give the process id, on this machine, of the operator's main process: the first one of its container."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().split(b"\0")
            ours = own_cluster.group in (path / "cgroup").read_text()
            inner = next(line for line in (path / "status").read_text().splitlines() if line.startswith("NSpid:"))
        except OSError:
            continue  # it has just ended
        if ours and b"operator" in words and inner.split()[-1] == "1":
            found.append(int(path.name))
    [pid] = found
    return pid


@pytest.fixture
def search(site, own_cluster):
    """A search of four trials, of which two run and wait for `go`."""
    own_cluster.call("status")
    code = site.code("code", {"train.py": SCRIPT})
    site.apply(a_job("crash", code=code, output="results", maxTrials=4, parallelTrials=2, arguments="None"))
    running = "two running trials"
    site.until(lambda: site.job("crash")["status"].get("trials", {}).get("running") == 2, running)
    site.until(lambda: len(lines(site, "crash", "begun")) == 2, running)
    return "crash"


def let_go(site, own_cluster):
    """Let the trials end, without a word to the API server; waits until the first two have."""
    first = own_cluster.call("status", check=False).stdout.splitlines()[0].removeprefix("process 1: ")
    folder = Path(f"/proc/{first}/root{folder_on_node(site.namespace, 'results')}")
    (folder / "go").touch()
    site.until(lambda: sum(len(path.read_text().split()) for path in folder.glob("*/ended")) == 2, "end of two trials")


def check(site, name):
    """The search ends; each of its trials was run once, and its value is what it reported."""
    site.finished(name)
    trials = site.trials(name)
    ids = sorted(trial["spec"]["trialId"] for trial in trials)
    assert len(ids) == 4 and sorted(lines(site, name, "begun")) == ids == sorted(lines(site, name, "ended"))
    for trial in trials:
        status = trial["status"]
        assert (status["state"], status["attemptCount"]) == ("Succeeded", 1), status
        assert status["value"] == trial["spec"]["parameters"]["x"]
    assert site.kubectl("get", "asj", name).splitlines()[1].split()[1:3] == ["Complete", "4/4"]


@pytest.mark.parametrize("part", ["kubelet", "containerd", "kube-apiserver"])
def test_crash_of(site, own_cluster, search, part):
    """Two trials end while a part of the cluster is dead; when it is back they count, and the search goes on."""
    own_cluster.call("kill", part)
    try:
        own_cluster.wait(lambda: f"{part}: not running" in own_cluster.call("status", check=False).stdout, "its end")
        let_go(site, own_cluster)
    finally:
        own_cluster.call("start", part)
    own_cluster.wait(lambda: own_cluster.call("status", check=False).returncode == 0, "a node that is ready")

    check(site, search)


def test_crash_of_the_operator(site, own_cluster, search):
    """The operator is killed by SIGKILL and two trials end; the next one takes up the search where it was."""
    before = restarts(site)
    os.kill(operator_process(own_cluster), signal.SIGKILL)
    let_go(site, own_cluster)

    check(site, search)
    assert restarts(site) == before + 1


def check_lineage(site, trials):
    """Each trial started from its parent's checkpoint, which is its predecessor's or a better one's."""
    names = {trial["metadata"]["name"]: trial for trial in trials}
    places = {(trial["spec"]["round"], trial["spec"]["member"]): trial for trial in trials}
    job, chains = site.job_id("population"), site.files()
    chain = {
        name: json.loads(chains[f"{job}/{trial['spec']['trialId']}/checkpoint.json"]) for name, trial in names.items()
    }
    for name, trial in names.items():
        spec = trial["spec"]
        parent = names[spec["resume"]["trialName"]] if spec["round"] else None
        assert chain[name] == [*(chain[parent["metadata"]["name"]] if parent else []), spec["trialId"]]
        if parent is not None:
            own = places[spec["round"] - 1, spec["member"]]
            better = parent["status"]["value"] > own["status"]["value"]
            assert (spec["operation"] == "Continue" and parent == own) or (spec["operation"] == "Exploit" and better)


def test_upgrade_amid_a_population(site):
    """`helm upgrade` replaces the operator in the middle of PBT: each trial runs once, and lineage is what it says."""
    old = operator_pod(site)["metadata"]["uid"]
    code, pbt = site.code("code", {"train.py": POPULATION}), {"pbt": {"population": 3, "rounds": 4}}
    site.apply(a_job("population", code=code, output="results", algorithm=pbt, arguments="None"))
    site.until(lambda: site.job("population")["status"].get("trials", {}).get("succeeded"), "first result")
    try:
        note = f"podAnnotations.e2e={secrets.token_hex(4)}"
        where = ("--namespace", SYSTEM, "--reuse-values", "--wait", "--timeout", "5m")
        site.access.helm("upgrade", RELEASE, CHART, *image_values(), "--set-string", note, *where)
        assert operator_pod(site)["metadata"]["uid"] != old
        site.shell("touch /volume/go")
        site.finished("population")
    finally:
        install(site.access)

    trials = site.trials("population")
    assert len(trials) == 12 and {trial["status"]["state"] for trial in trials} == {"Succeeded"}
    assert {trial["status"]["attemptCount"] for trial in trials} == {1}
    folders = {path.split("/")[1] for path in site.files() if path.endswith("checkpoint.json")}
    assert folders == {trial["spec"]["trialId"] for trial in trials}
    check_lineage(site, trials)
