"""PBT as a pure function of the trial list, in a simulated cluster with bad days."""

import random
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autosearch.api import algorithms as api
from autosearch.api.parameters import Parameter
from autosearch.search.pbt import Pbt, checkpoints_needed
from autosearch.search.records import Proposal, Search, TrialRecord, finished_in_order
from autosearch.search.space import SearchSpace

MODES = ("Asynchronous", "Synchronous")
SPACE = SearchSpace.of(
    [
        Parameter.from_dict({"name": "lr", "float": {"min": 1e-4, "max": 0.1, "scale": "Log"}}),
        Parameter.from_dict({"name": "layers", "int": {"min": 1, "max": 8}}),
        Parameter.from_dict({"name": "kernel", "categorical": {"choices": ["a", "b"]}}),
    ]
)


def make_search(population=8, rounds=10, mode="Asynchronous", seed=1, quantile=0.25, maximize=True, **more):
    """A search over three parameters."""
    rule = api.Pbt(population=population, rounds=rounds, mode=mode, quantile=quantile)
    return Search("job", SPACE, "pbt", rule, maximize, seed, population * rounds, **more)


def record(number, population, value=None, *, state="Succeeded", stamp=None, checkpoint=None, parameters=None):
    """A trial; finished if it has a stamp."""
    return TrialRecord(
        f"t-{number}",
        number,
        state,
        parameters or SPACE.draw(random.Random(number)),
        round=number // population,
        member=number % population,
        value=value,
        completion=None if stamp is None else f"{stamp:09d}",
        checkpoint=f"c/{number}" if checkpoint is None else checkpoint,
    )


@dataclass
class Cluster:
    """Trials and their processes in simulated time; `rng` decides what goes wrong."""

    search: Search
    rng: random.Random
    slots: int = 8
    fails: float = 0.1
    trials: dict[int, TrialRecord] = field(default_factory=dict)
    decided: dict[int, Proposal] = field(default_factory=dict)
    clock: int = 0
    deleted: set[str] = field(default_factory=set)
    clean: bool = False

    @property
    def alive(self):
        """Trials that have not finished."""
        return [t for t in self.trials.values() if not t.finished]

    def seen(self):
        """The list as a pass may get it: in any order, some trials twice, one of the copies stale."""
        shown = list(self.trials.values())
        stale = [replace(t, state="Running", value=None, completion=None, checkpoint="") for t in shown]
        shown += self.rng.sample(stale, self.rng.randint(0, min(3, len(stale))))
        self.rng.shuffle(shown)
        return shown

    def reconcile(self):
        """One pass, which may crash between two creations; nothing of an answer is kept but what was created."""
        answer = Pbt().propose(self.search, self.seen(), self.slots - len(self.alive))
        created = answer.trials[: self.rng.randint(0, len(answer.trials))] if self.rng.random() < 0.3 else answer.trials
        for proposal in created:
            assert proposal.number not in self.trials
            assert proposal.resume is None or proposal.resume[1] not in self.deleted
            self.decided[proposal.number] = proposal
            self.trials[proposal.number] = TrialRecord(
                f"t-{proposal.number}",
                proposal.number,
                "Running",
                proposal.parameters,
                proposal.round,
                proposal.member,
                finished_seen=proposal.finished_seen,
            )
        return answer

    def finish_one(self):
        """A running trial ends: well, failed for good, stopped, without a checkpoint, or with NaN."""
        trial = self.rng.choice(self.alive)
        self.clock += 1
        # Two may end in the same microsecond as far as the record shows; the number orders them then.
        stamp = f"{self.clock:09d}"
        ended = replace(
            trial, state="Succeeded", value=self.rng.choice([0.1, 0.5, self.rng.random()]), completion=stamp
        )
        ended = replace(ended, checkpoint=f"c/{trial.number}")
        if self.rng.random() < self.fails:
            ended = self.rng.choice(
                [
                    replace(ended, state="Failed", value=None, checkpoint=""),
                    replace(ended, state="Stopped", value=None),
                    replace(ended, checkpoint=""),
                    replace(ended, value=float("nan")),
                ]
            )
        self.trials[trial.number] = ended

    def sweep(self):
        """Delete every checkpoint that is not said to be needed."""
        kept = checkpoints_needed(self.search, self.seen())
        self.deleted |= {t.checkpoint for t in self.trials.values() if t.finished and t.checkpoint} - kept
        return kept

    def run(self):
        """Go on until the search is exhausted and nothing runs."""
        for _ in range(20_000):
            answer = self.reconcile() if self.rng.random() < 0.7 else None
            if self.clean and self.rng.random() < 0.5:
                self.sweep()
            if self.alive:
                for _ in range(self.rng.randint(1, min(3, len(self.alive)))):
                    if self.alive:
                        self.finish_one()
            elif answer is not None and answer.exhausted:
                return self
        raise AssertionError("the search does not end")


def check_lineage(cluster):
    """Each resume is the parent's own reported checkpoint, and one who takes over takes a strictly better one."""
    search, population = cluster.search, cluster.search.settings.population
    by_name = {t.name: t for t in cluster.trials.values()}
    for number, proposal in cluster.decided.items():
        own = cluster.trials.get(number - population)
        assert (proposal.round, proposal.member) == divmod(number, population)
        assert search.space.contains(proposal.parameters)
        if proposal.operation in ("Init", "Restart"):
            assert proposal.resume is None
            continue
        parent = by_name[proposal.resume[0]]
        assert parent.state == "Succeeded" and proposal.resume[1] == parent.checkpoint == f"c/{parent.number}"
        assert proposal.parameters == parent.parameters or proposal.operation == "Exploit"
        if proposal.operation == "Continue":
            assert parent is own
        else:
            assert parent is not own and search.space.key(proposal.parameters) != search.space.key(parent.parameters)
            good = own.state == "Succeeded" and own.checkpoint and own.value == own.value
            assert not good or search.better(parent.value, own.value)


def check_replay(cluster):
    """Each decision is found again from the final list, and from the trials that it says it had seen."""
    trials = list(cluster.trials.values())
    finished = finished_in_order(trials)
    for number, proposal in cluster.decided.items():
        rest = [t for t in trials if t.number != number]
        from_final = Pbt().propose(cluster.search, rest, 10**6).trials
        assert [p for p in from_final if p.number == number] == [proposal]
        from_seen = Pbt().propose(cluster.search, finished[: proposal.finished_seen], 10**6).trials
        assert [p for p in from_seen if p.number == number] == [proposal]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(4))
def test_eight_members_ten_rounds(mode, seed):
    """All 80 trials run through crashes, late passes and failures, and none of the decisions differs on replay."""
    search = make_search(mode=mode, seed=seed, maximize=seed % 2 == 0)
    cluster = Cluster(search, random.Random(seed), clean=True).run()
    assert sorted(cluster.trials) == list(range(80))
    check_lineage(cluster)
    check_replay(cluster)
    operations = {p.operation for p in cluster.decided.values()}
    assert operations >= {"Init", "Continue", "Exploit"}


@settings(max_examples=40, deadline=None)
@given(
    population=st.integers(1, 7),
    rounds=st.integers(1, 5),
    slots=st.integers(1, 9),
    quantile=st.sampled_from([0.1, 0.25, 0.5]),
    mode=st.sampled_from(MODES),
    fails=st.sampled_from([0.0, 0.3, 1.0]),
    seed=st.integers(0, 10**6),
)
def test_any_population(population, rounds, slots, quantile, mode, fails, seed):
    """Every search ends with population x rounds trials, whatever fails, and its decisions are reproduced."""
    search = make_search(population, rounds, mode, seed, quantile)
    cluster = Cluster(search, random.Random(seed), slots, fails, clean=True).run()
    assert sorted(cluster.trials) == list(range(population * rounds))
    check_lineage(cluster)
    check_replay(cluster)


@settings(max_examples=30, deadline=None)
@given(mode=st.sampled_from(MODES), seed=st.integers(0, 10**6), grown=st.integers(1, 3))
def test_checkpoints_needed_by_a_grown_search(mode, seed, grown):
    """No decision ever needs a deleted checkpoint, also when `rounds` grows after the last trial has ended."""
    cluster = Cluster(make_search(4, 3, mode, seed), random.Random(seed), 4, 0.2, clean=True).run()
    cluster.sweep()
    cluster.search = make_search(4, 3 + grown, mode, seed)
    cluster.run()
    assert sorted(cluster.trials) == list(range(4 * (3 + grown)))
    check_lineage(cluster)


def test_few_checkpoints_are_kept():
    """With nothing failing, eight members need at most two checkpoints each."""
    cluster = Cluster(make_search(), random.Random(3), fails=0.0)
    kept = []
    while not cluster.reconcile().exhausted:
        cluster.finish_one()
        kept.append(len(cluster.sweep()))
    assert max(kept) <= 16


def test_trials_deleted_by_hand_come_again():
    """A missing trial is proposed again as it was, and nobody waits for it meanwhile."""
    search = make_search(population=2, rounds=3)
    trials = [record(n, 2, 0.1 * n, stamp=n + 1) for n in range(4)]
    del trials[2]
    answer = Pbt().propose(search, trials, 10)
    assert [p.number for p in answer.trials] == [2, 5]
    assert not answer.exhausted
    assert [p.number for p in Pbt().propose(search, trials, 1).trials] == [2]
    assert Pbt().propose(search, trials, 0).trials == ()


def test_horizon():
    """A decision does not change with what finishes after the member's own trial."""
    search = make_search(population=2, rounds=3, quantile=0.5)
    early = [record(0, 2, 0.1, stamp=1), record(1, 2, state="Running")]
    first = Pbt().propose(search, early, 9).trials
    later = [early[0], record(1, 2, 0.9, stamp=2)]
    assert Pbt().propose(search, later, 9).trials[0] == first[0]
    assert first[0].operation == "Continue" and first[0].finished_seen == 1
    assert [p.finished_seen for p in Pbt().propose(search, later, 9).trials] == [1, 2]


def test_own_trial_run_again_after_its_successor():
    """A trial that was deleted by hand and ended again, after its successor, is still its member's own in the view."""
    search = make_search(population=2, rounds=4, quantile=0.5)
    trials = [record(0, 2, 0.5, stamp=9), record(1, 2, 0.1, stamp=2), record(4, 2, 0.7, stamp=5)]
    trials += [record(3, 2, 0.2, stamp=8), record(6, 2, 0.2, state="Running")]
    again = {p.number: p for p in Pbt().propose(search, trials, 9).trials}
    assert again[2].resume == ("t-0", "c/0") and again[2].operation == "Continue"
    assert again[5].resume == ("t-4", "c/4") and again[5].operation == "Exploit"


def test_synchronous_waits_for_the_round():
    """With the barrier nothing is proposed until the whole round has finished, then all of the next at once."""
    search = make_search(population=3, rounds=2, mode="Synchronous")
    trials = [record(0, 3, 0.1, stamp=1), record(1, 3, 0.2, stamp=2), record(2, 3, state="Running")]
    assert Pbt().propose(search, trials, 9).trials == ()
    trials[2] = record(2, 3, None, state="Failed", stamp=3, checkpoint="")
    found = Pbt().propose(search, trials, 9).trials
    assert [(p.number, p.operation, p.finished_seen) for p in found] == [
        (3, "Continue", 3),
        (4, "Continue", 3),
        (5, "Exploit", 3),
    ]
    assert found[2].resume == ("t-1", "c/1")


def test_ties_are_left_alone():
    """Equal values: nobody takes over from an equal one."""
    search = make_search(population=4, rounds=2, quantile=0.5)
    trials = [record(n, 4, 0.5, stamp=n + 1) for n in range(4)]
    assert {p.operation for p in Pbt().propose(search, trials, 9).trials} == {"Continue"}


@pytest.mark.parametrize("maximize", [True, False])
def test_direction(maximize):
    """The worse of two takes over the better, in both directions."""
    search = make_search(population=2, rounds=2, mode="Synchronous", quantile=0.5, maximize=maximize)
    trials = [record(0, 2, 0.1, stamp=1), record(1, 2, 0.9, stamp=2)]
    operations = [p.operation for p in Pbt().propose(search, trials, 9).trials]
    assert operations == (["Exploit", "Continue"] if maximize else ["Continue", "Exploit"])


def test_a_failed_member_without_a_better_one_starts_anew():
    """A single member that failed is drawn again, without weights; a population of one never exploits."""
    search = make_search(population=1, rounds=3)
    failed = record(0, 1, None, state="Failed", stamp=1, checkpoint="")
    (again,) = Pbt().propose(search, [failed], 1).trials
    assert again.operation == "Restart" and again.resume is None
    (going,) = Pbt().propose(search, [record(0, 1, 0.3, stamp=1)], 1).trials
    assert going.operation == "Continue"


def test_more_failures_than_the_quantile():
    """All failed members take over a usable one, however few the quantile would replace."""
    search = make_search(population=8, rounds=2, mode="Synchronous", quantile=0.1)
    trials = [record(n, 8, None, state="Failed", stamp=n + 1, checkpoint="") for n in range(7)]
    trials.append(record(7, 8, 0.1, stamp=8))
    found = Pbt().propose(search, trials, 9).trials
    assert [p.operation for p in found] == ["Exploit"] * 7 + ["Continue"]
    assert {p.resume for p in found} == {("t-7", "c/7")}


def test_a_value_without_a_checkpoint_is_no_source():
    """The best value is passed over when its trial reported no checkpoint, and its own member takes over another."""
    search = make_search(population=2, rounds=2, mode="Synchronous", quantile=0.5)
    trials = [record(0, 2, 0.9, stamp=1, checkpoint=""), record(1, 2, 0.1, stamp=2)]
    found = Pbt().propose(search, trials, 9).trials
    assert [(p.operation, p.resume) for p in found] == [("Exploit", ("t-1", "c/1")), ("Continue", ("t-1", "c/1"))]


def test_initial_trials_come_first():
    """The user's own sets fill the first members, in the declared types; the others are drawn from the prior."""
    given_set = {"lr": 1e-3, "layers": 2.0, "kernel": "b"}
    search = make_search(population=3, rounds=1, initial=(given_set,))
    found = Pbt().propose(search, [], 9).trials
    assert found[0].parameters == given_set and isinstance(found[0].parameters["layers"], int)
    assert [p.sampler for p in found] == ["initial", "pbt", "pbt"]
    assert {(p.operation, p.resume, p.finished_seen) for p in found} == {("Init", None, 0)}


def test_growing_rounds():
    """An exhausted search goes on where it was when `rounds` grows."""
    trials = [record(n, 2, 0.1, stamp=n + 1) for n in range(4)]
    assert Pbt().propose(make_search(2, 2), trials, 9).exhausted
    grown = Pbt().propose(make_search(2, 3), trials, 9)
    assert [p.number for p in grown.trials] == [4, 5] and not grown.exhausted
