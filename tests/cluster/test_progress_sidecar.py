"""The whole way of a report: script, SDK, socket, sidecar, HTTPS, operator, trial, and back to the script."""

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from tests.cluster.access import Json
from tests.cluster.jobs import Searches
from tests.cluster.player import SIDECAR
from tests.cluster.senders import Sender, in_thread, play, write_token
from tests.cluster.training import job_over, parameter, stop_requested

from autosearch.sidecar.places import Places
from autosearch.sidecar.settings import SETTINGS

TRAIN = """
import os, sys, time
from autosearch_sdk import report_progress
from rudder_autosearch.sdk.amaas_tools import AMaasTools
x = float(os.environ["AUTOSEARCH_PARAM_x"])
for step in range(1, 200 if x < 0.5 else 4):
    answer = report_progress(step, {"acc": x})
    if answer.stop:
        print(f"step {step}: {answer.message}")
        sys.exit(0)
    time.sleep(0.1)
tools = AMaasTools(os.environ["AUTOSEARCH_JOB_ID"], os.environ["AUTOSEARCH_TRIAL_ID"])
print(tools.report_final_result({"acc": x}, "", ""))
"""


class Kubelet:
    """Runs one pod's sidecar and script as processes, with the variables that the pod gives them.

    Attributes:
        printed: what the scripts have printed, by the value of `x`.
    """

    def __init__(self, cluster, operator, folder: Path) -> None:
        self._cluster, self._operator, self._folder = cluster, operator, folder
        self.printed: dict[float, str] = {}
        self.trials_at_the_end: dict[float, Json] = {}
        self._sidecars: list[subprocess.Popen[bytes]] = []

    async def __call__(self, player, pod: Json) -> None:
        sender = await in_thread(Sender, self._cluster, self._operator, pod)
        root = self._folder / sender.settings.attempt_id
        places = Places.below(str(root))
        await in_thread(self._prepare, sender, root, places)
        running = await player.start(pod)
        done = await in_thread(self._run, pod, places)
        self.printed[parameter(pod)] = done.stdout
        self.trials_at_the_end[parameter(pod)] = self._cluster.request("GET", sender.trial_path)
        verdict = await in_thread(self._end, root, places)
        await player.end(running, verdict=verdict, exit_code=done.returncode)

    def _prepare(self, sender: Sender, root: Path, places: Places) -> None:
        for folder in ("run", "result", "state", "work", "output"):
            (root / "autosearch" / folder).mkdir(parents=True)
        (root / "dev").mkdir()
        write_token(sender, Path(places.token))
        command = [sys.executable, "-m", "autosearch", "sidecar", "--root", str(root)]
        with (root / "log").open("wb") as log:
            sidecar = subprocess.Popen(
                command, env={**os.environ, SETTINGS: sender.settings.to_json()}, stderr=log, stdout=log
            )
        self._sidecars.append(sidecar)
        while not Path(places.ready).exists():
            with suppress(subprocess.TimeoutExpired):
                raise AssertionError(f"exit code {sidecar.wait(0.05)}: {(root / 'log').read_text()}")

    def _end(self, root: Path, places: Places) -> str:
        sidecar = self._sidecars.pop()
        sidecar.terminate()
        assert sidecar.wait(20) == 0, (root / "log").read_text()
        return Path(places.termination_log).read_text()

    def _run(self, pod: Json, places: Places) -> subprocess.CompletedProcess[str]:
        given = {each["name"]: each.get("value", "").replace("$$", "$") for each in pod["spec"]["containers"][0]["env"]}
        here = {"AUTOSEARCH_SOCKET": places.socket, "AUTOSEARCH_RESULT": places.result, "PYTHONPATH": places.python}
        return subprocess.run(
            [sys.executable, "-c", TRAIN],
            env={"PATH": os.environ["PATH"], **given, **here},
            cwd=places.work,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def close(self) -> None:
        """Leave no process."""
        for sidecar in self._sidecars:
            sidecar.kill()
            sidecar.wait()


@pytest.fixture
def kubelet(cluster, operator):
    """A stand-in for a node's kubelet, in a folder whose path is short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="as-"))
    running = Kubelet(cluster, operator, folder)
    yield running
    running.close()
    shutil.rmtree(folder)


def test_a_real_script_is_stopped_by_the_operator(cluster, operator, searches: Searches, kubelet: Kubelet) -> None:
    """A hopeless script ends when the operator says so through the real sidecar; a good one's result is its trial's."""
    name = searches.apply(job_over("whole", {"threshold": {"lower": 0.5}}, (0.9, 0.1)))

    done = play(cluster, searches.namespace, kubelet, lambda: searches.wait(name))

    good, stopped = searches.trials(name)
    assert (good["status"]["state"], good["status"]["value"]) == ("Succeeded", 0.9)
    assert kubelet.printed[0.9].startswith("(True, 'accepted")
    assert stopped["status"]["state"] == "EarlyStopped" and stopped["status"]["value"] == 0.1
    assert stop_requested(kubelet.trials_at_the_end[0.1])
    assert "is below 0.5" in kubelet.printed[0.1]
    assert done["status"]["best"]["value"] == 0.9


def test_the_sidecar_gets_its_settings_from_the_pod(cluster, operator, searches: Searches) -> None:
    """What the API server stores of the sidecar's settings is what the operator meant: the address and who signed."""
    name = searches.apply(job_over("settings", {"threshold": {"lower": 0.5}}, (0.9,)))

    pods = cluster.wait_for(f"/api/v1/namespaces/{searches.namespace}/pods", lambda found: found["items"])["items"]

    sender = Sender(cluster, operator, pods[0])
    assert sender.settings.report_url == operator.report_url
    assert sender.settings.ca_certificate == operator.ca
    assert sender.settings.trial_name.startswith(f"{name}-") and sender.settings.metric == "acc"
    token = next(v for v in pods[0]["spec"]["volumes"] if v["name"] == "autosearch-token")
    mounts = {c["name"]: c for c in pods[0]["spec"]["initContainers"] + pods[0]["spec"]["containers"]}
    assert token["projected"]["sources"][0]["serviceAccountToken"]["audience"] == "autosearch.dev"
    having = [each for each, box in mounts.items() if "autosearch-token" in {m["name"] for m in box["volumeMounts"]}]
    assert having == [SIDECAR]
