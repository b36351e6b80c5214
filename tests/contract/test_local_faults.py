"""Bad days: each fault of a script or of the machine ends as the design says, with a reason that people understand."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from autosearch.api.errors import EnvironmentFaultError
from autosearch.api.job import AutoSearchJob
from autosearch.api.meta import find_condition
from autosearch.api.trial import Trial
from autosearch.engine import timeouts
from autosearch.engine.names import job_id
from autosearch.local.descendants import all_processes, token_of
from autosearch.local.logs import log_tail
from autosearch.local.runner import open_results, run_search

JobMaker = Callable[..., AutoSearchJob]
SCRIPTS = Path(__file__).parent / "scripts"
REPORT = """echo "{\\"acc\\": 0.5}" > $AUTOSEARCH_RESULT"""


@pytest.fixture
def one_trial(make_job: JobMaker, tmp_path: Path) -> Callable[..., Trial]:
    """Run one trial of a script and give it; a word starts that fault of `faulty_trial.py`."""

    def run(script: str | list[str], **spec: Any) -> Trial:
        command = script if " " in script or isinstance(script, list) else ["python", "faulty_trial.py", script]
        job = make_job(command, 1, **{"retries": 0, **spec})
        run_search(job, output=tmp_path / "out", code=SCRIPTS)
        _, (trial,) = open_results(tmp_path / "out")
        return trial

    return run


def _failure(trial: Trial) -> tuple[str, str]:
    condition = find_condition(trial.status.conditions, "Failed")
    assert condition is not None, trial.status
    return condition.reason, condition.message


def test_crash_is_retried_in_a_folder_of_its_own(one_trial: Callable[..., Trial], tmp_path: Path) -> None:
    """A script that crashes is tried again under the next attempt id; then its trial fails with the log's end."""
    trial = one_trial("echo before; echo 'ValueError: no data' >&2; exit 1", retries=1)
    assert [a.id for a in trial.status.attempts] == ["0-0", "0-0-r1"]
    reason, message = _failure(trial)
    assert reason == "ScriptFailed"
    assert message.endswith("before\nValueError: no data")


def test_crash_after_an_accepted_report_is_a_success(one_trial: Callable[..., Trial]) -> None:
    """A finished training run is not wasted by a crash in the interpreter's shutdown."""
    trial = one_trial("report-then-crash")
    assert (trial.status.state, trial.status.value) == ("Succeeded", 0.5)
    assert trial.status.attempts[0].exit_code == 128 + 11


def test_killed_by_a_signal(one_trial: Callable[..., Trial]) -> None:
    """A script that dies of a signal has its number in the reason."""
    trial = one_trial("kill -SEGV $$$$; sleep 9")
    assert trial.status.attempts[0].exit_code == 128 + 11
    assert "signal 11" in _failure(trial)[1]


def test_exit_0_without_a_report(one_trial: Callable[..., Trial]) -> None:
    """A script that ends well without a report failed, and is told what it must call."""
    reason, message = _failure(one_trial("echo done; exit 0"))
    assert reason == "NoReport"
    assert "report_final_result" in message


@pytest.mark.parametrize(
    ("fault", "reason", "words"),
    [
        ("nan", "Diverged", "finite number"),
        ("wrong-metric", "ReportRefused", "found 'accuracy', this job's metric is 'acc'"),
        ("path-outside", "ReportRefused", "outside the output folder"),
        ("path-of-another", "ReportRefused", "this trial's own folder"),
        ("link-out", "ReportRefused", "links are not followed"),
        ("file-for-folder", "ReportRefused", "a folder is wanted"),
        ("folder-for-file", "ReportRefused", "is a folder, write the path of one file"),
        ("checkpoint-missing", "ReportRefused", "does not exist: save it before reporting"),
        ("checkpoint-empty", "ReportRefused", "is empty"),
        ("empty-model", "ReportRefused", "holds no file"),
        ("own-ids", "ReportRefused", "declare --job_id"),
    ],
)
def test_refused_reports(one_trial: Callable[..., Trial], fault: str, reason: str, words: str) -> None:
    """A report that breaks a rule fails the trial with the rule it broke and what to write instead."""
    found, message = _failure(one_trial(fault))
    assert found == reason
    assert words in message


def test_result_file_with_a_fault(one_trial: Callable[..., Trial]) -> None:
    """A result file that breaks a rule is refused like a report; NaN counts as diverged."""
    assert _failure(one_trial("echo '{\"acc\": NaN}' > $AUTOSEARCH_RESULT"))[0] == "Diverged"


def test_two_reports_with_different_values(one_trial: Callable[..., Trial]) -> None:
    """The first accepted report counts, and the script gets the same answer again."""
    trial = one_trial("two-reports")
    assert (trial.status.state, trial.status.value) == ("Succeeded", 0.5)


def test_corrected_report_counts(one_trial: Callable[..., Trial]) -> None:
    """A refused report may be corrected; the trial then succeeds."""
    trial = one_trial("refused-then-right")
    assert (trial.status.state, trial.status.value) == ("Succeeded", 0.5)


def test_report_wins_over_the_result_file(one_trial: Callable[..., Trial]) -> None:
    """A result file is read only where no report was accepted."""
    assert one_trial("report-and-file").status.value == 0.5


def test_hundred_megabytes_of_log(make_job: JobMaker, tmp_path: Path) -> None:
    """A huge log stays on disk: the runner's memory does not grow with it, and the reason has its last lines."""
    before = _peak_memory()
    script = "yes 0123456789abcdef | head -c 100000000; echo; echo the end; exit 1"
    job = make_job(script, 1, retries=0)
    run_search(job, output=tmp_path)
    _, (trial,) = open_results(tmp_path)
    assert (tmp_path / "logs" / "0-0.log").stat().st_size > 100_000_000
    assert _failure(trial)[1].endswith("the end")
    assert len(_failure(trial)[1]) < 2500
    assert _peak_memory() - before < 50_000


def _peak_memory() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_log_of_one_endless_binary_line(tmp_path: Path) -> None:
    """A log of anything at all gives a text of bounded length."""
    (tmp_path / "log").write_bytes(b"\xff\0" * 10_000 + "ende \N{SNOWMAN}".encode())
    tail = log_tail(tmp_path / "log")
    assert len(tail) <= 2000
    assert tail.endswith("ende \N{SNOWMAN}")
    assert "\0" not in tail
    assert log_tail(tmp_path / "gone") == ""


def test_ignoring_sigterm_is_no_use(one_trial: Callable[..., Trial]) -> None:
    """A trial that ignores SIGTERM is killed after its grace period when its time is over."""
    trial = one_trial("trap '' TERM; while :; do sleep 0.1; done", trialTimeoutSeconds=1)
    assert _failure(trial)[0] == "TimedOut"
    assert trial.status.attempts[0].exit_code == 128 + 9


@pytest.mark.parametrize("start", ["", "setsid "], ids=["in its group", "in a session of its own"])
def test_children_left_behind(make_job: JobMaker, tmp_path: Path, start: str) -> None:
    """A trial that leaves children behind succeeds, and they are gone when the next one starts."""
    script = f"cat ../../../left 2>/dev/null && kill -0 $(cat ../../../left) && exit 9; {start}sleep 300 & "
    job = make_job(f"{script} echo $! > ../../../left; {REPORT}", 2, retries=0)
    begun = time.monotonic()
    done = run_search(job, output=tmp_path)
    assert done.status.trials.succeeded == 2
    assert time.monotonic() - begun < 10
    found = (tmp_path / "lock").stat()
    assert not any(token_of(pid).startswith(f"{found.st_dev}:{found.st_ino}/") for pid in all_processes())


def test_hangs_after_its_report(one_trial: Callable[..., Trial], monkeypatch: pytest.MonkeyPatch) -> None:
    """A trial that hangs after its accepted report is ended when its time for that is over, and has succeeded."""
    from datetime import timedelta

    monkeypatch.setattr(timeouts, "AFTER_REPORT", timedelta(seconds=0.5))
    begun = time.monotonic()
    trial = one_trial("hang-after-report")
    assert (trial.status.state, trial.status.value) == ("Succeeded", 0.5)
    assert time.monotonic() - begun < 15


def test_argparse_that_lacks_a_parameter(make_job: JobMaker, tmp_path: Path) -> None:
    """Two trials whose script does not know a flag end the search at once, with the flag and the fix in the reason."""
    job = make_job(["python", "contract_trial.py"], 20, arguments="Contract", parameters=_two_parameters())
    done = run_search(job, output=tmp_path, code=SCRIPTS)
    _, trials = open_results(tmp_path)
    failed = find_condition(done.status.conditions, "Failed")
    assert failed is not None
    assert failed.reason == "BrokenScript"
    assert "does not declare --momentum" in failed.message
    assert [[a.exit_code for a in t.status.attempts] for t in trials] == [[2], [2]]


def _two_parameters() -> list[dict[str, Any]]:
    return [{"name": name, "float": {"min": 0.0, "max": 1.0}} for name in ("x", "momentum")]


def test_command_that_does_not_exist(make_job: JobMaker, tmp_path: Path) -> None:
    """A command that is not there ends the search after two trials, and says which command."""
    done = run_search(make_job(["pyhton", "train.py"], 20), output=tmp_path)
    failed = find_condition(done.status.conditions, "Failed")
    assert failed is not None
    assert failed.reason == "BrokenScript"
    assert "cannot run 'pyhton'" in failed.message


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four megabytes."""
    if os.geteuid() != 0:
        if os.environ.get("CI"):
            pytest.fail("only root can mount the small disk that this test fills; run it as root")
        pytest.skip("NOT TESTED: a full disk; only root can mount a small one")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_script_that_fills_the_disk(make_job: JobMaker, small_disk: Path) -> None:
    """A script that fails on a disk that it filled is told so, though its log could not take a word."""
    run_search(make_job(["python", "faulty_trial.py", "fill"], 1, retries=0), output=small_disk / "out", code=SCRIPTS)
    _, (trial,) = open_results(small_disk / "out")
    assert _failure(trial)[1].startswith("the disk is full: free space")


def test_state_that_finds_no_space(make_job: JobMaker, small_disk: Path) -> None:
    """On a full disk the runner ends politely, says what to free, loses nothing, and goes on when there is space."""
    output = small_disk / "out"
    script = f"[ -e output/free ] || [ $AUTOSEARCH_TRIAL_ID = 0-0 ] || cat /dev/zero > output/ballast; {REPORT}"
    job = make_job(script, 4, retries=0)
    with pytest.raises(EnvironmentFaultError, match=r"no space is left for .*free some on that disk.*same command"):
        run_search(job, output=output)
    assert [t.status.value for t in open_results(output)[1] if t.finished] == [0.5]
    (output / "output" / "ballast").unlink()
    (output / "output" / "free").touch()
    done = run_search(job, output=output)
    _, trials = open_results(output)
    assert done.status.trials.succeeded == 4
    assert [a.reason for t in trials for a in t.status.attempts if a.reason != "Interrupted"] == ["Reported"] * 4
    assert len(trials[0].status.attempts) == 1


def test_report_that_cannot_be_stored_is_not_accepted(make_job: JobMaker, small_disk: Path) -> None:
    """A result that could not be stored was not accepted: the script hears so, and the trial is run again later."""
    output = small_disk / "out"
    job = make_job(["python", "faulty_trial.py", "fill-then-report"], 1, retries=0)
    with pytest.raises(EnvironmentFaultError, match="no space is left"):
        run_search(job, output=output, code=SCRIPTS)
    for ballast in (output / "output").rglob("ballast"):
        ballast.unlink()
    (output / "output" / "no-ballast").touch()
    done = run_search(job, output=output, code=SCRIPTS)
    _, (trial,) = open_results(output)
    assert done.status.trials.succeeded == 1
    assert [a.reason for a in trial.status.attempts] == ["Interrupted", "Reported"]


def test_algorithm_that_fails(make_job: JobMaker, tmp_path: Path) -> None:
    """An algorithm that takes too long ends the run with the reason, and the same command tries again."""
    with pytest.raises(EnvironmentFaultError, match=r"took longer than 0\.001 s; the same command tries again"):
        run_search(make_job(REPORT, 2), output=tmp_path, time_limit=0.001)
    assert run_search(make_job(REPORT, 2), output=tmp_path).status.trials.succeeded == 2


def test_output_that_cannot_be_written(make_job: JobMaker, tmp_path: Path) -> None:
    """An output directory with a file in a folder's place is refused by that name."""
    (tmp_path / "trials").touch()
    with pytest.raises(EnvironmentFaultError, match=r"cannot be written \(File exists\)"):
        run_search(make_job(), output=tmp_path)


def test_model_left_by_the_result_file_way(one_trial: Callable[..., Trial], tmp_path: Path) -> None:
    """A script without SDK that saved into its own folder has that folder as its model."""
    trial = one_trial(
        f"mkdir -p output/$AUTOSEARCH_JOB_ID/$AUTOSEARCH_TRIAL_ID; cd output/$AUTOSEARCH_JOB_ID; "
        f"echo m > $AUTOSEARCH_TRIAL_ID/m; {REPORT}"
    )
    job, _ = open_results(tmp_path / "out")
    assert trial.status.model_path == f"{job_id(job)}/0-0"
