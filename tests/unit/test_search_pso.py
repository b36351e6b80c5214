"""The particle swarm: the textbook's step, its horizon, and its walls."""

import dataclasses

import pytest
from tests.unit.search_samples import FLOATS, SIX, done, search_for, trial

from autosearch.search.pso import Pso
from autosearch.search.seeding import trial_random
from autosearch.search.simulation import bowl, simulate

X = FLOATS[:1]


def swarm(parameters=X, **settings):
    return search_for("pso", parameters, **{"population": 3, "rounds": 4, **settings})


def proposed(search, trials, slots=9):
    return {p.number: p for p in Pso().propose(search, trials, slots).trials}


def test_the_step_is_the_textbooks():
    """Inertia times the last move, plus random shares of the ways to the own and to the swarm's best point."""
    search = swarm(inertia=0.4, localAcceleration=1.2, globalAcceleration=0.7)
    trials = [
        done(trial(0, {"x": 0.30}), 0, 5.0),
        done(trial(1, {"x": 0.60}), 1, 1.0),
        done(trial(2, {"x": 0.90}), 2, 9.0),
        done(trial(3, {"x": 0.35}), 3, 7.0),
    ]
    rng = trial_random(search.seed, 6)
    local, swarms = rng.random(), rng.random()
    expected = 0.35 + 0.4 * (0.35 - 0.30) + 1.2 * local * (0.30 - 0.35) + 0.7 * swarms * (0.60 - 0.35)
    assert proposed(search, trials)[6].parameters["x"] == pytest.approx(expected, abs=1e-12)


def test_a_decision_sees_what_had_finished_and_no_more():
    """Later results, however good, change nothing; nor does a late question."""
    search = swarm()
    early = [done(trial(n, {"x": 0.2 + n / 5}), n, float(n + 1)) for n in (0, 1)] + [trial(2, {"x": 0.9})]
    late = [*early[:2], done(early[2], 2, -100.0)]
    then, now = proposed(search, early), proposed(search, late)
    assert sorted(then) == [3, 4]
    assert {n: then[n] for n in (3, 4)} == {n: now[n] for n in (3, 4)}
    assert [now[n].finished_seen for n in (3, 4, 5)] == [1, 2, 3]
    assert [(now[n].round, now[n].member) for n in (3, 4, 5)] == [(1, 0), (1, 1), (1, 2)]


def test_it_never_waits_for_the_slowest_particle():
    """A member whose trial runs for ever holds up only itself; the search is not exhausted meanwhile."""
    search = swarm()
    trials = {0: trial(0, {"x": 0.5})}
    for order in range(99):
        answer = Pso().propose(search, list(trials.values()), 2)
        if not answer.trials:
            break
        for p in answer.trials:
            trials[p.number] = done(
                trial(p.number, p.parameters, finished_seen=p.finished_seen), order * 2 + p.member, 1.0
            )
    assert sorted(trials) == [n for n in range(12) if n % 3 or n == 0]
    assert not answer.exhausted


def test_the_member_that_finished_first_goes_first():
    """Free slots go to the decisions in the order in which they fell, round 0 before all."""
    search = swarm()
    trials = [done(trial(1, {"x": 0.1}), 0, 1.0), done(trial(0, {"x": 0.2}), 1, 1.0)]
    assert [p.number for p in Pso().propose(search, trials, 2).trials] == [2, 4]
    assert Pso().propose(search, trials, 0).trials == ()


def test_a_failed_trial_is_never_a_best_point():
    """Its member flies on, pulled by the swarm alone; with failures only, by nothing."""
    search = swarm(inertia=0.5)
    failures = [done(trial(n, {"x": 0.5}), n, state="Failed") for n in range(3)]
    first = trial_random(search.seed, 0, "velocity").uniform(-0.1, 0.1)
    assert proposed(search, failures)[3].parameters["x"] == pytest.approx(0.5 + 0.5 * first)
    good = [done(trial(1, {"x": 0.9}), 0, 1.0), done(trial(0, {"x": 0.5}), 1, state="Failed")]
    assert proposed(search, good)[3].parameters["x"] > 0.5 + 0.5 * first


def test_a_wall_takes_the_speed():
    """Beyond the range a particle is set to its end, and its next move starts from what it really moved."""
    search = swarm(inertia=1.0)
    trials = [done(trial(0, {"x": 0.5}), 0, 2.0), done(trial(3, {"x": 1.0}), 1, 1.0)]
    # A move of 0.5 beyond the wall, then none: the best point, its own and the swarm's, is where it stands.
    assert proposed(search, trials)[6].parameters == {"x": 1.0}
    trials.append(done(trial(6, {"x": 1.0}), 2, 3.0))
    assert proposed(search, trials)[9].parameters == {"x": 1.0}


@pytest.mark.parametrize("maximize", [False, True])
def test_the_swarm_finds_the_best_point(maximize):
    """The last rounds are nearer to it than the first, in both directions."""
    for seed in range(4):
        search = search_for("pso", FLOATS, seed=seed, maximize=maximize, population=8, rounds=12)
        values = [abs(t.value) for t in simulate(Pso, search, bowl(search), parallel=4).trials]
        assert min(values[-16:]) < min(values[:16])


def test_initial_trials_are_the_first_members():
    """More of them than members go on in the next round, as their numbers say."""
    given = [{"x": x} for x in (0.1, 0.2, 0.3, 0.4)]
    search = search_for("pso", X, population=3, rounds=2, initial=given)
    answer = Pso().propose(search, [], 3).trials
    assert [(p.parameters, p.sampler) for p in answer] == [(point, "initial") for point in given[:3]]
    fourth = proposed(search, [done(trial(0, given[0]), 0, 1.0)])[3]
    assert (fourth.parameters, fourth.sampler) == (given[3], "initial")


def test_the_search_ends_with_its_rounds_or_its_points():
    """Rounds may grow; a finite space ends earlier."""
    search = swarm()
    trials = [done(trial(n, {"x": n / 20}), n, float(n)) for n in range(12)]
    assert Pso().propose(search, trials, 1).exhausted
    assert list(proposed(dataclasses.replace(search, settings=swarm(rounds=5).settings), trials)) == [12, 13, 14]
    assert len(simulate(Pso, swarm(SIX, population=4, rounds=5), lambda _: 1.0, parallel=2).trials) == 6
