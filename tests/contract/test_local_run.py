"""Whole searches through the local shell, with real processes: good days, and the ends that people bring about."""

import os
import signal
import time
from itertools import pairwise
from pathlib import Path

import pytest
from tests.contract.conftest import JobMaker, RunnerMaker
from tests.contract.runners import REPORT, Runner, eventually, parameters_of, reasons_of

from autosearch.api.errors import StateConflictError
from autosearch.api.meta import find_condition
from autosearch.engine.names import job_id
from autosearch.local.descendants import children_of
from autosearch.local.live_view import LiveView
from autosearch.local.runner import open_results, run_search

SDK_SCRIPT = Path(__file__).parent / "scripts" / "contract_trial.py"


def test_script_of_the_contract_runs_unmodified(make_job: JobMaker, tmp_path: Path) -> None:
    """A strict argparse script that saves and reports as the contract says gives models, values and a best link."""
    job = make_job(["python", "contract_trial.py"], 3, arguments="Contract", framework="Sklearn", parallelTrials=2)
    done = run_search(job, output=tmp_path / "out", code=SDK_SCRIPT.parent)
    _, trials = open_results(tmp_path / "out")
    assert done.status.state == "Complete", [t.status.conditions for t in trials]
    assert [t.status.value for t in trials] == parameters_of(trials)
    assert [t.status.model_path for t in trials] == [f"{job_id(done)}/0-{n}" for n in range(3)]
    best = done.status.best
    assert best is not None
    assert best.value == max(parameters_of(trials))
    assert best.model_uri == str(tmp_path / "out" / "output" / str(best.model_path))
    assert (tmp_path / "out" / "best").resolve() == Path(best.model_uri)
    assert (tmp_path / "out" / "best" / "clf.pickle").read_text() == repr(best.value)


def test_pbt_hands_checkpoints_on(make_job: JobMaker, tmp_path: Path) -> None:
    """In a PBT search every later trial opens the checkpoint that its parent reported, and goes on from its weights."""
    algorithm = {"pbt": {"population": 3, "rounds": 3, "perturbInterval": 2, "quantile": 0.34}}
    job = make_job(["python", "contract_trial.py"], None, arguments="Contract", algorithm=algorithm)
    job.spec.template["spec"]["containers"][0]["env"] = [{"name": "WITH_PBT", "value": "1"}]
    done = run_search(job, output=tmp_path, code=SDK_SCRIPT.parent)
    _, trials = open_results(tmp_path)
    by_name = {trial.name: trial for trial in trials}
    assert done.status.trials.succeeded == 9
    for trial in trials:
        steps = (tmp_path / "output" / str(trial.status.checkpoint_path)).read_text().split()[0]
        inherited = 0
        if trial.spec.resume is not None:
            parent = by_name[trial.spec.resume.trial_name].status.checkpoint_path
            assert trial.spec.resume.checkpoint_path == parent
            inherited = int((tmp_path / "output" / str(parent)).read_text().split()[0])
        assert int(steps) == inherited + 2
        assert (trial.spec.round == 0) == (trial.spec.resume is None)


def test_never_more_than_wanted_side_by_side(make_job: JobMaker, tmp_path: Path) -> None:
    """Trials run side by side, and never more of them than `parallelTrials`."""
    marks = tmp_path / "marks"
    marks.mkdir()
    script = f"touch {marks}/$$$$; ls {marks} | wc -l; sleep 0.1; rm {marks}/$$$$; {REPORT}"
    run_search(make_job(script, 9, parallelTrials=3), output=tmp_path / "out")
    seen = [int(log.read_text()) for log in (tmp_path / "out" / "logs").glob("0-*.log")]
    assert max(seen) == 3


def test_target_ends_the_search(make_job: JobMaker, tmp_path: Path) -> None:
    """A trial that reaches the target ends the search and the trials that still run."""
    objective = {"metric": "acc", "direction": "Maximize", "target": 0.0}
    script = f"[ $AUTOSEARCH_TRIAL_ID = 0-1 ] && sleep 60; sleep 0.3; {REPORT}"
    done = run_search(make_job(script, 50, objective=objective, parallelTrials=2), output=tmp_path)
    _, trials = open_results(tmp_path)
    assert find_condition(done.status.conditions, "Complete").reason == "TargetReached"  # type: ignore[union-attr]  # it is there
    assert [t.status.state for t in trials] == ["Succeeded", "Stopped"]


def test_hopeless_trials_are_stopped_by_their_progress(make_job: JobMaker, tmp_path: Path) -> None:
    """Progress reports reach the stopping rule, whose answer tells the script to end."""
    program = (
        "import time\nfrom autosearch_sdk import report_progress\n"
        "for step in range(200):\n"
        "    time.sleep(0.05)\n"
        "    if report_progress(step, {'acc': -1.0}).stop:\n"
        "        print('told to stop')\n"
        "        break\n"
        "else:\n"
        "    raise SystemExit(9)\n"
    )
    job = make_job(["python", "-c", program], 1, earlyStopping={"threshold": {"lower": 0.0}})
    run_search(job, output=tmp_path)
    _, (trial,) = open_results(tmp_path)
    assert (trial.status.state, trial.status.value) == ("EarlyStopped", -1.0)
    assert (tmp_path / "logs" / "0-0.log").read_text() == "told to stop\n"


def test_progress_checkpoint_is_what_a_retry_starts_from(make_job: JobMaker, tmp_path: Path) -> None:
    """With `LastCheckpoint` a failed attempt's successor gets the checkpoint of the last progress report."""
    job = make_job(["python", "fails_after_checkpoint.py"], 1, arguments="None", retryFrom="LastCheckpoint")
    done = run_search(job, output=tmp_path, code=SDK_SCRIPT.parent)
    _, (trial,) = open_results(tmp_path)
    assert done.status.trials.succeeded == 1, trial.status.attempts
    assert trial.status.last_checkpoint_path == f"{job_id(done)}/0-0/last.ckpt"
    assert (tmp_path / "logs" / "0-0-r1.log").read_text() == "goes on after step 3\n"
    assert [o.step for o in trial.status.observations] == [3]


def test_suspended_search_ends_its_runs_and_goes_on_later(make_job: JobMaker, start: RunnerMaker) -> None:
    """A suspended job runs nothing and returns; without `suspend` the same search goes on."""
    assert start(make_job(REPORT, 2, suspend=True)).finish() == (0, "Suspended\n")
    assert start(make_job(REPORT, 2)).finish() == (0, "Complete\n")


def test_time_limit_of_a_trial(make_job: JobMaker, tmp_path: Path) -> None:
    """A trial over its time is ended, even one that ignores SIGTERM, and its reason says so."""
    job = make_job("trap '' TERM; sleep 60 & wait; sleep 60", 1, trialTimeoutSeconds=1, retries=0)
    done = run_search(job, output=tmp_path)
    _, trials = open_results(tmp_path)
    assert done.status.state == "Failed"
    assert reasons_of(trials) == [["TimedOut"]]
    assert trials[0].status.attempts[0].exit_code == 137


def test_listener_sees_the_search(make_job: JobMaker, tmp_path: Path) -> None:
    """The listener is shown running trials at most four times a second, and the end once, as the last view."""
    views: list[tuple[float, LiveView]] = []
    job = make_job(f"sleep 0.6; {REPORT}", 2)
    done = run_search(job, output=tmp_path, listener=lambda view: views.append((time.monotonic(), view)))
    assert [view.over for _, view in views] == [False] * (len(views) - 1) + [True]
    assert any(run.started for _, view in views for run in view.runs)
    assert views[-1][1].job == done
    times = [at for at, _ in views[:-1]]
    assert all(after - before > 0.2 for before, after in pairwise(times))


def test_failing_listener_leaves_nothing_behind(make_job: JobMaker, tmp_path: Path) -> None:
    """When the listener raises, as on a closed terminal, all trials end, and the search can go on."""
    with pytest.raises(BrokenPipeError):
        run_search(make_job("sleep 0.5; exit 1", 1), output=tmp_path, listener=_failing)
    assert run_search(make_job("sleep 0.5; exit 1", 1), output=tmp_path).status.state == "Failed"


def _failing(view: LiveView) -> None:
    if view.runs:
        raise BrokenPipeError


def test_first_sigint_lets_running_trials_finish(make_job: JobMaker, start: RunnerMaker) -> None:
    """After one Ctrl-C nothing new starts, what runs is awaited, and the exit code is 130; later the rest follows."""
    script = f"touch ../../../started-$AUTOSEARCH_TRIAL_ID; sleep 0.8; {REPORT}"
    job = make_job(script, 4, parallelTrials=2)
    runner = start(job)
    runner.wait_for("started-0-0", "started-0-1")
    runner.signal(signal.SIGINT)
    code, text = runner.finish()
    _, trials = open_results(runner.output)
    assert (code, text) == (
        130,
        "interrupted with 2 of 4 trials finished; run the same command again to go on from there\n",
    )
    assert reasons_of(trials) == [["Reported"], ["Reported"]]
    assert start(job).finish() == (0, "Complete\n")
    assert reasons_of(open_results(runner.output)[1]) == [["Reported"]] * 4


@pytest.mark.parametrize("signals", [[signal.SIGINT, signal.SIGINT], [signal.SIGTERM]], ids=["SIGINT twice", "SIGTERM"])
def test_second_sigint_ends_at_once(make_job: JobMaker, start: RunnerMaker, signals: list[signal.Signals]) -> None:
    """A second Ctrl-C, or SIGTERM, ends the trials now; they were interrupted, which uses up no retry."""
    script = f"touch ../../../started; [ -e ../../../quick ] || sleep 60; {REPORT}"
    job = make_job(script, 1, retries=0)
    runner = start(job)
    runner.wait_for("started")
    begun = time.monotonic()
    for number in signals:
        runner.signal(number)
        time.sleep(0.2)
    code, _ = runner.finish()
    assert code == 130
    assert time.monotonic() - begun < 4
    assert runner.orphans() == []
    assert reasons_of(open_results(runner.output)[1]) == [["Interrupted"]]
    (runner.output / "quick").touch()
    assert start(job).finish() == (0, "Complete\n")
    assert reasons_of(open_results(runner.output)[1]) == [["Interrupted", "Reported"]]


def test_impatience_is_heard(make_job: JobMaker, start: RunnerMaker) -> None:
    """A trial that ignores SIGTERM is killed at the third signal."""
    runner = start(make_job("trap '' TERM; touch ../../../started; while :; do sleep 1; done", 1))
    runner.wait_for("started")
    begun = time.monotonic()
    for _ in range(3):
        runner.signal(signal.SIGINT)
        time.sleep(0.2)
    assert runner.finish()[0] == 130
    assert time.monotonic() - begun < 3
    assert runner.orphans() == []


def test_two_runners_on_one_directory(make_job: JobMaker, start: RunnerMaker) -> None:
    """The second runner on an output directory is refused, naming the first's process id."""
    first = start(make_job("touch ../../../started; sleep 60", 1))
    first.wait_for("started")
    with pytest.raises(StateConflictError, match=rf"process {first.process.pid} is at work here"):
        run_search(make_job("exit 0", 1), output=first.output)


def test_kill_9_of_the_runner_leaves_no_process(make_job: JobMaker, start: RunnerMaker) -> None:
    """After SIGKILL of the runner nothing of its trials lives on, not even what moved to another session."""
    script = "setsid sleep 300 & trap '' TERM; touch ../../../started; while :; do sleep 1; done"
    runner = start(make_job(script, 1))
    runner.wait_for("started")
    assert len(runner.orphans()) >= 2
    runner.signal(signal.SIGKILL)
    eventually(lambda: runner.orphans() == [])


def test_kill_9_of_the_supervisor_costs_an_attempt_only(make_job: JobMaker, start: RunnerMaker) -> None:
    """After SIGKILL of the supervisor its trials are interrupted, and the search goes on without losing a retry."""
    script = f"touch ../../../started-$AUTOSEARCH_TRIAL_ID; [ $AUTOSEARCH_TRIAL_ID = 0-0 ] && sleep 60; {REPORT}"
    runner = start(make_job(script, 1, retries=0))
    runner.wait_for("started-0-0")
    supervisor = _supervisor_of(runner)
    assert supervisor is not None
    os.kill(supervisor, signal.SIGKILL)
    assert runner.finish() == (0, "Complete\n")
    assert reasons_of(open_results(runner.output)[1]) == [["Interrupted", "Reported"]]


def test_supervisor_that_is_killed_again_and_again(make_job: JobMaker, start: RunnerMaker) -> None:
    """When no supervisor stays alive the runner gives up with a reason, in place of trying for ever."""
    runner = start(make_job("sleep 60", 1, retries=0))
    eventually((runner.output / "runs").is_dir)
    while runner.process.poll() is None:
        if (supervisor := _supervisor_of(runner)) is not None:
            os.kill(supervisor, signal.SIGKILL)
        time.sleep(0.05)
    code, text = runner.finish()
    assert (code, text.split(":")[:2]) == (
        1,
        ["EnvironmentFaultError", " the process that starts the trials is killed again and again"],
    )
    assert runner.orphans() == []


def _supervisor_of(runner: Runner) -> int | None:
    for pid in children_of(runner.process.pid):
        try:
            if b"local.supervisor" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        except FileNotFoundError:
            continue
    return None
