"""Promises of the wording that all views share."""

from datetime import timedelta

import pytest
from tests.unit.view_samples import START, TPE_PARAMETERS, TRACEBACK, attempt, stamp, tpe_search, trial_of

from autosearch.api.parameters import Parameter
from autosearch.engine.ending import BROKEN_REASONS
from autosearch.views import wording

PARAMETERS = [Parameter.from_dict(data) for data in TPE_PARAMETERS]
POINT = {"lr": 0.000123456, "layers": 3, "batch_size": 64, "optimizer": "adam", "dropout": 0.5, "use_bn": True}


def ended(state, **status):
    """Make a trial that has ended."""
    base = {"state": state, "startTime": stamp(0), "completionTime": stamp(9), "attemptCount": 1}
    return trial_of("job", 0, "0-0", {"parameters": POINT}, base | status)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "\N{EN DASH}"),
        (0.96454321, "0.96454"),
        (1234567.0, "1,234,567"),
        (-3.0, "-3"),
        (1.234e-9, "1.234e-09"),
        (1e300, "1e+300"),
        (float("nan"), "\N{EN DASH}"),
    ],
)
def test_numbers_are_written_for_people(value, text):
    """A number has five digits at most, thousands are grouped, and what is no number is a dash."""
    assert wording.number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (9.94, "9.9 s"), (12.4, "12 s"), (185, "3 min 05 s"), (7800, "2 h 10 min"), (273600, "3 d 4 h")],
)
def test_durations_have_at_most_two_units(seconds, text):
    """A length of time is written with at most two units."""
    assert wording.duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0.4s"), (42, "42s"), (185, "3:05"), (7805, "2:10:05")])
def test_the_clock_form_is_short(seconds, text):
    """In tables a length of time looks like a clock."""
    assert wording.clock(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(20, "less than a minute"), (1030, "17 min"), (10_000, "3 h"), (260_000, "3 d")]
)
def test_an_estimate_pretends_no_precision(seconds, text):
    """An estimated length of time has one unit."""
    assert wording.roughly(seconds) == text


def test_values_have_the_text_of_their_declared_kind():
    """The exact text is what the script saw; the short one differs in the digits of floats only."""
    exact = [wording.exact(p, POINT[p.name]) for p in PARAMETERS]
    assert exact == ["0.000123456", "3", "64", "adam", "0.5", "True"]
    assert wording.assignments(PARAMETERS, POINT) == (
        "lr=0.0001235 layers=3 batch_size=64 optimizer=adam dropout=0.5 use_bn=True"
    )


def test_a_value_that_no_longer_fits_is_shown_as_it_is():
    """A choice that was removed from the declaration does not break the view."""
    assert wording.exact(PARAMETERS[3], "lion") == "lion"


def test_domains_are_described():
    """Every kind of parameter says in words what values it may take."""
    assert [wording.domain_text(parameter) for parameter in PARAMETERS] == [
        "0.0001 to 0.1, log",
        "1 to 8",
        "32, 64, 128, 256",
        "adam, sgd, rmsprop",
        "0 to 0.6",
        "True, False",
    ]


def test_a_crash_is_explained_by_the_last_line_of_its_log():
    """The reason of a failed trial says what happened, the exit code, and the last line of the log."""
    run = attempt("0-0", 0, 9, "ScriptFailed", message=TRACEBACK, exitCode=1)
    reason = wording.why(ended("Failed", attempts=[run]))
    assert reason.startswith("the script failed (exit code 1): RuntimeError: CUDA out of memory")


def test_running_out_of_memory_is_said_in_words():
    """`OOMKilled` with exit code 137 is called out of memory, without the code."""
    run = attempt("0-0", 0, 9, "OOMKilled", exitCode=137)
    assert wording.why(ended("Failed", attempts=[run])) == "out of memory"


# What the engine and the local runner write, beside what the engine's own tables hold.
WRITTEN = {"Reported", "ScriptFailed", "Diverged", "TimedOut", "EarlyStopped", "SearchEnded"}
WRITTEN |= {"Suspended", "Interrupted", "Lost", "OOMKilled", "DirectoryExists", *BROKEN_REASONS}


@pytest.mark.parametrize("reason", sorted(WRITTEN))
def test_every_reason_that_is_written_is_said_in_words(reason):
    """A reason of an attempt is told in words, not as the one word for programs."""
    assert wording.REASON_WORDS[reason][0].islower()


def test_a_failure_keeps_its_reason_whatever_the_log_says_last():
    """The engine's condition ends with the log's last line; how the script ended is told before it."""
    message = "the script ended with exit code 0 but never reported\nepoch 9: saved"
    said = {"type": "Failed", "status": "True", "lastTransitionTime": stamp(9), "reason": "NoReport"}
    run = attempt("0-0", 0, 9, "NoReport", message=message, exitCode=0)
    trial = ended("Failed", attempts=[run], conditions=[said | {"message": message}])
    assert wording.why(trial) == "ended without a report: epoch 9: saved"


def test_an_early_stop_is_explained_by_its_final_condition():
    """The engine ends an early stop as `Complete` with the rule's sentence."""
    said = {"type": "Complete", "status": "True", "lastTransitionTime": stamp(9), "reason": "EarlyStopped"}
    trial = ended("EarlyStopped", conditions=[said | {"message": "0.3 at step 4 is worse than the median"}])
    assert wording.why(trial) == "0.3 at step 4 is worse than the median"


def test_a_condition_wins_over_the_attempt():
    """Where the trial's condition explains the end, its message is the reason."""
    said = {"type": "StopRequested", "status": "True", "lastTransitionTime": stamp(8), "reason": "Median"}
    trial = ended("EarlyStopped", conditions=[said | {"message": "0.3 at step 4 is worse than the median"}])
    assert wording.why(trial) == "0.3 at step 4 is worse than the median"


def test_a_success_needs_no_reason():
    """A succeeded trial has no reason, whatever its attempts say."""
    run = attempt("0-0", 0, 9, "Reported", message="crashed at exit", exitCode=139)
    assert wording.why(ended("Succeeded", value=0.5, attempts=[run])) == ""


def test_run_time_is_that_of_all_attempts():
    """Time between two attempts is not run time; an attempt under way counts until now."""
    runs = [attempt("0-0", 0, 10, "Evicted"), attempt("0-0-r1", 40, None)]
    trial = trial_of("job", 0, "0-0", {"parameters": POINT}, {"state": "Running", "attempts": runs})
    assert wording.run_seconds(trial, START + timedelta(seconds=45)) == pytest.approx(15)


def test_a_trial_that_never_started_has_no_run_time():
    """Without a start there is no run time, rather than zero."""
    trial = trial_of("job", 0, "0-0", {"parameters": POINT}, {"state": "Pending"})
    assert wording.run_seconds(trial, START) is None


def test_the_samples_are_believable():
    """The samples hold what the views must cope with: successes, failures, early stops."""
    _, trials = tpe_search()
    assert {trial.status.state for trial in trials} == {"Succeeded", "Failed", "EarlyStopped"}
