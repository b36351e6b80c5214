"""The one-node cluster as tests use it: tools/cluster/cluster, called as a user would.

Owns: no state beyond the folder that it is given.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TOOLS = Path(__file__).parents[2] / "tools" / "cluster"
PYTHON_IMAGE = "python:3.12-slim"
Json = dict[str, Any]


class Node:
    """One cluster in one state folder."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self._environment = {**os.environ, "CLUSTER_STATE": str(folder), **environment}

    @property
    def group(self) -> str:
        """The name of the control groups that hold all of its processes."""
        return Path((self.folder / "control-groups").read_text().splitlines()[0]).name

    def call(self, *arguments: str, check: bool = True, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run the tool to its end; `text` is what it reads."""
        command = [sys.executable, str(TOOLS / "cluster"), *arguments]
        done = subprocess.run(
            command, env=self._environment, input=text, capture_output=True, text=True, check=False, timeout=1800
        )
        assert not check or done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def kubectl(self, *arguments: str, text: str | None = None) -> str:
        """Run kubectl as administrator; gives what it printed."""
        return self.call("kubectl", *arguments, text=text).stdout.strip()

    def apply(self, *objects: Json) -> None:
        """Create or change objects."""
        self.kubectl("apply", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def get(self, kind: str, name: str) -> Json:
        """Give one object."""
        found: Json = json.loads(self.kubectl("get", kind, name, "-o", "json"))
        return found

    def run_pod(self, name: str, code: str, **limits: str) -> str:
        """Run Python code in a pod to its end; gives what it printed."""
        self.apply(a_pod(name, code, **limits))
        phase = self.wait(
            lambda: self.phase(name) in ("Succeeded", "Failed") and self.phase(name), f"the end of {name}"
        )
        printed = self.kubectl("logs", name)
        assert phase == "Succeeded", f"{name}: {phase}\n{printed}\n{self.get('pod', name)['status']}"
        return printed

    def phase(self, name: str) -> str:
        """Give a pod's phase."""
        return str(self.get("pod", name)["status"].get("phase"))

    def wait(self, ready: Callable[[], Any], what: str, seconds: float = 120) -> Any:
        """Wait until something is true; gives it."""
        deadline = time.monotonic() + seconds
        while not (found := ready()):
            assert time.monotonic() < deadline, f"no sign of {what} after {seconds:.0f} s"
            time.sleep(0.3)
        return found


def a_pod(name: str, code: str, **limits: str) -> Json:
    """Give a pod that runs Python code once; the limits are resources."""
    container = {
        "name": "main",
        "image": PYTHON_IMAGE,
        "command": ["python3", "-u", "-c", code],
        "resources": {"limits": {key.replace("_", "/"): value for key, value in limits.items()}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [container]},
    }


def image_archive(name: str) -> str:
    """Give the path of an image's archive, which is made where it is missing."""
    command = [sys.executable, str(TOOLS / "image"), name]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1]
