"""The public door: models and plain dictionaries in, proposals out."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import Trial
from autosearch.search import propose, record_of, search_of
from autosearch.search.propose import effective_seed

SPEC = {
    "objective": {"metric": "acc", "direction": "Maximize"},
    "parameters": [
        {"name": "lr", "float": {"min": 0.001, "max": 1, "scale": "Log"}},
        {"name": "n", "int": {"min": 1, "max": 9}},
    ],
    "template": {},
}


def a_job(algorithm="tpe", settings=None, **changes):
    budget = {} if algorithm in ("cmaes", "pso", "pbt") else {"maxTrials": 20}
    spec = {**SPEC, **budget, "algorithm": {algorithm: settings or {}}, **changes}
    return {"metadata": {"name": "job", "uid": "1234"}, "spec": spec}


def a_trial(number, status=None, **spec):
    return {
        "metadata": {"name": f"job-1234-0-{number}"},
        "spec": {
            "jobName": "job",
            "number": number,
            "trialId": f"0-{number}",
            "parameters": {"lr": 0.01, "n": 3.0},
            "sampler": "tpe",
            **spec,
        },
        **({"status": status} if status else {}),
    }


ENDED = {
    "state": "Succeeded",
    "value": 0.5,
    "observations": [{"step": 1, "metrics": {"acc": 0.3}}, {"step": 2, "metrics": {"other": 1}}],
    "completionTime": "2026-01-31T12:00:00.000001Z",
    "checkpointPath": "job-1234/0-1/model",
}


@pytest.mark.parametrize("status", [None, ENDED, {"state": "Running"}])
def test_a_dictionary_and_its_model_are_the_same_record(status):
    """Statuses, observations of the metric, and what is absent are read alike."""
    data = a_trial(1, status, round=2, member=3, finishedSeen=4)
    record = record_of(data, "acc")
    assert record == record_of(Trial.from_dict(data), "acc")
    assert (record.round, record.member, record.finished_seen) == (2, 3, 4)
    if status is ENDED:
        assert (record.observations, record.checkpoint) == (((1, 0.3),), "job-1234/0-1/model")


@pytest.mark.parametrize("text", ["2026-01-31T12:00:00Z", "2026-01-31T13:00:00+01:00", "2026-01-31T12:00:00.000000Z"])
def test_completion_times_sort_however_they_are_written(text):
    """A time is the same text whoever wrote it, so that their order as texts is their order in time."""
    assert record_of(a_trial(1, ENDED | {"completionTime": text}), "acc").completion == "2026-01-31T12:00:00.000000Z"


@pytest.mark.parametrize("name", ["auto", "random", "sobol", "tpe", "cmaes", "pso", "pbt"])
def test_objects_in_proposals_out(name):
    """Both forms of job and trials give the same proposals, with legal parameters and the sampler's name."""
    population = {"population": 4, "rounds": 3} if name in ("cmaes", "pso", "pbt") else {}
    job, trials = a_job(name, population), [a_trial(0, ENDED), a_trial(1, {"state": "Running"})]
    answer = propose(job, trials, 2)
    assert answer == propose(AutoSearchJob.from_dict(job), [Trial.from_dict(t) for t in trials], 2)
    assert [p.number for p in answer.trials] == [2, 3]
    assert {p.sampler for p in answer.trials} == {"tpe" if name == "auto" else name}
    assert search_of(job).max_trials == (12 if population else 20)


def test_a_search_reads_the_job():
    """`auto` is resolved, initial trials get their types and come once, the direction is kept."""
    job = a_job("auto", initialTrials=[{"n": 2.0, "lr": 1}, {"lr": 1.0, "n": 2}])
    search = search_of(job)
    assert (search.algorithm, search.maximize, search.metric, search.job_name) == ("tpe", True, "acc", "job")
    assert repr(search.initial) == "({'lr': 1.0, 'n': 2},)"
    assert propose(job, [], 1).trials[0].sampler == "initial"


def test_the_seed_is_the_users_else_the_recorded_else_the_uids():
    """A seed that was once shown in the status stays."""
    job = AutoSearchJob.from_dict(a_job(seed=7))
    plain = AutoSearchJob.from_dict(a_job())
    recorded = AutoSearchJob.from_dict(a_job() | {"status": {"seed": 9}})
    other = AutoSearchJob.from_dict(a_job() | {"metadata": {"name": "job"}})
    assert (effective_seed(job), effective_seed(recorded)) == (7, 9)
    assert effective_seed(plain) == effective_seed(plain) != effective_seed(other)
    assert 0 <= effective_seed(plain) < 2**31


def test_a_broken_job_is_refused():
    """The job's form is checked, with pydantic's own error."""
    with pytest.raises(ValidationError, match="direction"):
        propose(a_job(objective={"metric": "acc"}), [], 1)


def test_importing_the_search_layer_loads_no_numerics():
    """Nor does naming algorithms: numpy, scipy and Optuna come with the first proposal that needs them."""
    code = "import sys, autosearch.search, autosearch.search.registry; print(*sys.modules)"
    out = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": "operator"}, capture_output=True, text=True, check=True
    )
    assert not {"numpy", "scipy", "optuna", "hypothesis", "autosearch.search.conformance"} & set(out.stdout.split())
