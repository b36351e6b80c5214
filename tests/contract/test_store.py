"""The files of a search: what survives, what is refused, and what damaged files are answered with."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from autosearch.api.errors import EnvironmentFaultError, StateConflictError
from autosearch.api.job import AutoSearchJob
from autosearch.engine.snapshot import Report, Run
from autosearch.local.changes import continued
from autosearch.local.lock import Lock
from autosearch.local.records import run_from_dict, run_to_dict
from autosearch.local.runner import open_results, run_search
from autosearch.local.state import State
from autosearch.local.store import Store

JobMaker = Callable[..., AutoSearchJob]
REPORT = """echo '{"acc": 1}' > $AUTOSEARCH_RESULT"""
NOW = datetime(2026, 1, 31, 12, 0, 0, 5, tzinfo=UTC)


def _stored(output: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for folder in ("trials", "runs") for p in (output / folder).iterdir()}


@pytest.fixture
def finished(make_job: JobMaker, tmp_path: Path) -> Path:
    """The output directory of a search of two trials that is over."""
    run_search(make_job(REPORT), output=tmp_path / "out")
    return tmp_path / "out"


def test_objects_are_read_as_they_were_written(make_job: JobMaker, tmp_path: Path) -> None:
    """A finished search is read back equal to what the run returned, trials in the order of their numbers."""
    done = run_search(make_job(REPORT, 12), output=tmp_path)
    job, trials = open_results(tmp_path)
    assert job == done
    assert [trial.spec.number for trial in trials] == list(range(12))
    assert all(trial.status.state == "Succeeded" and trial.metadata.uid for trial in trials)


@pytest.mark.parametrize(
    "run",
    [
        Run("job-1-0-0", "0-0", "uid"),
        Run(
            "job-1-0-0",
            "0-0-r1",
            "uid",
            alive=False,
            started=NOW,
            ended=NOW,
            exit_code=137,
            reason="OOMKilled",
            message="a\nb",
            disrupted=True,
            report=Report(0.5, {"acc": 0.5}, "job-1/0-0", "job-1/0-0/model.pkl"),
            reported=NOW,
            refusal="why",
            diverged=True,
            gpus=2,
        ),
    ],
    ids=["intent", "all-fields"],
)
def test_run_records_round_trip(run: Run) -> None:
    """A run's record, through JSON, is the same run."""
    assert run_from_dict(json.loads(json.dumps(run_to_dict(run)))) == run


def test_finished_search_is_not_run_again(finished: Path, make_job: JobMaker) -> None:
    """The same command on a finished search returns it at once and changes no file of it."""
    before = _stored(finished)
    again = run_search(make_job(REPORT), output=finished)
    assert again.status.state == "Complete"
    assert _stored(finished) == before


def test_half_written_files_are_ignored_and_removed(finished: Path, make_job: JobMaker) -> None:
    """Temporary files of a crash are never read, and the next run removes them."""
    for name in (".job.json.tmp", "trials/.0-1.json.tmp", "runs/.0-1.json.tmp", ".best.tmp"):
        (finished / name).write_text("{half")
    assert len(open_results(finished)[1]) == 2
    run_search(make_job(REPORT), output=finished)
    assert list(finished.rglob("*.tmp")) == []


@pytest.mark.parametrize("contents", ["", '{"apiVersion": "auto', "[]", "{}", "\0\0\0"])
@pytest.mark.parametrize("name", ["job.json", "trials/0-1.json"])
def test_damaged_files_are_named(finished: Path, make_job: JobMaker, name: str, contents: str) -> None:
    """A damaged file is refused by its path with what to do, by a run and by a look at the results."""
    (finished / name).write_text(contents)
    for attempt in (
        lambda: open_results(finished),
        lambda: run_search(make_job(REPORT), output=finished),
    ):
        with pytest.raises(StateConflictError, match=rf"{name}: is damaged .*restore the file"):
            attempt()


@pytest.mark.parametrize("contents", ["", "[]", '{"trialName": "x"}', '{"trialName": "x", "attemptId": 1, "uid": ""'])
def test_damaged_run_record_is_named(make_job: JobMaker, tmp_path: Path, contents: str) -> None:
    """A damaged record of an unfinished trial's run is refused by its path."""
    store = Store(tmp_path)
    store.prepare()
    State.open(store, make_job())
    (tmp_path / "runs" / "0-0.json").write_text(contents)
    with pytest.raises(StateConflictError, match=r"runs/0-0\.json: is damaged"):
        State.open(store, make_job())


def test_records_of_finished_trials_are_not_read(finished: Path, make_job: JobMaker) -> None:
    """What a finished trial's runs left does not matter any more."""
    (finished / "runs" / "0-1.json").write_text("nonsense")
    assert run_search(make_job(REPORT), output=finished).status.state == "Complete"


def test_no_search_in_the_directory(tmp_path: Path) -> None:
    """A look at the results of a directory without a search says so."""
    with pytest.raises(StateConflictError, match="holds no search"):
        open_results(tmp_path)


def test_job_file_that_cannot_be_read(tmp_path: Path) -> None:
    """An unreadable file is named with the system's reason."""
    (tmp_path / "job.json").mkdir()
    with pytest.raises(StateConflictError, match=r"job\.json: cannot be read \(Is a directory\)"):
        open_results(tmp_path)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"parameters": [{"name": "x", "float": {"min": 0.0, "max": 2.0}}]}, "spec.parameters"),
        ({"objective": {"metric": "acc", "direction": "Minimize"}}, "spec.objective"),
        ({"algorithm": {"tpe": {}}}, "spec.algorithm"),
        ({"script": "exit 1"}, "spec.template"),
        ({"seed": 8}, "spec.seed"),
        ({"retries": 3}, "spec.retries"),
        ({"trials": 1}, "spec.maxTrials"),
        ({"trials": None}, "spec.maxTrials"),
    ],
)
def test_changed_search_is_refused(finished: Path, make_job: JobMaker, change: dict[str, Any], field: str) -> None:
    """What defines a search cannot change under its results: the field is named, with both values."""
    with pytest.raises(StateConflictError, match=rf"^{field}: found .*this output directory has .*another --output"):
        run_search(make_job(**{"script": REPORT, **change}), output=finished)


def test_another_name_is_refused(finished: Path, make_job: JobMaker) -> None:
    """A job of another name does not go on with the old one's search."""
    job = make_job(REPORT)
    other = job.replace(metadata=job.metadata.replace(name="other"))
    with pytest.raises(StateConflictError, match=r'metadata\.name: found "other"'):
        run_search(other, output=finished)


def test_what_may_change_changes(make_job: JobMaker) -> None:
    """Limits, parallelism, suspension and a grown plan are taken over, and the generation grows with them."""
    old = make_job(trials=2)
    old = old.replace(metadata=old.metadata.replace(uid="u", generation=1))
    new = make_job(
        trials=3,
        parallelTrials=4,
        suspend=True,
        activeDeadlineSeconds=9,
        trialTimeoutSeconds=9,
        ttlSecondsAfterFinished=9,
        maxFailedTrials=9,
        podHistory={"failed": 1},
    )
    job = continued(old, new)
    assert job.spec == new.spec
    assert (job.metadata.uid, job.metadata.generation) == ("u", 2)
    assert continued(job, new) is job


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        ({"rounds": 5}, {"rounds": 6}, None),
        ({"rounds": 5}, {"rounds": 4}, "spec.algorithm.pbt.rounds"),
        ({"quantile": 0.25}, {"quantile": 0.5}, "spec.algorithm.pbt.quantile"),
        ({"population": 4}, {"population": 5, "rounds": 11}, "spec.algorithm.pbt.population"),
    ],
)
def test_rounds_may_grow_and_nothing_else_of_an_algorithm(
    make_job: JobMaker, before: dict[str, Any], after: dict[str, Any], field: str | None
) -> None:
    """`rounds` may grow; any other setting is refused by its full path."""
    old, new = (make_job(trials=None, algorithm={"pbt": settings}) for settings in (before, after))
    if field is None:
        assert continued(old, new).spec == new.spec
    else:
        with pytest.raises(StateConflictError, match=rf"^{field}: "):
            continued(old, new)


def test_grown_plan_of_an_unfinished_search_counts(make_job: JobMaker, tmp_path: Path) -> None:
    """A suspended search with a grown `maxTrials` goes on to the new number."""
    run_search(make_job(REPORT, 2, suspend=True), output=tmp_path)
    assert run_search(make_job(REPORT, 5), output=tmp_path).status.trials.succeeded == 5


def test_second_runner_is_refused_by_the_firsts_process_id(tmp_path: Path) -> None:
    """Of two runners on one directory the second one is refused, and told who is there."""
    first = Lock(tmp_path)
    program = f"from pathlib import Path; from autosearch.local.lock import Lock; Lock(Path({str(tmp_path)!r}))"
    path = os.pathsep.join(entry for entry in sys.path if entry)
    second = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"StateConflictError: {tmp_path}: process {os.getpid()} is at work here" in second.stderr
    first.release()
    Lock(tmp_path).release()


def test_killed_holder_is_succeeded(tmp_path: Path) -> None:
    """The lock of a runner that was killed is free, and its socket folder is removed."""
    program = (
        "import time; from pathlib import Path; from autosearch.local.lock import Lock\n"
        f"lock = Lock(Path({str(tmp_path)!r})); print(lock.sockets, flush=True); time.sleep(60)"
    )
    path = os.pathsep.join(entry for entry in sys.path if entry)
    holder = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    sockets = Path(holder.stdout.readline().strip())
    holder.send_signal(signal.SIGKILL)
    begun = time.monotonic()
    lock = Lock(tmp_path)
    assert time.monotonic() - begun < 5
    assert not sockets.exists()
    lock.release()
    assert not lock.sockets.exists()
    holder.wait()
    holder.stdout.close()


def test_damaged_lock_file_is_no_obstacle(tmp_path: Path) -> None:
    """Whatever stands in the lock file, only a held lock counts, and no foreign folder is removed."""
    (tmp_path / "precious").mkdir()
    for contents in ("", "nonsense", "[]", json.dumps({"pid": "x", "sockets": str(tmp_path / "precious")})):
        (tmp_path / "lock").write_text(contents)
        Lock(tmp_path).release()
    assert (tmp_path / "precious").is_dir()


def test_output_that_cannot_be_made(tmp_path: Path) -> None:
    """An output below a file is refused by the flag's name."""
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentFaultError, match=r"--output: .*Not a directory"):
        Lock(tmp_path / "file" / "out")


def test_run_cut_off_by_a_crash_counts_if_it_had_reported(make_job: JobMaker, tmp_path: Path) -> None:
    """After a crash a run with a stored report has succeeded, one without was interrupted and uses up no retry."""
    job = make_job(f"echo $AUTOSEARCH_TRIAL_ID; {REPORT}", retries=0)
    run_search(job.replace(spec=job.spec.replace(suspend=True)), output=tmp_path)
    store = Store(tmp_path)
    state = State.open(store, job)
    _crash_with_two_open_runs(state)
    done = run_search(job, output=tmp_path)
    _, trials = open_results(tmp_path)
    assert done.status.trials.succeeded == 2
    assert [t.status.value for t in trials] == [0.75, 1.0]
    assert [[(a.id, a.reason) for a in t.status.attempts] for t in trials] == [
        [("0-0", "Reported")],
        [("0-1", "Interrupted"), ("0-1-r1", "Reported")],
    ]


def _crash_with_two_open_runs(state: State) -> None:
    from autosearch.api.meta import ObjectMeta
    from autosearch.api.trial import Trial, TrialSpec
    from autosearch.engine.names import trial_name

    for number in (0, 1):
        identity = f"0-{number}"
        spec = TrialSpec(job_name="job", number=number, trial_id=identity, parameters={"x": 0.5}, sampler="random")
        trial = Trial(metadata=ObjectMeta(name=trial_name(state.job, identity)), spec=spec)
        state.create_trial(trial, NOW)
        run = Run(trial.name, identity, f"uid-{number}", started=NOW)
        state.write_run(run)
        if number == 0:
            state.write_run(replace(run, report=Report(0.75, {"acc": 0.75}), reported=NOW))


def test_two_thousand_trials_are_read_in_the_order_of_their_numbers(make_job: JobMaker, tmp_path: Path) -> None:
    """Results are in order, however many there are and whatever their files are called."""
    run_search(make_job(REPORT, 1), output=tmp_path)
    text = (tmp_path / "trials" / "0-0.json").read_text()
    for number in range(1, 2000):
        copy = text.replace('"number":0', f'"number":{number}').replace('"trialId":"0-0"', f'"trialId":"0-{number}"')
        (tmp_path / "trials" / f"0-{number}.json").write_text(copy)
    _, trials = open_results(tmp_path)
    assert [t.spec.number for t in trials] == list(range(2000))
