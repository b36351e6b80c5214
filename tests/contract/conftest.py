"""What the contract tests share: jobs in a few words, pods for a sidecar, the operator's report server."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.pods import Pod
from tests.contract.report_servers import ReportServer
from tests.contract.runners import Runner

from autosearch.api.job import AutoSearchJob
from autosearch.local.lock import Lock

JobMaker = Callable[..., AutoSearchJob]
RunnerMaker = Callable[[AutoSearchJob], Runner]


@pytest.fixture
def make_job() -> JobMaker:
    """Make a job whose trials run a script: a text is a shell script, a list is a command."""

    def made(script: str | list[str] = "exit 0", trials: int | None = 2, **spec: Any) -> AutoSearchJob:
        command = ["sh", "-c", script] if isinstance(script, str) else script
        pod = {"containers": [{"name": "trial", "command": command}], "terminationGracePeriodSeconds": 1}
        fields: dict[str, Any] = {
            "objective": {"metric": "acc", "direction": "Maximize"},
            "parameters": [{"name": "x", "float": {"min": 0.0, "max": 1.0}}],
            "algorithm": {"random": {}},
            "maxTrials": trials,
            "arguments": "None",
            "seed": 7,
            "template": {"spec": pod},
            **spec,
        }
        given = {name: value for name, value in fields.items() if value is not None}
        return AutoSearchJob.from_dict({"metadata": {"name": "job"}, "spec": given})

    return made


@pytest.fixture
def start(tmp_path: Path) -> Iterator[RunnerMaker]:
    """Start runners, all on one output directory, that are gone at the end."""
    runners: list[Runner] = []

    def started(job: AutoSearchJob) -> Runner:
        runners.append(Runner(job, tmp_path / "out"))
        return runners[-1]

    yield started
    for runner in runners:
        if runner.process.poll() is None:
            runner.process.kill()
            runner.process.wait()
        if runner.process.stdout is not None:
            runner.process.stdout.close()
    if (tmp_path / "out").exists():
        # A successor removes the socket folder of a killed runner.
        Lock(tmp_path / "out").release()


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Give a folder with a short path: a socket's has at most 107 bytes."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture
def make_pod(short_folder: Path) -> Iterator[Callable[..., Pod]]:
    """Make pods for sidecars, with settings as words; no process of them is left."""
    pods: list[Pod] = []

    def made(**settings: Any) -> Pod:
        pods.append(Pod(short_folder / f"pod-{len(pods)}", **settings))
        return pods[-1]

    yield made
    for pod in pods:
        pod.close()


@pytest.fixture
def server(short_folder: Path) -> Iterator[ReportServer]:
    """Start a report server that lets every trial go on."""
    server = ReportServer(short_folder)
    yield server
    server.stop()
