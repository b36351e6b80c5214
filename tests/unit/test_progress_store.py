"""When progress is written: soon where a rule judges, seldom everywhere else, and nothing is lost or grows."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.property.engine_world import a_job

from autosearch.api.meta import ObjectMeta
from autosearch.api.trial import Trial, TrialSpec
from autosearch.kubernetes.progress_store import MAX_WAITING, ProgressStore, key
from autosearch.reporting.messages import ProgressReport
from autosearch.search.propose import record_of, search_of
from autosearch.search.stopping import StoppingView

ASHA = {"asha": {"minResource": 3, "reductionFactor": 3}}


class Shell:
    """An operator that writes what is due, on a clock that is turned by hand."""

    def __init__(self, **spec):
        self.job = a_job(**spec)
        self.metric = self.job.spec.objective.metric
        self.trial = a_trial()
        self.store = ProgressStore()
        self.now = 100.0
        self.written = []

    def report(self, step, value=0.5, checkpoint="", metric=None):
        report = ProgressReport(step, {metric or self.metric: value}, checkpoint)
        return self.store.add(self.job, self.trial, report)

    def write(self, *, fails=False):
        """Do one pass: write if it is due."""
        due = self.store.due(self.trial)
        if due is None or due > self.now:
            return
        status = self.store.take(self.trial)
        if not fails:
            self.trial = self.trial.replace(status=status)
            self.store.stored(self.trial, self.now)
            self.written.append(self.last)

    @property
    def steps(self):
        return [observation.step for observation in self.trial.status.observations]

    @property
    def last(self):
        return self.steps[-1] if self.steps else None


def a_trial(uid="u1"):
    spec = TrialSpec(job_name="demo", number=0, trial_id="0-0", parameters={"x": 0.5}, sampler="random")
    meta = ObjectMeta(name="demo-01234567-0-0", namespace="team", uid=uid)
    return Trial(metadata=meta, spec=spec).replace(
        status=Trial(metadata=meta, spec=spec).status.replace(state="Running")
    )


def test_the_first_report_is_written_at_once_and_the_next_five_seconds_later():
    """However often a script reports, its trial is written once in five seconds."""
    shell = Shell()
    for tenth in range(101):
        shell.now = 100 + tenth / 10
        shell.report(tenth)
        shell.write()

    assert shell.written == [0, 50, 100]


@pytest.mark.parametrize(
    ("rule", "rungs"),
    [
        (ASHA, [3, 9, 27, 81]),
        ({"hyperband": {"minResource": 4, "maxResource": 10, "reductionFactor": 3}}, [4]),
        ({"median": {}}, []),
    ],
    ids=["asha", "hyperband", "median"],
)
def test_the_first_report_at_a_rung_is_written_at_once(rule, rungs):
    """Where a rule judges, a trial does not wait."""
    shell = Shell(earlyStopping=rule)
    for step in range(1, 101):
        shell.report(step)
        shell.write()

    assert shell.written == [1, *rungs]


def test_a_report_at_a_rung_is_the_last_one_when_it_is_judged():
    """Reports that have come after the one at a rung wait for the next pass: the rule judges the last one alone."""
    shell = Shell(earlyStopping=ASHA)
    for step in range(1, 31):
        shell.report(step)
    for _ in range(10):
        shell.write()

    assert shell.written == [3, 9, 27]
    assert shell.store.due(shell.trial) == shell.now + 5
    shell.now += 5
    shell.write()
    assert shell.steps == list(range(1, 31))


def test_reports_without_the_objective_reach_no_rung():
    """A rung is judged by the objective: the first report that has it counts."""
    shell = Shell(earlyStopping={"asha": {"minResource": 2}})
    for step, metric in enumerate([None, "loss", "loss", None], start=1):
        shell.report(step, metric=metric)
        shell.write()

    assert shell.written == [1, 4]


def test_steps_that_come_again_are_no_reason_to_write():
    """A script that repeats a step, or goes back, cannot make the API server busy."""
    shell = Shell(earlyStopping={"asha": {"minResource": 2}})
    for step in (2, 2, 1, 2, 1, 2):
        shell.report(step)
        shell.write()
    shell.now += 60
    shell.write()

    assert shell.written == [2]
    assert shell.report(1) is None


def test_a_checkpoint_counts_even_with_a_step_that_was():
    """The newest checkpoint is kept, with the next write."""
    shell = Shell()
    shell.report(5)
    shell.write()
    due = shell.report(5, checkpoint="demo/0-0/a")
    shell.report(4, checkpoint="demo/0-0/b")
    shell.write()
    assert (due, shell.trial.status.last_checkpoint_path) == (shell.now + 5, None)
    shell.now += 5
    shell.write()

    assert (shell.steps, shell.trial.status.last_checkpoint_path) == ([5], "demo/0-0/b")
    assert shell.store.due(shell.trial) is None


def test_a_failed_write_loses_nothing():
    """What was taken and not stored is taken again, with what came meanwhile."""
    shell = Shell()
    shell.report(1, checkpoint="demo/0-0/a")
    shell.write(fails=True)
    shell.report(2)
    shell.write(fails=True)
    assert shell.store.due(shell.trial) <= shell.now
    shell.write()

    assert (shell.steps, shell.trial.status.last_checkpoint_path) == ([1, 2], "demo/0-0/a")


def test_what_comes_between_taking_and_storing_waits():
    """A report that arrives while a write is under way is not taken for written."""
    shell = Shell()
    shell.report(1, checkpoint="demo/0-0/a")
    status = shell.store.take(shell.trial)
    shell.report(2, checkpoint="demo/0-0/b")
    shell.trial = shell.trial.replace(status=status)
    shell.store.stored(shell.trial, shell.now)
    shell.now += 5
    shell.write()

    assert (shell.steps, shell.trial.status.last_checkpoint_path) == ([1, 2], "demo/0-0/b")


def test_an_operator_that_restarts_goes_on():
    """A new process knows from the stored status which steps and rungs there were."""
    shell = Shell(earlyStopping=ASHA)
    for step in (1, 3, 4):
        shell.report(step)
        shell.write()
    shell.store = ProgressStore()

    assert shell.report(3) is None
    assert shell.report(5) == 0.0
    shell.write()
    assert (shell.report(6), shell.report(9)) == (shell.now + 5, 0.0)


def test_finished_trials_take_nothing():
    """A report that comes after the result changes nothing."""
    shell = Shell()
    shell.report(1)
    done = datetime(2026, 1, 31, tzinfo=UTC)
    shell.trial = shell.trial.replace(status=shell.trial.status.replace(completion_time=done))

    assert shell.report(2) is None and shell.store.due(shell.trial) is None
    assert shell.store.take(shell.trial) is shell.trial.status


def test_a_trial_made_anew_is_another_one():
    """A trial of the same name with another uid has nothing of the old one's."""
    shell = Shell()
    shell.report(7)
    new = a_trial("u2")

    assert shell.store.due(new) is None and shell.store.take(new) is new.status
    shell.store.keep_only({key(new)})
    assert len(shell.store) == 0


def test_forgotten_trials_leave_nothing():
    """A trial that is gone takes no memory, and forgetting twice is fine."""
    shell = Shell()
    shell.report(1)
    for _ in range(2):
        shell.store.forget(shell.trial)
        shell.store.stored(shell.trial, shell.now)

    assert len(shell.store) == 0 and shell.store.due(shell.trial) is None


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=300, unique=True))
def test_memory_is_bounded_and_no_decision_is_lost(steps):
    """While nothing can be written a trial's reports are thinned, but what the rule judges is never dropped."""
    shell, patient = Shell(earlyStopping=ASHA), Shell(earlyStopping=ASHA)
    for step in sorted(steps):
        for each in (shell, patient):
            each.report(step, value=step / 3000)
        for _ in range(2):
            patient.now += 5
            patient.write()
        assert len(shell.store._trials[key(shell.trial)].reports) <= MAX_WAITING
    for _ in range(20):
        shell.now += 5
        shell.write()

    def kept(each):
        view = StoppingView(search_of(each.job), each.job.spec.early_stopping.settings, ())
        record = record_of(each.trial, each.metric)
        return {step: dict(record.observations)[step] for step in view.steps_to_keep(record)}

    assert kept(shell) == kept(patient)
    assert shell.last == max(steps)


def test_an_attempt_that_has_ended_leaves_all_it_reported():
    """The last words are given whole, past every rung, with the last checkpoint; nothing new: the very same status."""
    shell = Shell(earlyStopping=ASHA)
    for step in range(1, 12):
        shell.report(step, checkpoint=f"demo/0-0/{step}")
    status = shell.store.take(shell.trial, ended=True)

    assert [observation.step for observation in status.observations] == list(range(1, 12))
    assert status.last_checkpoint_path == "demo/0-0/11"
    shell.trial = shell.trial.replace(status=status)
    shell.store.stored(shell.trial, shell.now)
    assert shell.store.due(shell.trial) is None
    assert shell.store.take(shell.trial, ended=True) is shell.trial.status
