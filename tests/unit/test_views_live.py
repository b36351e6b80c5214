"""Promises of the live progress."""

import io
import subprocess
import sys
from datetime import timedelta

import pytest
from rich.console import Console
from tests.unit.view_samples import START, still_running, tpe_search

from autosearch.api.meta import with_condition
from autosearch.engine.snapshot import Run
from autosearch.views.live import HEARTBEAT_SECONDS, LiveProgress
from autosearch.views.scoreboard import Scoreboard, seconds_left


@pytest.fixture(scope="module")
def search():
    """A finished search of 60 trials."""
    return tpe_search()


def at(seconds):
    """Give the moment that many seconds after the start."""
    return START + timedelta(seconds=seconds)


def console(**options):
    """Make a console that writes into a string."""
    return Console(file=io.StringIO(), width=80, **options)


def watched(search, moments):
    """Give the lines that a console without a terminal gets."""
    out = console()
    progress = LiveProgress(out)
    for second in moments:
        progress.update(*still_running(search, second), at(second))
    progress.finish(*search)
    return out.file.getvalue().splitlines()


def test_each_finished_trial_has_one_line(search):
    """Outside of a terminal each trial is told once, with its place, value and settings."""
    lines = [line for line in watched(search, range(0, 1700, 10)) if line.startswith("[")]
    assert len(lines) == 60
    assert [line.split("]")[0] for line in lines] == [f"[{i}/60" for i in range(1, 61)]
    assert sum("failed" in line for line in lines) == 3


def test_improvements_are_marked(search):
    """A trial that is the best so far says so, and each such value is better than the last."""
    lines = [line for line in watched(search, range(0, 1700, 2)) if "(best so far)" in line]
    values = [float(line.split("acc=")[1].split()[0]) for line in lines]
    assert values == sorted(values)
    assert values[-1] == 0.96454


def test_improvements_seen_in_one_look_are_each_marked(search):
    """However rarely somebody looks, the same trials are marked as those that were the best when they finished."""
    often = [line for line in watched(search, range(0, 1700, 2)) if "(best so far)" in line]
    rarely = [line for line in watched(search, [0, 1000, 1700]) if "(best so far)" in line]
    assert rarely == often
    assert len(often) > 3


def test_a_search_that_goes_on_does_not_tell_again_what_it_has(search):
    """Looked at for the first time with finished trials, a search says how many in one line."""
    lines = watched(search, [700, 701, 1000])
    assert lines[0] == "going on: 29 of 60 trials are finished"
    assert lines[1].startswith("[30/60]")


def test_the_wish_to_end_is_acknowledged_once_in_a_line(search):
    """Outside of a terminal the first Ctrl-C is answered with what a second one does."""
    out = console()
    progress = LiveProgress(out)
    for second in range(700, 720):
        progress.update(*still_running(search, 700), at(second), draining=second >= 705)
    assert out.file.getvalue().count("ending after the running trials; press Ctrl-C again to stop now") == 1


def test_a_narrow_terminal_shows_the_time_left_and_the_last_failure(search):
    """On 70 columns the estimate is not cut off, and the last failure is quoted with its trial."""
    out = Console(file=io.StringIO(), width=70, force_terminal=True, color_system=None)
    progress = LiveProgress(out)
    progress.update(*still_running(search, 1640), at(1640))
    text = out.file.getvalue()
    assert "<1 min left" in text
    assert "✗ trial 0-41 failed  out of memory" in text
    progress.finish(*search)


def test_silence_is_broken_by_a_heartbeat_but_not_more_often(search):
    """While nothing finishes there is a line every 30 seconds, and no more."""
    out = console()
    progress = LiveProgress(out)
    then = still_running(search, 40)
    for quarter in range(4 * 121):
        progress.update(*then, at(40 + quarter / 4))
    lines = out.file.getvalue().splitlines()
    assert len(lines) == 1 + 120 // HEARTBEAT_SECONDS
    assert all(line.startswith("0/60 trials finished, 4 running") for line in lines)


def test_waits_are_told_once_with_their_reason(search):
    """A run that waits says why, once, however often it is looked at."""
    out = console()
    progress = LiveProgress(out)
    job, trials = still_running(search, 40)
    wait = Run(trials[0].name, "0-0", reason="Unschedulable", message="0/3 nodes have nvidia.com/gpu")
    for second in range(5):
        progress.update(job, trials, at(40 + second), running=[wait])
    assert out.file.getvalue().count("waiting: Unschedulable: 0/3 nodes have nvidia.com/gpu") == 1


def test_the_jobs_own_wait_is_shown(search):
    """A job that cannot progress says why."""
    job, trials = still_running(search, 40)
    waits = with_condition((), "Progressing", "False", "Quota", "exceeded quota: 4 of 4 GPUs used", now=START)
    job = job.replace(status=job.status.replace(conditions=waits))
    out = console()
    LiveProgress(out).update(job, trials, at(41))
    assert "exceeded quota: 4 of 4 GPUs used" in out.file.getvalue()


def test_a_terminal_shows_bar_best_running_trials_and_what_they_reported(search):
    """The picture holds the counts, the best trial, each running trial with its last observation, and the time left."""
    out = console(force_terminal=True, color_system=None)
    progress = LiveProgress(out)
    progress.update(*still_running(search, 700), at(700), draining=True)
    text = out.file.getvalue()
    for part in ("29/60", "4 running", "1 failed", "11 min left", "★ acc 0.95849", "▸ 0-29", "step 6: 0.73817"):
        assert part in text
    assert "press Ctrl-C again to stop now" in text
    progress.finish(*search)
    assert "cifar-tpe: Complete" in out.file.getvalue()


def test_no_color_is_respected(search, monkeypatch):
    """With NO_COLOR in the environment no colour is written, even to a terminal."""
    monkeypatch.setenv("NO_COLOR", "1")
    out = console(force_terminal=True)
    progress = LiveProgress(out)
    progress.update(*still_running(search, 700), at(700))
    progress.finish(*search)
    assert not any(f"\x1b[3{colour}m" in out.file.getvalue() for colour in range(8))


def test_the_estimate_divides_the_rest_among_the_slots():
    """Twelve trials of ten seconds each, two of them half done, on two slots take another 55 seconds."""
    _, trials = tpe_search(12)
    scores = Scoreboard(maximize=True)
    scores.look(trials[:4])
    scores.seconds = 40.0
    assert seconds_left(scores, 16, 2, [5.0, 5.0]) == pytest.approx(55.0)
    assert seconds_left(scores, None, 2, []) is None
    assert seconds_left(scores, 4, 2, []) == 0.0
    assert seconds_left(Scoreboard(maximize=True), 16, 2, []) is None


def test_importing_the_views_of_a_terminal_does_not_import_rich():
    """`autosearch --help` must not pay for rich, plotly, Optuna or scikit-learn."""
    heavy = "{'rich', 'plotly', 'optuna', 'sklearn'}"
    views = "autosearch.views.live, autosearch.views.table, autosearch.views.report"
    code = f"import sys, {views}; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env_for_child())
    assert done.stdout.strip() == "set()"


def env_for_child():
    """Give an environment in which a child finds the package."""
    return {"PYTHONPATH": ":".join(path for path in sys.path if path)}
