"""Trials that fail in real pods, or whose surroundings do: each says why, and a result that was reported is kept.

All searches of this file are applied at once and run side by side.
"""

import pytest
from tests.e2e.installation import RELEASE, SYSTEM
from tests.e2e.site import Site, a_job, condition, on_claim

EAT = "eaten = b'x' * (400 << 20)"
REPORT = """
import os, sys, time
from rudder_autosearch.sdk.amaas_tools import AMaasTools

def report(value):
    tools = AMaasTools(os.environ["AUTOSEARCH_JOB_ID"], os.environ["AUTOSEARCH_TRIAL_ID"])
    accepted, message = tools.report_final_result(metric={"acc": value}, export_model_path="", checkpoint_path="")
    assert accepted, message
"""
SCRIPTS = {
    "eats.py": f"print('about to train')\n{EAT}",
    "child_eats.py": f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', \"{EAT}\"])\nsys.exit(3)",
    "raises.py": "print('reads the data')\nraise RuntimeError('no such layer')",
    "strict.py": "import argparse\nargparse.ArgumentParser().parse_args()",
    "silent.py": "print('done')",
    "hangs.py": f"{REPORT}\nreport(0.5)\ntime.sleep(3600)",
    "saves.py": """
import os
folder = f"output/{os.environ['AUTOSEARCH_JOB_ID']}/{os.environ['AUTOSEARCH_TRIAL_ID']}"
os.makedirs(folder)
with open(f"{folder}/model.bin", "wb") as file:
    file.write(b"m" * (8 << 20))
with open(os.environ["AUTOSEARCH_RESULT"], "w") as file:
    file.write('{"acc": 0.5}')
""",
    "live.py": f"""{REPORT}
from autosearch_sdk import report_progress

for step in range(3):
    print(report_progress(step, {{"acc": 0.1 * step}}))
report(0.5)
""",
    # It sees all processes of its pod, and waits until the killed sidecar runs again.
    "kills.py": f"""{REPORT}
import signal

def sidecars():
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = open(f"/proc/{{name}}/cmdline", "rb").read().split(b"\\0")
        except OSError:
            continue
        if b"sidecar" in words:
            yield int(name)

report(0.5)
[first] = sidecars()
os.kill(first, signal.SIGKILL)
while not set(sidecars()) - {{first}}:
    time.sleep(0.1)
sys.exit(5)
""",
}
SMALL = {"volume": {"emptyDir": {"medium": "Memory", "sizeLimit": "2Mi"}}}
# The operator's name leads back to the pod itself, where nobody listens.
NOWHERE = {"hostAliases": [{"ip": "127.0.0.1", "hostnames": [f"{RELEASE}.{SYSTEM}.svc"]}]}


def run(script):
    """Give the command of a script."""
    return ["python", f"{script}.py"]


@pytest.fixture(scope="module")
def place(installed, tmp_path_factory):
    """A namespace in which all of them run, started one after the other."""
    made = Site(installed, tmp_path_factory.mktemp("failures"))
    made.shell("mkdir -m 755 /volume/of-root")
    common = {"code": made.code("scripts", SCRIPTS), "maxTrials": 1, "retries": 0, "arguments": "None"}
    tight = {"resources": {"limits": {"memory": "64Mi"}}}
    jobs = [
        a_job("hangs", run("hangs"), **common),
        a_job("oom", run("eats"), container=tight, **common),
        a_job("oom-child", run("child_eats"), container=tight, **common),
        a_job("exit-1", run("raises"), **{**common, "retries": 1}),
        a_job("exit-2", run("strict"), **{**common, "retries": 3, "maxTrials": 5, "arguments": "Contract"}),
        a_job("silent", run("silent"), **common),
        a_job("full", run("saves"), output=SMALL, **common),
        a_job("not-root", run("saves"), pod={"securityContext": {"runAsUser": 1000}}, **common),
        a_job("unreachable", run("live"), pod=NOWHERE, **common),
        a_job("killed-sidecar", run("kills"), pod={"shareProcessNamespace": True, **NOWHERE}, **common),
    ]
    jobs[7]["spec"]["output"] = on_claim("results/of-root")
    for job in jobs:
        made.apply(job)
    yield made
    made.close()


def failed(place, name):
    """Wait until the search has failed; gives its first trial's status, which has all its attempts."""
    place.finished(name, "NoTrialSucceeded")
    return place.trials(name)[0]["status"]


@pytest.mark.parametrize(("name", "codes"), [("oom", {137}), ("oom-child", {3, 137})])
def test_out_of_memory(place, name, codes):
    """Whether the main process or its child was killed for memory, the reason is OOMKilled, with advice."""
    status = failed(place, name)

    attempt = status["attempts"][0]
    assert attempt["reason"] == "OOMKilled" and attempt["exitCode"] in codes
    assert "raise the limit" in condition({"status": status}, "Failed")["message"]
    assert "raise the limit" in place.kubectl("describe", "asj", name)


def test_exit_1_is_retried(place):
    """A script that crashes gets its further attempt under a name of its own; the end of its log is shown."""
    status = failed(place, "exit-1")

    found = [(each["id"], each["reason"], each["exitCode"]) for each in status["attempts"]]
    assert found == [("0-0", "ScriptFailed", 1), ("0-0-r1", "ScriptFailed", 1)]
    assert status["failedAttempts"] == 2
    assert condition({"status": status}, "Failed")["message"].endswith("RuntimeError: no such layer")
    assert {pod["status"]["phase"] for pod in place.pods("exit-1")} == {"Failed"}


def test_exit_2_ends_the_search(place):
    """A script that refuses its flags is not tried again; after two trials the search says what to add."""
    job = place.finished("exit-2", "BrokenScript")

    said = condition(job, "Finished")["message"]
    assert "unrecognized arguments" in said and "add it with parser.add_argument" in said
    trials = place.trials("exit-2")
    assert [trial["status"]["attemptCount"] for trial in trials] == [1, 1]
    assert {trial["status"]["attempts"][0]["reason"] for trial in trials} == {"UsageError"}
    assert place.kubectl("get", "asj", "exit-2").splitlines()[1].split()[1] == "Failed"


def test_no_report(place):
    """A script that ends well and never reports has failed, and is told how to report."""
    status = failed(place, "silent")

    assert (status["attempts"][0]["reason"], status["attempts"][0]["exitCode"]) == ("NoReport", 0)
    assert "$AUTOSEARCH_RESULT" in condition({"status": status}, "Failed")["message"]


def test_full_output_volume(place):
    """A model that does not fit on the volume fails the trial, and the message says that the disk is full."""
    status = failed(place, "full")

    said = condition({"status": status}, "Failed")["message"]
    assert "the disk is full" in said and "No space left on device" in said


def test_folder_that_is_not_the_users(place):
    """A trial that is not root, on a folder of root's, is told of `fsGroup` and the folder's owner and mode."""
    status = failed(place, "not-root")

    said = condition({"status": status}, "Failed")["message"]
    assert "Permission denied" in said and all(word in said for word in ("`fsGroup`", "owner", "mode"))
    assert place.files("of-root") == {}


def test_unreachable_operator(place):
    """Without a way to the operator a trial trains on and succeeds; only its live progress is missing."""
    place.finished("unreachable")

    [trial], [pod] = place.trials("unreachable"), place.pods("unreachable")
    assert (trial["status"]["state"], trial["status"]["value"]) == ("Succeeded", 0.5)
    assert not trial["status"].get("observations")
    printed = place.kubectl("logs", pod["metadata"]["name"], "-c", "trial")
    assert printed.count("Progress(accepted=True, stop=False") == 3
    said = place.kubectl("logs", pod["metadata"]["name"], "-c", "autosearch-sidecar")
    assert "the operator does not take reports, the trial goes on" in said


def test_sidecar_killed_after_the_report(place):
    """A sidecar killed after it accepted the report gives it again when it is back, though nobody else has it."""
    place.finished("killed-sidecar")

    [trial], [pod] = place.trials("killed-sidecar"), place.pods("killed-sidecar")
    [sidecar] = pod["status"]["initContainerStatuses"]
    assert sidecar["restartCount"] == 1
    assert sidecar["lastState"]["terminated"]["exitCode"] == 137
    assert (trial["status"]["state"], trial["status"]["value"]) == ("Succeeded", 0.5)
    assert "exit code 5" in condition(trial, "Complete")["message"]


def test_hang_after_the_report(place):
    """A process that hangs after its report is ended after a minute; its result counts, and the GPU is free."""
    job = place.finished("hangs")

    [trial] = place.trials("hangs")
    assert (trial["status"]["state"], trial["status"]["value"]) == ("Succeeded", 0.5)
    assert "was ended" in condition(trial, "Complete")["message"]
    assert job["status"]["usage"]["trialSeconds"] >= 60
    alive = [pod for pod in place.pods("hangs") if pod["status"]["phase"] in ("Pending", "Running")]
    assert alive == []
