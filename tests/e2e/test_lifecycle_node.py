"""A search's end on a real node: `Finished` means that its pods are gone, and deletions leave nothing behind."""

from datetime import UTC, datetime

import pytest
from tests.e2e.installation import SYSTEM
from tests.e2e.site import Site, a_job, condition

# The first trial reports at once; the second is slow to obey SIGTERM.
TARGET = """
import os, signal, sys, time
if os.environ["AUTOSEARCH_TRIAL_ID"] == "0-0":
    while not os.path.exists(f"output/{os.environ['AUTOSEARCH_JOB_ID']}/slow"):
        time.sleep(0.1)
    with open(os.environ["AUTOSEARCH_RESULT"], "w") as file:
        file.write('{"acc": 1.0}')
    sys.exit()
signal.signal(signal.SIGTERM, lambda *_: (time.sleep(6), sys.exit(0)))
open(f"output/{os.environ['AUTOSEARCH_JOB_ID']}/slow", "w").close()
time.sleep(3600)
"""
# What a model is, and who wrote it.
SAVE = """
import json, os
folder = f"output/{os.environ['AUTOSEARCH_JOB_ID']}/{os.environ['AUTOSEARCH_TRIAL_ID']}"
os.makedirs(folder)
with open(f"{folder}/model.json", "w") as file:
    json.dump({"user": os.getuid()}, file)
with open(os.environ["AUTOSEARCH_RESULT"], "w") as file:
    file.write('{"acc": 0.5}')
"""
SAY = ["sh", "-c", '[ "$AUTOSEARCH_TRIAL_ID" = 0-0 ] || sleep 3600; echo \'{"acc": 0.5}\' > "$AUTOSEARCH_RESULT"']
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def alive(pods):
    """Give the pods that may still use a GPU."""
    return [pod for pod in pods if pod["status"].get("phase") in ("Pending", "Running")]


def test_finished_after_the_last_pod(site):
    """With the target reached, the job is finished only when the slow trial's pod has ended, not when it is told to."""
    spec = {"maxTrials": 2, "parallelTrials": 2, "arguments": "None", "objective": {"metric": "acc", "target": 0.9}}
    spec["objective"]["direction"] = "Maximize"
    pod = {"terminationGracePeriodSeconds": 30}
    site.apply(a_job("target", code=site.code("code", {"train.py": TARGET}), output="results", pod=pod, **spec))

    def ending():
        job = site.job("target")
        return condition(job, "Progressing").get("reason") == "TargetReached" and job

    job = site.until(ending, "the target")
    slow = alive(site.pods("target"))
    assert slow and not condition(job, "Finished"), job["status"]
    job = site.finished("target")

    assert alive(site.pods("target")) == []
    ended = datetime.fromisoformat(condition(job, "Finished")["lastTransitionTime"])
    told = datetime.fromisoformat(condition(job, "Progressing")["lastTransitionTime"])
    assert condition(job, "Finished")["reason"] == "TargetReached" and (ended - told).total_seconds() >= 5
    assert [trial["status"]["state"] for trial in site.trials("target")] == ["Succeeded", "Stopped"]


def test_deadline(site):
    """After its deadline, not before, a search with a result is complete, and what still ran is ended."""
    site.apply(a_job("late", SAY, maxTrials=3, parallelTrials=2, arguments="None"))
    counts = {"succeeded": 1, "running": 2}
    site.until(lambda: counts.items() <= site.job("late")["status"].get("trials", {}).items(), "a result, and two runs")
    began = datetime.fromisoformat(site.job("late")["status"]["startTime"])
    seconds = int((datetime.now(UTC) - began).total_seconds()) + 4

    site.patch("late", activeDeadlineSeconds=seconds)
    job = site.finished("late")

    found = condition(job, "Complete")
    assert found["reason"] == "DeadlineReached"
    assert (datetime.fromisoformat(found["lastTransitionTime"]) - began).total_seconds() >= seconds
    assert alive(site.pods("late")) == []
    assert [trial["status"]["state"] for trial in site.trials("late")] == ["Succeeded", "Stopped", "Stopped"]
    assert (job["status"]["best"]["value"], site.kubectl("get", "asj", "late").split().count("Complete")) == (0.5, 1)


def test_time_to_live(site):
    """A finished search is removed with its trials and pods after its time; its models stay on the volume."""
    site.shell("mkdir -p /volume/models")
    code = site.code("code", {"train.py": SAVE})
    spec = {"maxTrials": 1, "ttlSecondsAfterFinished": 3, "arguments": "None"}
    site.apply(a_job("brief", code=code, output="results/models", **spec))
    site.finished("brief")

    site.until(lambda: "brief" not in site.kubectl("get", "asj"), "removal of the job")
    site.until(lambda: site.kubectl("get", "ast,pods", "-l", "autosearch.dev/job=brief") == "", "removal of the rest")

    assert [path.rpartition("/")[2] for path in site.files("models")] == ["model.json"]


def test_deleted_namespace(installed, tmp_path):
    """A namespace that is deleted in the middle of a search goes, and nothing of the search stays anywhere."""
    site = Site(installed, tmp_path)
    site.apply(a_job("doomed", ["sleep", "3600"], maxTrials=4, parallelTrials=2, arguments="None"))
    site.until(lambda: len([pod for pod in site.pods("doomed") if pod["status"]["phase"] == "Running"]) == 2, "two")
    uids = {pod["metadata"]["uid"] for pod in site.pods("doomed")}

    site.kubectl("delete", "namespace", site.namespace, "--timeout=120s")

    for kind in ("asj", "ast", "pods", "events"):
        assert site.namespace not in site.access.kubectl("get", kind, "-A")
    left = site.access.get("/api/v1/pods")["items"]
    assert not uids & {pod["metadata"]["uid"] for pod in left}
    log = site.access.kubectl("-n", SYSTEM, "logs", "deployment/autosearch", "--since=120s")
    assert "Traceback" not in log
    installed.kubectl("delete", "pv", "-l", f"e2e={site.namespace}", "--wait=false")


def test_operator_is_restricted(installed):
    """The operator's namespace enforces Pod Security `restricted`, and its pod runs there."""
    labels = installed.get(f"/api/v1/namespaces/{SYSTEM}")["metadata"]["labels"]
    pods = installed.get(f"/api/v1/namespaces/{SYSTEM}/pods")["items"]

    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert "True" in [condition(pod, "Ready").get("status") for pod in pods]


@pytest.mark.parametrize("level", ["baseline", "restricted"])
def test_trials_under_pod_security(installed, tmp_path, level):
    """Where Pod Security is enforced, a trial that is not root runs beside our sidecar and saves its model."""
    site = Site(installed, tmp_path, "baseline")
    try:
        # The kubelet makes a job's folder with the mode of the volume's root.
        site.shell("chmod 777 /volume")
        label = f"pod-security.kubernetes.io/enforce={level}"
        site.access.kubectl("label", "namespace", site.namespace, "--overwrite", label)
        code = site.code("code", {"train.py": SAVE})
        spec = {"maxTrials": 1, "arguments": "None", "container": {"securityContext": RESTRICTED}}
        site.apply(a_job("user", code=code, output="results/team", **spec))

        site.finished("user")

        assert site.files("team") == {f"{site.job_id('user')}/0-0/model.json": b'{"user": 1000}'}
    finally:
        site.close()


def test_refused_by_pod_security(site):
    """A template that the namespace's policy denies fails at once, with the API server's own words."""
    site.apply(a_job("root", SAY, pod={"hostNetwork": True}, maxTrials=1, arguments="None"))

    job = site.finished("root", "InvalidTemplate", 60)

    assert 'violates PodSecurity "baseline:latest": host namespaces' in condition(job, "Failed")["message"]
    assert site.pods("root") == []
