"""Runners as processes of their own: to be started, watched, interrupted and killed."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import Trial
from autosearch.local.descendants import all_processes, token_of

REPORT = """echo "{\\"acc\\": $AUTOSEARCH_PARAM_x}" > $AUTOSEARCH_RESULT"""
PATIENCE = 30.0
_PROGRAM = """
import sys
from pathlib import Path
from autosearch.api.errors import AutoSearchError
from autosearch.api.job import AutoSearchJob
from autosearch.local.runner import SearchInterruptedError, run_search
job = AutoSearchJob.model_validate_json(Path(sys.argv[1]).read_text())
try:
    print(run_search(job, output=Path(sys.argv[2])).status.state)
except SearchInterruptedError as interrupted:
    print(interrupted)
    sys.exit(130)
except AutoSearchError as error:
    print(f"{type(error).__name__}: {error}")
    sys.exit(1)
"""


class Runner:
    """The runner as a process of its own, to be killed."""

    def __init__(self, job: AutoSearchJob, output: Path) -> None:
        self.output = output
        file = output.with_name("job-to-run.json")
        file.write_text(job.model_dump_json(by_alias=True, exclude_none=True))
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(file), str(output)],
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def finish(self) -> tuple[int, str]:
        """Wait for its end; gives exit code and output."""
        text, _ = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, text

    def wait_for(self, *names: str) -> None:
        """Wait until files of the output directory exist."""
        eventually(lambda: all((self.output / name).exists() for name in names))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process alone."""
        self.process.send_signal(number)

    def orphans(self) -> list[int]:
        """Give the living processes of its trials."""
        found = (self.output / "lock").stat()
        mark = f"{found.st_dev}:{found.st_ino}/"
        return [pid for pid in all_processes() if token_of(pid).startswith(mark)]


RunnerMaker = Callable[[AutoSearchJob], Runner]


def eventually(check: Callable[[], bool]) -> None:
    """Wait until something is true; fail if that takes too long."""
    limit = time.monotonic() + PATIENCE
    while not check():
        assert time.monotonic() < limit, "it never came true"
        time.sleep(0.01)


def parameters_of(trials: list[Trial]) -> list[Any]:
    """Give each trial's x."""
    return [trial.spec.parameters["x"] for trial in trials]


def reasons_of(trials: list[Trial]) -> list[list[str]]:
    """Give why each attempt of each trial ended."""
    return [[attempt.reason for attempt in trial.status.attempts] for trial in trials]


def kill_at_some_moment(runner: Runner, moments: random.Random) -> None:
    """Kill a runner while it starts, or soon after it has begun to do something."""

    def files() -> int:
        return sum(len(list((runner.output / name).glob("*"))) for name in ("trials", "runs", "logs"))

    before, early = files(), moments.random() < 0.3
    if not early:
        eventually(lambda: files() > before or runner.process.poll() is not None)
    time.sleep(moments.random() * (0.6 if early else 0.15))
    runner.signal(signal.SIGKILL)
    runner.process.wait()
