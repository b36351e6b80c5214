"""Ends that come together or while nothing can be written: every one is noted, and the runner comes to its own end."""

import errno
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.conftest import JobMaker
from tests.contract.runners import REPORT

from autosearch.api.errors import EnvironmentFaultError
from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import Trial
from autosearch.engine.snapshot import Run
from autosearch.local import loop
from autosearch.local.attempts import Attempts
from autosearch.local.loop import Loop
from autosearch.local.processes import Ended, News, Processes, SupervisorLostError
from autosearch.local.runner import open_results, run_search
from autosearch.local.state import State
from autosearch.local.store import Store

LIMIT = 20


@pytest.fixture(autouse=True)
def _no_hang() -> Iterator[None]:
    """A runner that waits for ever fails its test."""

    def over(_number: int, _frame: object) -> None:
        pytest.fail("the runner waits for something that never comes")

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(LIMIT)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def full_disk_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """No record of an ended run can be written."""
    save = Store.save_run

    def full(self: Store, run: Run, *, durable: bool = False) -> None:
        if not run.alive:
            raise OSError(errno.ENOSPC, "No space left on device")
        save(self, run, durable=durable)

    monkeypatch.setattr(Store, "save_run", full)


def _together(count: int, news: list[News]) -> bool:
    return sum(isinstance(one, Ended) for one in news) >= count


@pytest.mark.usefixtures("full_disk_at_the_end")
def test_ends_that_come_together_on_a_full_disk(
    make_job: JobMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When several trials end at once and the first cannot be recorded, the others' ends are not lost with it."""
    told, read = list[News](), Processes.news

    def held_back(self: Processes) -> list[News]:
        told.extend(read(self))
        if not _together(3, told):
            return []
        given = told[:]
        told.clear()
        return given

    monkeypatch.setattr(Processes, "news", held_back)
    with pytest.raises(EnvironmentFaultError, match="no space is left"):
        run_search(make_job(REPORT, 3, parallelTrials=3), output=tmp_path)


@pytest.mark.usefixtures("full_disk_at_the_end")
def test_lost_supervisor_on_a_full_disk(make_job: JobMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When all processes are lost and none of their ends can be recorded, the runner ends, and notes it once."""
    before: list[bool] = []
    read, lose = Processes.news, Attempts.lose

    def lost(self: Processes) -> list[News]:
        if not before:
            raise SupervisorLostError
        return read(self)

    def watched(self: Attempts) -> None:
        before.append(self.cutting_off)
        try:
            lose(self)
        finally:
            before.append(self.cutting_off)

    monkeypatch.setattr(Processes, "news", lost)
    monkeypatch.setattr(Attempts, "lose", watched)
    with pytest.raises(EnvironmentFaultError, match="no space is left"):
        run_search(make_job("sleep 60", 3, parallelTrials=3), output=tmp_path)
    assert before[:2] == [False, False]


@pytest.fixture
def no_space_for_observations(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """No record of a trial with observations can be written, until the patch is undone."""
    save = Store.save_trial

    def full(self: Store, trial: Trial, *, durable: bool = False) -> None:
        if trial.status.observations:
            raise OSError(errno.ENOSPC, "No space left on device")
        save(self, trial, durable=durable)

    with monkeypatch.context() as patched:
        patched.setattr(Store, "save_trial", full)
        yield patched


STUBBORN = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
REPORT_PROGRESS = "from autosearch_sdk import report_progress\nreport_progress(1, {'acc': 1})\n"


@pytest.mark.usefixtures("no_space_for_observations")
def test_runner_that_gives_up_rests_while_it_waits(
    make_job: JobMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a fault, overdue passes and writes are not tried again and again until the last process has ended."""
    turns: list[float] = []
    turn = Loop._turn

    def counted(self: Loop) -> None:
        turns.append(time.monotonic())
        turn(self)

    monkeypatch.setattr(loop, "HURRIED_GRACE", 1.0)
    monkeypatch.setattr(Loop, "_turn", counted)
    job = make_job(["python", "-c", f"{STUBBORN}{REPORT_PROGRESS}time.sleep(60)"], 1)
    with pytest.raises(EnvironmentFaultError, match="no space is left"):
        run_search(job, output=tmp_path)
    assert time.monotonic() - turns[0] > 1.0
    assert len(turns) < 50


def test_result_counts_though_the_progress_before_it_cannot_be_kept(
    make_job: JobMaker, tmp_path: Path, no_space_for_observations: pytest.MonkeyPatch
) -> None:
    """A trial that ends while its last observations cannot be written keeps its accepted result for the next run."""
    result = "import os\nopen(os.environ['AUTOSEARCH_RESULT'], 'w').write('{\"acc\": 0.5}')\n"
    job = make_job(["python", "-c", f"{STUBBORN}{REPORT_PROGRESS}{result}"], 1, retries=0)
    with pytest.raises(EnvironmentFaultError, match="no space is left"):
        run_search(job, output=tmp_path)
    no_space_for_observations.undo()
    done = run_search(job, output=tmp_path)
    _, (trial,) = open_results(tmp_path)
    assert done.status.trials.succeeded == 1
    assert [attempt.reason for attempt in trial.status.attempts] == ["Reported"]


def test_address_of_the_best_model_is_the_engines(
    make_job: JobMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the engine writes is what is stored and shown: a path in the output directory."""
    seen: list[AutoSearchJob] = []
    write = State.write_job

    def watched(self: State, *arguments: object, **options: object) -> None:
        write(self, *arguments, **options)  # type: ignore[arg-type]  # any options
        seen.append(self.job)

    monkeypatch.setattr(State, "write_job", watched)
    script = f"cd output/$AUTOSEARCH_JOB_ID; mkdir $AUTOSEARCH_TRIAL_ID; echo m > $AUTOSEARCH_TRIAL_ID/m; {REPORT}"
    done = run_search(make_job(script, 1), output=tmp_path)
    best = done.status.best
    assert best is not None
    assert best.model_uri == f"{tmp_path}/output/{best.model_path}"
    assert seen[-1] == done == open_results(tmp_path)[0]
