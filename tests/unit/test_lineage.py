"""The schedule of a PBT trial: its chain of parents."""

import pytest

from autosearch.api.trial import Trial
from autosearch.search.lineage import Step, schedule


def step(name, parent="", x=0.0):
    """A step named after its round and member."""
    round_, member = (int(part) for part in name.split("-"))
    return Step(name, round_, member, {"x": x}, parent=parent)


def test_schedule():
    """The chain goes from round 0 to the trial, through the members whose weights were inherited."""
    steps = {s.name: s for s in (step("0-0", x=0.1), step("0-1"), step("1-1", "0-0", 0.3), step("2-1", "1-1", 0.2))}
    chain = schedule(steps, "2-1")
    assert [(s.name, s.parameters["x"]) for s in chain] == [("0-0", 0.1), ("1-1", 0.3), ("2-1", 0.2)]


def test_a_deleted_parent_ends_the_chain():
    """Where a parent is gone, the chain starts with what is left."""
    assert [s.name for s in schedule({"1-0": step("1-0", "0-0")}, "1-0")] == ["1-0"]


def test_a_loop_ends():
    """Forged parents that go round in a loop do not hang the view."""
    assert [s.name for s in schedule({"0-0": step("0-0", "0-0")}, "0-0")] == ["0-0"]


def test_unknown_name():
    """A trial that does not exist has no schedule."""
    with pytest.raises(KeyError):
        schedule({}, "0-0")


def test_step_of_a_trial_object():
    """A step is read from the object as the API has it."""
    spec = {"jobName": "j", "number": 5, "trialId": "1-1", "round": 1, "member": 1, "parameters": {"x": 0.5}}
    resume = {"trialName": "j-0-0", "checkpointPath": "j/0-0/m.pkl"}
    spec |= {"sampler": "pbt", "operation": "Exploit", "resume": resume}
    trial = Trial.from_dict({"metadata": {"name": "j-1-1"}, "spec": spec, "status": {"value": 0.7}})
    assert Step.of(trial) == Step("j-1-1", 1, 1, {"x": 0.5}, "Exploit", "j-0-0", 0.7)
    first = trial.replace(spec=trial.spec.replace(resume=None, operation="Init"))
    assert Step.of(first).parent == ""
