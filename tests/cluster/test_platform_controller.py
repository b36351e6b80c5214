"""examples/platform_controller.py, as a process of its own, against a real API server and the whole operator."""

import re
import subprocess
import sys
from pathlib import Path

import yaml
from tests.cluster.jobs import a_job, with_output

EXAMPLE = Path(__file__).parents[2] / "examples" / "platform_controller.py"
BILLED = "platform.example.com/billed-gpu-seconds"
GPU = {"resources": {"limits": {"nvidia.com/gpu": 2}}}


def run(cluster, namespace, file):
    """Run the controller with the kubeconfig of somebody who may search."""
    kubeconfig = cluster.user_kubeconfig(cluster.admin_token, namespace)
    words = [sys.executable, EXAMPLE, namespace, file]
    env = {"KUBECONFIG": str(kubeconfig), "PATH": "/usr/bin:/bin"}
    return subprocess.run(words, env=env, capture_output=True, text=True, timeout=120, check=False)


def a_file(folder, job):
    """Write a job whose trials have two GPUs each."""
    job["spec"]["template"]["spec"]["containers"][0] |= GPU
    file = folder / "job.yaml"
    file.write_text(yaml.safe_dump(job))
    return file


def test_it_runs_a_search_and_bills_it_once(cluster, searches, tmp_path):
    """It follows a search to its end and bills what the operator has counted; called again, it bills nothing."""
    notes = {"run-milliseconds": "2000"}
    file = a_file(tmp_path, a_job("billed", notes, maxTrials=3, parallelTrials=3, **with_output()))

    done = run(cluster, searches.namespace, file)
    assert done.returncode == 0, done.stdout + done.stderr
    job = searches.get("billed")
    assert float(job["metadata"]["annotations"][BILLED]) == job["status"]["usage"]["gpuSeconds"] > 0
    assert re.search(r"^bill: \d+\.\d GPU seconds, 0\.\d+ EUR$", done.stdout, re.MULTILINE)
    assert job["status"]["best"]["trialName"] in done.stdout

    again = run(cluster, searches.namespace, file)
    assert again.returncode == 0, again.stderr
    assert "bill:" not in again.stdout


def test_a_failed_search_is_billed_and_told(cluster, searches, tmp_path):
    """A search that fails gives exit code 1 with its reason."""
    notes = {"outcome": "fail"}
    done = run(cluster, searches.namespace, a_file(tmp_path, a_job("failing", notes, maxTrials=2, retries=0)))

    assert done.returncode == 1, done.stdout + done.stderr
    assert "bill:" in done.stdout
    assert "no trial succeeded" in done.stdout


def test_what_is_not_valid_or_not_ours_is_left_alone(cluster, searches, tmp_path):
    """A job that the API server refuses, and one of the same name that somebody else has made, end with a sentence."""
    wrong = run(cluster, searches.namespace, a_file(tmp_path, a_job("wrong", maxTrials=0)))
    assert "the search is not valid" in wrong.stderr
    assert "maxTrials" in wrong.stderr

    searches.apply(a_job("theirs", maxTrials=1))
    theirs = run(cluster, searches.namespace, a_file(tmp_path, a_job("theirs", maxTrials=1)))
    assert "somebody else's" in theirs.stderr
    assert wrong.returncode == theirs.returncode == 1
