"""Progress reports on their way to the disk: soon where a rule judges, seldom everywhere else."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.contract.conftest import JobMaker

from autosearch.api.job import AutoSearchJob
from autosearch.api.meta import ObjectMeta
from autosearch.api.trial import Trial, TrialSpec
from autosearch.engine.names import trial_name
from autosearch.local.progress import Progress
from autosearch.local.state import State
from autosearch.local.store import Store
from autosearch.reporting.messages import ProgressReport


def _progress(job: AutoSearchJob, folder: Path) -> tuple[State, Progress, list[float]]:
    """Give a running trial's progress, and what grows with each write of it."""
    store = Store(folder)
    store.prepare()
    state = State.open(store, job)
    spec = TrialSpec(job_name="job", number=0, trial_id="0-0", parameters={"x": 0.5}, sampler="random")
    trial = Trial(metadata=ObjectMeta(name=trial_name(state.job, "0-0")), spec=spec)
    state.create_trial(trial, datetime.now(UTC))
    writes: list[float] = []
    return state, Progress(state, trial, writes.append), writes


def _last_stored(state: State) -> int:
    (trial,) = state.trials.values()
    return trial.status.observations[-1].step


@pytest.mark.parametrize(
    ("rule", "rungs"),
    [
        ({"asha": {"minResource": 3, "reductionFactor": 3}}, [3, 9, 27, 81]),
        ({"hyperband": {"minResource": 4, "maxResource": 10, "reductionFactor": 3}}, [4]),
        ({"median": {}}, []),
    ],
    ids=["asha", "hyperband", "median"],
)
def test_first_report_at_a_rung_is_written_at_once(
    make_job: JobMaker, tmp_path: Path, rule: dict[str, Any], rungs: list[int]
) -> None:
    """A hundred reports at once are few writes: the first one, and each that is the first at a rung."""
    state, progress, writes = _progress(make_job(earlyStopping=rule), tmp_path)
    written = []
    for step in range(1, 101):
        before = len(writes)
        progress.take(ProgressReport(step, {"acc": 0.5}))
        if len(writes) > before:
            assert _last_stored(state) == step
            written.append(step)
    assert written == [1, *rungs]
    assert progress.due is not None


def test_report_without_the_objective_reaches_no_rung(make_job: JobMaker, tmp_path: Path) -> None:
    """A rung is judged by the objective: the first report that has it counts, however many came before."""
    state, progress, _ = _progress(make_job(earlyStopping={"asha": {"minResource": 2}}), tmp_path)
    for step, name in enumerate(["acc", "loss", "loss", "acc"], start=1):
        progress.take(ProgressReport(step, {name: 0.5}))
        assert _last_stored(state) == (4 if step == 4 else 1)


def test_steps_that_come_again_are_no_reason_to_write(make_job: JobMaker, tmp_path: Path) -> None:
    """A script that repeats a step, or goes back, cannot make the disk busy."""
    _, progress, writes = _progress(make_job(earlyStopping={"asha": {"minResource": 2}}), tmp_path)
    for step in (2, 2, 1, 2, 1, 2):
        progress.take(ProgressReport(step, {"acc": 0.5}))
    assert len(writes) == 1
