"""Mishaps of the local shell that were found by attacking it: each is told, costs no result, and never hangs."""

import json
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.contract.conftest import JobMaker
from tests.contract.runners import REPORT

from autosearch.api.errors import EnvironmentFaultError, InvalidInputError, StateConflictError
from autosearch.local.changes import continued
from autosearch.local.lock import Lock
from autosearch.local.records import run_from_dict
from autosearch.local.runner import open_results, run_search

FAST_REPORTER = """
import os, sys
sys.path.insert(0, os.environ["PYTHONPATH"].split(os.pathsep)[0])
from autosearch_sdk import report_progress
quality = float(os.environ["AUTOSEARCH_PARAM_x"])
for step in range(1, 28):
    if report_progress(step, {"acc": quality}).stop:
        sys.exit(0)
open(os.environ["AUTOSEARCH_RESULT"], "w").write('{"acc": %r}' % quality)
"""


def test_a_rule_with_rungs_stops_trials_that_report_quickly(make_job: JobMaker, tmp_path: Path) -> None:
    """However fast the reports come, each rung is judged: hopeless trials are stopped."""
    job = make_job(
        [sys.executable, "-S", "-c", FAST_REPORTER],
        8,
        earlyStopping={"asha": {"minResource": 1, "reductionFactor": 2}},
        seed=3,
    )

    done = run_search(job, output=tmp_path / "out")

    assert done.status.trials.early_stopped >= 3
    assert done.status.state == "Complete"


def test_a_workspace_that_cannot_be_made_ends_the_run_with_a_reason(make_job: JobMaker, tmp_path: Path) -> None:
    """A folder in the way of the next trial is an error with its path, not a runner that waits for ever."""
    script = f"mkdir -p ../../0-1/cwd; touch ../../0-1/cwd/x; chmod 000 . 2>/dev/null; {REPORT}"

    with pytest.raises(EnvironmentFaultError, match="File exists"):
        run_search(make_job(script, 3), output=tmp_path / "out")

    _, trials = open_results(tmp_path / "out")
    assert [trial.status.state for trial in trials][:1] == ["Succeeded"]


def test_a_log_that_cannot_be_opened_is_one_trials_mishap(make_job: JobMaker, tmp_path: Path) -> None:
    """Where a trial's log cannot be written that trial fails; the others go on."""
    (tmp_path / "out" / "logs" / "0-0.log").mkdir(parents=True)

    done = run_search(make_job(REPORT, 2, retries=0), output=tmp_path / "out")

    assert (done.status.trials.failed, done.status.trials.succeeded) == (1, 1)


def test_a_copied_directory_leaves_the_originals_sockets_alone(tmp_path: Path) -> None:
    """A copy of a running search's directory holds its note, but not its sockets."""
    original = Lock(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")

    copy = Lock(tmp_path / "b")

    assert original.sockets.is_dir()
    copy.release()
    original.release()


def test_the_output_is_not_the_code_itself(make_job: JobMaker, tmp_path: Path) -> None:
    """A run into its own code folder would copy its copies: it is refused, naming the flag."""
    with pytest.raises(InvalidInputError, match="--output"):
        run_search(make_job(REPORT), output=tmp_path, code=tmp_path)


def test_private_data_does_not_bring_the_output_along(make_job: JobMaker, tmp_path: Path) -> None:
    """Where the output lies below the data, a private copy leaves it out."""
    (tmp_path / "data.txt").write_text("x")
    script = f"test -f train_data/data.txt && test ! -e train_data/out && {REPORT}"
    job = make_job(script, 2, trainData={"volume": {}, "access": "PrivateCopy"})

    assert run_search(job, output=tmp_path / "out", train_data=tmp_path).status.trials.succeeded == 2


def test_paths_that_no_file_system_holds_are_refused(make_job: JobMaker, tmp_path: Path) -> None:
    """A loop of links, a name that is too long or no UTF-8: each is told with its flag."""
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path in (loop, tmp_path / ("x" * 300), Path("bad\udcff")):
        with pytest.raises(InvalidInputError, match="--output"):
            run_search(make_job(REPORT), output=path)
        with pytest.raises(InvalidInputError, match="DIR"):
            open_results(path)


def test_a_record_without_a_time_zone_is_damaged() -> None:
    """A time that cannot be compared with others is refused where it is read."""
    stored = {"trialName": "t", "attemptId": "0-0", "uid": "u", "started": "2024-01-01T00:00:00"}

    with pytest.raises(ValueError, match="time zone"):
        run_from_dict(stored)


def test_a_finished_search_does_not_grow(make_job: JobMaker, tmp_path: Path) -> None:
    """More trials on a finished search are refused, and its own command still says that it is finished."""
    run_search(make_job(REPORT, 2), output=tmp_path / "out")

    with pytest.raises(StateConflictError, match="finished with 2; for 4, give another --output"):
        run_search(make_job(REPORT, 4), output=tmp_path / "out")
    assert run_search(make_job(REPORT, 2, parallelTrials=3), output=tmp_path / "out").status.state == "Complete"
    assert json.loads((tmp_path / "out" / "job.json").read_text())["spec"]["maxTrials"] == 2


def test_an_unfinished_search_can_only_grow(make_job: JobMaker) -> None:
    """Less trials than before are refused with the rule."""
    old = make_job(REPORT, 4)
    old = old.replace(metadata=old.metadata.replace(uid="u", creation_timestamp=datetime.now(UTC)))

    with pytest.raises(StateConflictError, match="can only grow"):
        continued(old, make_job(REPORT, 3))
    assert continued(old, replace_max(old, 6)).spec.max_trials == 6


def replace_max(job, trials):
    return job.replace(spec=job.spec.replace(max_trials=trials))
