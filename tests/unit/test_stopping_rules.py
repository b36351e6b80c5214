"""The stopping rules that look at one trial alone, and the way into all of them."""

import pytest
from tests.unit.stopping_samples import curve, make_search

from autosearch.api import algorithms as api
from autosearch.search.stopping import StoppingView, rungs, should_stop

NAN = float("nan")
RULES = [
    api.Median(startup_trials=0),
    api.Asha(),
    api.Hyperband(max_resource=27),
    api.Threshold(lower=0.0),
    api.Patience(steps=1),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_nothing_reported(rule):
    """A trial without observations goes on, and needs none kept."""
    search, others = make_search(), [curve(n, 0.1, 0.2, state="Succeeded") for n in range(5)]
    assert should_stop(search, rule, curve(9), [*others, curve(9)]) is None
    assert StoppingView(search, rule, others).steps_to_keep(curve(9)) == set()


class TestThreshold:
    """`threshold`: the bounds hold for the value as reported."""

    @pytest.mark.parametrize(
        ("value", "reason"),
        [
            (-0.5, "-0.5 at step 1 is below 0"),
            (1.5, "1.5 at step 1 is above 1"),
            (NAN, "the value at step 1 is not a number"),
            (0.0, None),
            (1.0, None),
        ],
    )
    def test_bounds(self, value, reason):
        """The last value is judged; on a bound is inside."""
        stop = should_stop(make_search(), api.Threshold(lower=0.0, upper=1.0), curve(0, 5.0, value), [])
        assert (stop and stop.reason) == reason
        assert stop is None or stop.step == 1

    def test_one_bound(self):
        """A bound that is not given holds nothing back."""
        assert should_stop(make_search(), api.Threshold(upper=1.0), curve(0, -1e9), []) is None
        assert should_stop(make_search(), api.Threshold(lower=1.0), curve(0, 1e9), []) is None

    def test_keeps_nothing(self):
        """Only the last observation is judged, so thinning may take any other."""
        view = StoppingView(make_search(), api.Threshold(lower=0.0), [])
        assert view.steps_to_keep(curve(0, 1.0, 2.0)) == set()


class TestPatience:
    """`patience`: no improvement for some reports."""

    @pytest.mark.parametrize(
        ("values", "stops"),
        [
            ((0.5, 0.4), False),
            ((0.5, 0.4, 0.4), True),
            ((0.5, 0.5, 0.5), True),
            ((0.5, 0.4, 0.6), False),
            ((0.3, 0.5, 0.4), False),
            ((0.5, NAN, NAN), True),
            ((NAN, NAN, NAN, NAN), False),
        ],
    )
    def test_two_reports(self, values, stops):
        """The trial stops after two reports that are not better than the best before, a flat curve included."""
        stop = should_stop(make_search(), api.Patience(steps=2), curve(0, *values), [])
        assert (stop is not None) == stops

    def test_direction(self):
        """To a minimised metric, falling is improving."""
        falling, rising = curve(0, 3.0, 2.0, 1.0), curve(0, 1.0, 2.0, 3.0)
        assert should_stop(make_search(maximize=False), api.Patience(steps=1), falling, []) is None
        assert should_stop(make_search(maximize=False), api.Patience(steps=1), rising, []) is not None

    @pytest.mark.parametrize("maximize", [True, False])
    def test_min_delta(self, maximize):
        """An improvement of `minDelta` or less is none, and the reason says so."""
        sign = 1 if maximize else -1
        rule, search = api.Patience(steps=1, min_delta=0.25), make_search(maximize)
        stop = should_stop(search, rule, curve(0, sign * 0.5, sign * 0.75), [])
        assert stop.reason == f"no improvement by more than 0.25 on {sign * 0.5:g} at step 0 in 1 reports"
        assert should_stop(search, rule, curve(0, sign * 0.5, sign * 0.76), []) is None

    def test_steps_to_keep(self):
        """The last reports and the best before them are kept."""
        view = StoppingView(make_search(), api.Patience(steps=2), [])
        assert view.steps_to_keep(curve(0, 0.1, 0.9, 0.2, 0.3, 0.4)) == {1, 3, 4}
        assert view.steps_to_keep(curve(0, 0.1)) == {0}


class TestMedian:
    """`median`: worse than the median of the succeeded ones at the same step."""

    OTHERS = tuple(curve(n, 0.1 * n, 0.2 * n, state="Succeeded") for n in range(1, 6))

    def test_reason(self):
        """The reason names the value, the step, the median and how many trials it is of."""
        stop = should_stop(make_search(), api.Median(), curve(9, 0.1, 0.31), self.OTHERS)
        assert stop.step == 1
        assert stop.reason == ("the best value 0.31 up to step 1 is worse than the median 0.6 of 5 trials at that step")

    def test_best_so_far_counts(self):
        """A trial that was once better than the median at this step goes on; so does one that equals it."""
        assert should_stop(make_search(), api.Median(), curve(9, 0.9, 0.0), self.OTHERS) is None
        assert should_stop(make_search(), api.Median(), curve(9, 0.0, 0.2 * 3), self.OTHERS) is None

    def test_direction(self):
        """To a minimised metric, more is worse."""
        assert should_stop(make_search(maximize=False), api.Median(), curve(9, 0.9), self.OTHERS) is not None
        assert should_stop(make_search(maximize=False), api.Median(), curve(9, 0.1), self.OTHERS) is None

    @pytest.mark.parametrize("rule", [api.Median(startup_trials=6), api.Median(warmup_steps=2)])
    def test_not_yet(self, rule):
        """Nothing is stopped before `startupTrials` have succeeded or `warmupSteps` have passed."""
        assert should_stop(make_search(), rule, curve(9, 0.0, 0.0), self.OTHERS) is None

    def test_only_succeeded_trials_count(self):
        """Running, failed and early-stopped trials do not make the median."""
        others = [curve(n, 9.0, 9.0, state=state) for n, state in enumerate(("Running", "Failed", "EarlyStopped"))]
        assert should_stop(make_search(), api.Median(startup_trials=0), curve(9, 0.0), others) is None

    def test_nan(self):
        """A trial that reported nothing but NaN is stopped; the NaN of others does not count."""
        stop = should_stop(make_search(), api.Median(), curve(9, NAN), self.OTHERS)
        assert stop.reason == "no value up to step 0 is a number"
        others = [*self.OTHERS, curve(6, NAN, NAN, state="Succeeded")]
        stop = should_stop(make_search(), api.Median(), curve(9, 0.0), others)
        assert "of 5 trials" in stop.reason

    def test_other_steps(self):
        """A trial without a report at the step counts with its last before, if it went on that far."""
        others = [curve(0, 0.5, 0.9, steps=(0, 10), state="Succeeded"), curve(1, 0.1, state="Succeeded")]
        rule = api.Median(startup_trials=1)
        stop = should_stop(make_search(), rule, curve(9, 0.2, steps=(7,)), others)
        assert "median 0.5 of 1 trials" in stop.reason
        assert should_stop(make_search(), rule, curve(9, 0.2, steps=(11,)), others) is None
        late = [curve(0, 0.9, steps=(10,), state="Succeeded"), curve(1, state="Succeeded")]
        assert should_stop(make_search(), rule, curve(9, 0.2, steps=(7,)), late) is None

    def test_steps_to_keep(self):
        """The best so far is kept."""
        view = StoppingView(make_search(), api.Median(), [])
        assert view.steps_to_keep(curve(0, 0.1, 0.9, 0.9, 0.3)) == {1}


class TestAsha:
    """`asha`: the best 1/reductionFactor at each rung go on."""

    def test_reason(self):
        """The reason names the place at the rung."""
        others = [curve(n, 0.0, 0.1 * n) for n in range(1, 6)]
        stop = should_stop(make_search(), api.Asha(), curve(9, 0.0, 0.31), others)
        assert stop.step == 1
        assert stop.reason == "0.31 at step 1 is in place 3 of 6 trials at rung 1, of which the best 1/3 go on"

    def test_between_rungs(self):
        """Only the first report at or past a rung is judged."""
        others = [curve(n, 0.0, 0.9, 0.9, 0.9) for n in range(5)]
        assert should_stop(make_search(), api.Asha(), curve(9, 0.0), others) is None
        assert should_stop(make_search(), api.Asha(), curve(9, 0.0, 0.95, 0.0), others) is None
        assert should_stop(make_search(), api.Asha(), curve(9, 0.0, 0.95, 0.0, 0.0), others) is not None

    def test_the_first_at_a_rung_goes_on(self):
        """The first trial at a rung has nobody to lose against, and the second goes on only if it is better."""
        assert should_stop(make_search(), api.Asha(), curve(9, 0.0, 0.0), []) is None
        assert should_stop(make_search(), api.Asha(), curve(9, 0.0, 0.1), [curve(1, 0.0, 0.2)]) is not None
        assert should_stop(make_search(), api.Asha(), curve(9, 0.0, 0.3), [curve(1, 0.0, 0.2)]) is None

    def test_direction(self):
        """To a minimised metric, less is better."""
        others = [curve(1, 0.0, 0.2)]
        assert should_stop(make_search(False), api.Asha(), curve(9, 0.0, 0.1), others) is None
        assert should_stop(make_search(False), api.Asha(), curve(9, 0.0, 0.3), others) is not None

    def test_nan(self):
        """NaN at a rung stops the trial, and does not count against others."""
        stop = should_stop(make_search(), api.Asha(), curve(9, 0.0, NAN), [])
        assert stop.reason == "the value at step 1 is not a number"
        assert should_stop(make_search(), api.Asha(), curve(9, 0.0, 0.1), [curve(1, 0.0, NAN)]) is None

    def test_rungs(self):
        """Rungs are minResource x reductionFactor^k, the same for every trial; other rules have none."""
        rule = api.Asha(min_resource=2, reduction_factor=4)
        assert rungs(make_search(), rule, 7)[:4] == (2, 8, 32, 128)
        assert max(rungs(make_search(), api.Asha(reduction_factor=2), 7)) < 2**31
        assert rungs(make_search(), api.Median(), 7) == ()

    def test_a_jump_over_several_rungs(self):
        """A report that passes several rungs at once is judged at each of them, and may go on past all."""
        behind, ahead = curve(1, 0.1, steps=(3,)), curve(2, 0.9, steps=(3,))
        assert should_stop(make_search(), api.Asha(), curve(9, 0.5, steps=(5,)), [behind]) is None
        stop = should_stop(make_search(), api.Asha(), curve(9, 0.5, steps=(5,)), [behind, ahead])
        assert stop.reason.startswith("0.5 at step 5 is in place 2 of 3 trials at rung 1")

    def test_steps_to_keep(self):
        """The first report at or past each rung is kept."""
        view = StoppingView(make_search(), api.Asha(), [])
        assert view.steps_to_keep(curve(0, *[0.5] * 5, steps=(0, 2, 3, 5, 12))) == {2, 3, 12}


class TestHyperband:
    """`hyperband`: contests in brackets."""

    RULE = api.Hyperband(max_resource=27)

    def test_brackets(self):
        """Brackets differ in their first rung; none has a rung at maxResource, where nothing is left to save."""
        found = {rungs(make_search(), self.RULE, number) for number in range(200)}
        assert found == {(1, 3, 9), (3, 9), (9,), ()}

    def test_whole_numbers(self):
        """243 steps make six brackets: the count is not at the mercy of a logarithm."""
        rule = api.Hyperband(max_resource=243)
        assert len({rungs(make_search(), rule, number) for number in range(500)}) == 6

    def test_only_the_bracket_counts(self):
        """Trials of another bracket do not count at a shared rung."""
        search = make_search()
        of = {number: rungs(search, self.RULE, number) for number in range(60)}
        mine, same = [n for n, found in of.items() if found == (3, 9)][:2]
        other = next(n for n, found in of.items() if found == (1, 3, 9))
        trial, better = curve(mine, *[0.1] * 4), [0.9] * 4
        assert should_stop(search, self.RULE, trial, [curve(other, *better)]) is None
        assert "rung 3" in should_stop(search, self.RULE, trial, [curve(same, *better)]).reason
        assert StoppingView(search, self.RULE, []).steps_to_keep(trial) == {3}
