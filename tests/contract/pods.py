"""A pod for a sidecar, in a folder: its mounts, its processes, and what the kubelet would read of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autosearch.sidecar.places import Places
from autosearch.sidecar.settings import SETTINGS, SidecarSettings, Verdict

FOLDERS = ("run", "result", "state", "code", "work", "output")


def wait_until(true: Callable[[], Any], seconds: float = 20.0) -> None:
    """Wait for something that will come; a test fails loudly if it does not."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.005)


class Pod:
    """One attempt's pod; the folder must have a short path, for a socket's has at most 107 bytes."""

    def __init__(self, root: Path, **settings: Any) -> None:
        self.root = root
        self.places = Places.below(str(root))
        for name in FOLDERS:
            (root / "autosearch" / name).mkdir(parents=True)
        Path(self.places.token).parent.mkdir(parents=True)
        Path(self.places.token).write_text("token-1", encoding="ascii")
        (root / "dev").mkdir()
        self.work = Path(self.places.work)
        self.output = Path(self.places.output)
        (self.work / "output").symlink_to(self.output)
        given = {"job_id": "iris-1a2b3c4d", "attempt_id": "0-3", "trial_name": "iris-1a2b3c4d-0-3", "metric": "acc"}
        self.settings = SidecarSettings(**{**given, "working_directory": str(self.work), **settings})
        self.processes: list[subprocess.Popen[bytes]] = []

    @property
    def own(self) -> Path:
        """The attempt's own output directory."""
        return self.output / self.settings.job_id / self.settings.attempt_id

    @property
    def log(self) -> str:
        """What the sidecars said."""
        return (self.root / "log").read_text(encoding="utf-8")

    @property
    def verdict(self) -> Verdict | None:
        """The termination message, as the operator reads it."""
        message = Path(self.places.termination_log).read_bytes()
        assert len(message) <= 2048
        return Verdict.from_json(message.decode("utf-8"))

    def mount_code(self, files: dict[str, str]) -> None:
        """Mount a ConfigMap as the kubelet does: files in a folder with a time, behind two links."""
        code = Path(self.places.code)
        data = code / "..2026_01_02_03_04_05.678"
        for name, text in files.items():
            (data / name).parent.mkdir(parents=True, exist_ok=True)
            (data / name).write_text(text, encoding="utf-8")
            (data / name).chmod(0o444)
        (code / "..data").symlink_to(data.name)
        for entry in data.iterdir():
            (code / entry.name).symlink_to(f"..data/{entry.name}")

    def start(self, *, ready: bool = True, **environment: str) -> subprocess.Popen[bytes]:
        """Start the sidecar's container, and wait until the trial may start."""
        ours = {SETTINGS: self.settings.to_json(), **environment}
        command = [sys.executable, "-m", "autosearch", "sidecar", "--root", str(self.root)]
        # The kubelet gives each start of a container a termination message of its own.
        if Path(self.places.termination_log).is_file():
            Path(self.places.termination_log).unlink()
        with (self.root / "log").open("ab") as log:
            started = subprocess.Popen(command, env={**os.environ, **ours}, stderr=log)
        self.processes.append(started)
        if ready:
            lines = self.log.count("ready for")
            wait_until(lambda: self.log.count("ready for") > lines or started.poll() is not None)
            assert started.poll() is None, self.log
        return started

    def ended(self, process: subprocess.Popen[bytes] | None = None) -> int:
        """End the sidecar as the kubelet does when the trial has ended, and give its exit code."""
        process = process or self.processes[-1]
        process.send_signal(signal.SIGTERM)
        return process.wait(20)

    def script(self, text: str, patience: float = 20.0) -> subprocess.Popen[str]:
        """Start a training script that has the SDK as a trial has it."""
        environment = {
            **os.environ,
            "PYTHONPATH": self.places.python,
            "AUTOSEARCH_SOCKET": self.places.socket,
            "AUTOSEARCH_REPORT_TIMEOUT": str(patience),
            "AUTOSEARCH_JOB_ID": self.settings.job_id,
            "AUTOSEARCH_TRIAL_ID": self.settings.attempt_id,
        }
        begin = (
            "import time\nfrom autosearch_sdk import report_progress\n"
            "from rudder_autosearch.sdk.amaas_tools import AMaasTools\n"
            f"tools = AMaasTools({self.settings.job_id!r}, {self.settings.attempt_id!r})\n"
        )
        started = subprocess.Popen(
            [sys.executable, "-c", begin + text], env=environment, cwd=self.work, stdout=subprocess.PIPE, text=True
        )
        self.processes.append(started)
        return started

    def run(self, text: str) -> list[Any]:
        """Run a training script to its end, and give what it printed as JSON lines."""
        printed, _ = self.script(f"import json\ndef say(*words): print(json.dumps(words))\n{text}").communicate(
            timeout=60
        )
        return [json.loads(line) for line in printed.splitlines()]

    def final(self, metric: str = "{'acc': 0.5}", path: str = "''") -> tuple[bool, str]:
        """Report a result through the SDK, and give its answer."""
        ((answer,),) = self.run(f"say(tools.report_final_result({metric}, {path}, ''))")
        return tuple(answer)

    def close(self) -> None:
        """Leave no process."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def save_model(self, name: str = "model.pkl") -> None:
        """Save a model as a script does."""
        self.own.mkdir(parents=True, exist_ok=True)
        (self.own / name).write_bytes(b"weights")
