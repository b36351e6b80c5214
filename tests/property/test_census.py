"""The census that grows from snapshot to snapshot is the one that is counted from nothing."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from autosearch.api.meta import ObjectMeta
from autosearch.api.trial import Trial, TrialSpec, TrialStatus, Usage
from autosearch.engine.census import Census, LastCensus, fresh_census

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def a_trial(number: int, copy: int = 0) -> Trial:
    spec = TrialSpec(job_name="j", number=number, trial_id=f"0-{number}", parameters={"x": copy}, sampler="random")
    return Trial(metadata=ObjectMeta(name=f"j-0-{number}"), spec=spec)


def finished(trial: Trial, second: int, value: float | None) -> Trial:
    state = "Failed" if value is None else "Succeeded"
    usage = Usage(trial_seconds=1.0, gpu_seconds=2.0)
    time = BEGAN + timedelta(seconds=second)
    return trial.replace(status=TrialStatus(state=state, value=value, usage=usage, completion_time=time))


# What happens between two snapshots: kind, which trial, a value, and a jump of the clock, backwards too.
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["create", "run", "finish", "amend", "delete", "swap", "nothing"]),
        st.integers(0, 11),
        st.none() | st.floats(-5, 5),
        st.integers(-2, 3),
    ),
    max_size=40,
)


def figures(census: Census) -> object:
    tally = census.tally
    sums = (dict(tally.states), [t.name for t in tally.failed], tally.best, tally.improvements, tally.last_completion)
    return census.trials, census.unfinished, census.numbers, census.first_free, sums, tally.trial_seconds


def changed(trials: list[Trial], event: tuple, clock: int) -> list[Trial]:
    kind, which, value, _ = event
    at = which % len(trials) if trials else 0
    if kind == "create" and all(t.spec.number != which for t in trials):
        return [*trials, a_trial(which, copy=clock)]
    if not trials or kind == "nothing":
        return trials
    one, others = trials[at], [*trials[:at], *trials[at + 1 :]]
    if kind == "delete":
        return others
    if kind == "swap":
        return [*others, one]
    if kind == "finish" and not one.finished:
        one = finished(one, clock, value)
    elif kind == "run" and not one.finished:
        one = one.replace(status=one.status.replace(state="Running"))
    elif kind == "amend":
        one = one.replace(status=one.status.replace(output_removed=True))
    return [*trials[:at], one, *trials[at + 1 :]]


@given(EVENTS, st.booleans())
def test_a_census_that_follows_is_as_good_as_a_fresh_one(events: list[tuple], maximize: bool) -> None:
    """Whatever happens between two snapshots, the tables and sums are those of a count from nothing."""
    last, trials, clock = LastCensus(), [], 0
    for event in events:
        clock += event[3] or 1
        used = {t.status.completion_time for t in trials if t.finished}
        while BEGAN + timedelta(seconds=clock) in used:
            clock += 1
        trials = changed(trials, event, clock)
        census = last.of(tuple(trials), maximize=maximize)
        assert figures(census) == figures(fresh_census(trials, maximize=maximize))


def test_a_census_is_the_callers_own() -> None:
    """What a pass adds to its census is not in the next one."""
    last, trials = LastCensus(), (a_trial(0),)
    first = last.of(trials, maximize=True)
    first.hold(finished(trials[0], 1, 3.0))
    first.hold(a_trial(1))

    again = last.of(trials, maximize=True)
    assert again.tally.best is None
    assert list(again.trials) == list(again.unfinished) == ["j-0-0"]


def test_another_direction_is_another_census() -> None:
    """The best trial is the smallest one once the objective is minimised."""
    last = LastCensus()
    trials = (finished(a_trial(0), 1, 3.0), finished(a_trial(1), 2, 5.0))
    assert last.of(trials, maximize=True).tally.best is trials[1]
    assert last.of(trials, maximize=False).tally.best is trials[0]
