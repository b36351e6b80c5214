"""GPUs on a real node: the scheduler's count is never exceeded, who waits says why, and usage is what the pods show."""

from datetime import UTC, datetime

import pytest
from tests.e2e.site import a_job, condition
from tests.e2e.volume import own_node

GPUS = 4
# A trial ends as soon as it is allowed to: somebody has put `go` on the volume.
SCRIPT = """
import os, time
while not os.path.exists("output/go"):
    time.sleep(0.1)
with open(os.environ["AUTOSEARCH_RESULT"], "w") as file:
    file.write('{"acc": ' + os.environ["AUTOSEARCH_PARAM_x"] + "}")
"""


@pytest.fixture(scope="module")
def resource(access):
    """The name of a resource of which the cluster has four: `nvidia.com/gpu` on tools/cluster's node.

    Elsewhere one node is said to have four of a resource of the test's own: no real GPU is taken.
    """
    if own_node(access.kubeconfig):
        yield "nvidia.com/gpu"
        return
    name = "e2e.autosearch.dev/gpu"
    node = access.get("/api/v1/nodes")["items"][0]["metadata"]["name"]
    for count in (str(GPUS), None):
        some = {"capacity": {name: count}, "allocatable": {name: count}}
        access.request("PATCH", f"/api/v1/nodes/{node}/status", {"status": some})
        if count:
            yield name


def a_search(site, resource, trials, per_trial=1):
    """Apply a search that would run all trials at once, each with GPUs."""
    site.shell("mkdir -p /volume/gpus")
    container = {"resources": {"limits": {resource: per_trial}}}
    code, spec = site.code("code", {"train.py": SCRIPT}), {"maxTrials": trials, "parallelTrials": trials}
    site.apply(a_job("gpus", code=code, output="results/gpus", container=container, arguments="None", **spec))


def running(site):
    """Give the trials' pods whose containers run."""
    return [pod for pod in site.pods("gpus") if pod["status"]["phase"] == "Running"]


def time_of(text):
    """Read an API server's time."""
    return datetime.fromisoformat(text).astimezone(UTC)


def held(pod):
    """Give from when until when a pod held its GPUs: its start, and the end of its last container."""
    status = pod["status"]
    boxes = [*status.get("initContainerStatuses", ()), *status["containerStatuses"]]
    return time_of(status["startTime"]), max(time_of(box["state"]["terminated"]["finishedAt"]) for box in boxes)


def most_at_once(spans):
    """Give the largest number of spans that overlap; one that ends when another starts does not."""
    return max(sum(begin <= moment < end for begin, end in spans) for moment, _ in spans)


def gpu_seconds(pods, each):
    """Do the design's sum: GPUs x (the last container's finishedAt - the pod's startTime)."""
    return sum(each * (end - begin).total_seconds() for begin, end in map(held, pods))


def test_never_more_than_four(site, resource):
    """Of six trials four run; the others say that GPUs are missing, run later, and usage is the design's sum."""
    a_search(site, resource, 6)
    site.until(lambda: len(running(site)) == GPUS, "four running pods")

    def said():
        found = condition(site.job("gpus"), "Progressing")
        return found.get("reason") == "Waiting" and found["message"].count(f"Insufficient {resource}") == 2 and found

    found = site.until(said, "word of the fifth and the sixth trial")
    assert found["message"].count("Unschedulable: ") == 2 and found["status"] == "True"
    assert len(running(site)) == GPUS
    waiting = [trial for trial in site.trials("gpus") if condition(trial, "Running").get("reason") == "Unschedulable"]
    assert [trial["status"].get("state", "Pending") for trial in waiting] == ["Pending"] * 2
    site.until(lambda: site.job("gpus")["status"]["trials"]["running"] == GPUS, "count of them in the status")
    assert site.kubectl("get", "asj", "gpus").splitlines()[1].split()[:4] == ["gpus", "Running", "0/6", "4"]

    site.shell("touch /volume/gpus/go")
    job = site.finished("gpus")

    pods = site.pods("gpus")
    assert len(pods) == 6 and most_at_once([held(pod) for pod in pods]) == GPUS
    assert {trial["status"]["attemptCount"] for trial in site.trials("gpus")} == {1}
    assert job["status"]["usage"]["gpuSeconds"] == gpu_seconds(pods, 1) > 0
    assert job["status"]["usage"]["trialSeconds"] == gpu_seconds(pods, 1)


def test_suspend_frees_the_gpus(site, resource):
    """Suspended, a search holds no GPU and another pod takes them all; resumed, it goes on where it was."""
    a_search(site, resource, 2, per_trial=2)
    site.until(lambda: len(running(site)) == 2, "two running pods")
    before = site.pods("gpus")

    site.patch("gpus", suspend=True)
    site.until(lambda: condition(site.job("gpus"), "Suspended").get("reason") == "Suspended", "suspension")
    assert site.kubectl("get", "asj", "gpus").splitlines()[1].split()[1] == "Suspended"
    assert running(site) == []
    script = {"name": "main", "image": before[0]["spec"]["containers"][0]["image"], "command": ["true"]}
    taker = {"restartPolicy": "Never", "containers": [script | {"resources": {"limits": {resource: GPUS}}}]}
    site.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "taker"}, "spec": taker})
    site.kubectl("wait", "pod/taker", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=120s")

    site.shell("touch /volume/gpus/go")
    site.patch("gpus", suspend=False)
    job = site.finished("gpus")

    assert condition(job, "Suspended")["status"] == "False"
    for trial in site.trials("gpus"):
        first, second = trial["status"]["attempts"]
        assert (first["reason"], second["reason"]) == ("Suspended", "Reported")
        assert second["id"] == f"{first['id']}-r1" and trial["status"].get("failedAttempts", 0) == 0
    # What the first attempts held was paid for as well, though their pods are gone.
    assert job["status"]["usage"]["gpuSeconds"] > gpu_seconds(site.pods("gpus"), 2)
