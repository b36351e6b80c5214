"""How progress reports are kept: bounded, even, and never changing what was decided."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from autosearch.api.trial import TrialStatus
from autosearch.engine.advice import advice
from autosearch.engine.observations import with_observation

RUNNING = TrialStatus(state="Running")


def after(steps, keep=()):
    status = RUNNING
    for step in steps:
        status = with_observation(status, step, {"acc": step / 10}, "", keep)
    return status


def test_the_first_value_of_a_step_wins():
    """A resumed run that repeats steps cannot change them."""
    status = after([1, 2])

    assert with_observation(status, 2, {"acc": 9.0}) is status
    assert with_observation(status, 1, {"acc": 9.0}) is status


def test_a_checkpoint_is_remembered_even_of_a_repeated_step():
    """The newest checkpoint is the one to go on from."""
    status = with_observation(after([1, 2]), 2, {"acc": 9.0}, "job/0-0/c2")

    assert (status.last_checkpoint_path, len(status.observations)) == ("job/0-0/c2", 2)


@given(st.lists(st.integers(0, 100_000), unique=True, max_size=400), st.sets(st.integers(0, 1000), max_size=20))
def test_at_most_a_hundred_are_kept_and_the_ends_with_them(steps, keep):
    """However many reports come, a hundred stay: the first, the last, and those that a rule needs."""
    steps = sorted(steps)
    kept = [observation.step for observation in after(steps, keep).observations]

    assert len(kept) <= 100
    assert kept == sorted(kept)
    assert kept[:1] + kept[-1:] == steps[:1] + steps[-1:]
    firsts = {next((step for step in steps if step >= wanted), None) for wanted in keep} - {None}
    assert firsts <= set(kept)


def test_the_kept_ones_are_spread_evenly():
    """Of a thousand steps no stretch is forgotten."""
    kept = [observation.step for observation in after(range(1000)).observations]

    assert max(b - a for a, b in itertools.pairwise(kept)) <= 20


def test_if_everything_is_needed_the_newest_still_comes_in():
    """Room is made even if a rule asks for every step."""
    kept = [observation.step for observation in after(range(120), range(120)).observations]

    assert (len(kept), kept[-1]) == (100, 119)


def test_advice_names_the_likely_fix():
    """The last lines of a log lead to a sentence that helps."""
    assert "add it with parser.add_argument" in advice("UsageError", 2, "error: unrecognized arguments: --lr=1")
    assert "type that cannot read" in advice("UsageError", 2, "argument --n: invalid int value: '5.0'")
    assert "`torch` is not installed" in advice("ScriptFailed", 1, "ModuleNotFoundError: No module named 'torch'")
    assert "command was not found" in advice("CommandNotFound", 127, "")
    assert "signal 9" in advice("ScriptFailed", 137, "")
    assert "exit code 3" in advice("ScriptFailed", 3, "")


def test_advice_for_missing_data_names_the_flag():
    """A script that does not find its data is told how to give it."""
    log = "FileNotFoundError: [Errno 2] No such file or directory: './train_data/digits.npz'"

    assert "there is no ./train_data/digits.npz: give the data's folder" in advice("ScriptFailed", 1, log)
    assert "--code DIR" in advice("UsageError", 2, "python: can't open file '/w/trian.py': [Errno 2] No such file")
