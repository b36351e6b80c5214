"""Any value in the place of any other: a file is read or refused with lines that name the field, and nothing else."""

import copy
import math

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from autosearch.api.errors import InvalidInputError
from autosearch.api.job import AutoSearchJob
from autosearch.api.loading import parse_job
from autosearch.api.vendor import convert
from autosearch.engine.budget import planned_trials
from autosearch.engine.command_line import trial_container

FULL = {
    "apiVersion": "autosearch.dev/v1alpha1",
    "kind": "AutoSearchJob",
    "metadata": {
        "name": "full",
        "labels": {"team": "a"},
        "creationTimestamp": "2026-01-31T12:00:00Z",
        "ownerReferences": [{"apiVersion": "v1", "kind": "A", "name": "b", "uid": "c"}],
    },
    "spec": {
        "objective": {"metric": "acc", "direction": "Maximize", "target": 0.995},
        "parameters": [
            {"name": "lr", "float": {"min": 0.0001, "max": 0.1, "scale": "Log"}},
            {"name": "drop", "float": {"min": 0, "max": 1, "step": 0.25}},
            {"name": "layers", "int": {"min": 1, "max": 8, "step": 1}},
            {"name": "batch_size", "discrete": {"values": [32, 64, 128]}},
            {"name": "kernel", "categorical": {"choices": ["linear", "rbf"]}},
            {"name": "use_bn", "boolean": {}},
        ],
        "algorithm": {"tpe": {"startupTrials": 10}},
        "earlyStopping": {"hyperband": {"minResource": 1, "maxResource": 27, "reductionFactor": 3}},
        "maxTrials": 40,
        "parallelTrials": 4,
        "maxFailedTrials": 5,
        "retries": 2,
        "retryFrom": "LastCheckpoint",
        "seed": 7,
        "dataSamplingPercent": 50,
        "arguments": "Contract",
        "framework": "PyTorch",
        "initialTrials": [
            {"lr": 0.01, "drop": 0.5, "layers": 2, "batch_size": 64, "kernel": "rbf", "use_bn": True},
        ],
        "code": {"volume": {"configMap": {"name": "code"}}},
        "trainData": {"volume": {"emptyDir": {}}, "subPath": "mnist", "access": "PrivateCopy"},
        "output": {"volume": {"emptyDir": {}}},
        "template": {
            "spec": {
                "terminationGracePeriodSeconds": 30,
                "containers": [
                    {
                        "name": "trial",
                        "image": "x",
                        "command": ["bash", "-eu", "train.sh"],
                        "args": ["--epochs", "3"],
                        "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"fieldRef": {}}}],
                    },
                ],
            },
        },
        "trialTimeoutSeconds": 7200,
        "keepBestModels": 5,
        "podHistory": {"succeeded": 10, "failed": 10},
        "suspend": False,
    },
    "status": {
        "conditions": [
            {"type": "A", "status": "True", "reason": "B", "lastTransitionTime": "2026-01-31T12:00:00.000001Z"},
        ],
        "best": {"trialName": "t", "value": 0.5, "parameters": {"lr": 0.01}, "modelURI": "file:///m"},
        "trials": {"planned": 40},
    },
}
GRID = copy.deepcopy(FULL)
GRID["spec"] |= {"algorithm": {"grid": {}}, "maxTrials": None, "parameters": FULL["spec"]["parameters"][1:]}
del GRID["spec"]["initialTrials"], GRID["spec"]["earlyStopping"]
PBT = copy.deepcopy(FULL)
PBT["spec"] |= {"algorithm": {"pbt": {"population": 4, "rounds": 5, "quantile": 0.25, "perturbInterval": 3}}}
del PBT["spec"]["maxTrials"], PBT["spec"]["earlyStopping"]
VENDOR = {
    "search_strategy": {"algo": "PBT_SEARCH", "params": {"population_num": 4, "round": 5, "quantile_frac": 0.25}},
    "metrics": {"name": "acc", "goal": "MAXIMIZE", "expected_value": 99},
    "data_sampling_scale": 50,
    "search_space": {
        "lr": {"htype": "loguniform", "value": [0.0001, 0.1]},
        "layers": {"htype": "randint", "value": [1, 8]},
        "batch_size": {"htype": "choice", "value": [32, 64]},
        "kernel": {"htype": "choice", "value": ["linear", "rbf"]},
    },
}
VENDOR_TPE = VENDOR | {
    "search_strategy": {"algo": "TPE_SEARCH", "params": {"n_startup_points": 3, "max_concurrent": 2}},
    "max_trial_num": 10,
}

WORDS = ["", "0", "auto", "None", "x", "lr", "metric", "-c", "sh", "a\0b", "2026-01-31", "9999-12-31T23:59:59-14:00"]
WORDS += ["0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", "\N{SNOWMAN}", "a" * 300]
NUMBERS = [0, 1, -1, 2**31, 2**53 + 1, 10**400, -(10**400), 1e308, -1e308, 5e-324, 0.5, math.inf, -0.0]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(WORDS),
    st.sampled_from(NUMBERS),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["name", "min", "max", "value", "lr", "x", "tpe"]), inner, max_size=3),
    ),
    max_leaves=5,
)


def places(value, place=()):
    """Give the place of every value of a document, the document's own first."""
    yield place
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*place, key))


def with_value(document, place, value):
    """Give a document with another value in one place."""
    if not place:
        return value
    changed = copy.deepcopy(document)
    holder = changed
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    return changed


@st.composite
def broken(draw, *documents, times=2):
    """Draw one of the documents with one or two values replaced."""
    document = draw(st.sampled_from(documents))
    for _ in range(draw(st.integers(1, times))):
        document = with_value(document, draw(st.sampled_from(list(places(document)))), draw(VALUES))
    return document


def heads_of(document):
    """Give what a problem's path may begin with: a field of a job, or a key that the document itself has."""
    return {*FULL, "document", *(document if isinstance(document, dict) else ())}


def outcome(read):
    """Give the job that was read, or the problems that it was refused with."""
    try:
        return read(), ()
    except InvalidInputError as error:
        return None, error.problems


def check_reading(read, heads):
    """Read, and check whatever comes of it: a job that survives its JSON form, or problems that name a field."""
    job, problems = outcome(read)
    if job is None:
        assert problems
        assert all(problem.path.split(".")[0].split("[")[0] in heads for problem in problems), problems
        assert not any("Input should" in problem.message for problem in problems), problems
        assert len(set(problems)) == len(problems), problems
    else:
        assert AutoSearchJob.from_dict(job.to_dict()) == job
        assert (planned_trials(job) or 0) < 2**31
        assert trial_container(job)["command"]


def fuzzed(examples):
    """Settings of a run that takes seconds, and the same ones each time."""
    quick = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=quick)


@pytest.mark.parametrize("document", [FULL, GRID, PBT], ids=["full", "grid", "pbt"])
def test_the_whole_documents_are_right(document):
    """What the values are replaced in is right itself, or nothing would be shown."""
    assert parse_job(document).name == "full"


@fuzzed(700)
@given(broken(FULL, GRID, PBT))
def test_any_value_anywhere_in_a_job_is_read_or_refused_by_name(document):
    """A job file gives a job or problems whose paths begin with a field of a job."""
    check_reading(lambda: parse_job(document), heads_of(document))


OTHERS = [None, True, 10**400, 10**5000, math.inf, 1e308, "\0", "", [], {}, [{}], {"a": [1]}]


@pytest.mark.parametrize("value", OTHERS, ids=range(len(OTHERS)))
def test_each_value_of_a_job_may_be_another(value):
    """No place of a job file is unprepared for a value of another type."""
    for place in places(FULL):
        changed = with_value(FULL, place, value)
        check_reading(lambda changed=changed: parse_job(changed), heads_of(changed))


@fuzzed(300)
@example(VENDOR | {"search_space": {"lr": {"htype": "choice", "value": [10**400]}}})
@given(broken(VENDOR, VENDOR_TPE).filter(lambda document: isinstance(document, dict)))
def test_any_value_anywhere_in_a_vendor_file_is_read_or_refused_by_name(document):
    """A vendor's file gives a job or problems whose paths begin with a key of the vendor's or of a job."""
    heads = {*VENDOR_TPE, *heads_of(document)}
    check_reading(lambda: parse_job(convert(document, name="n").manifest), heads)


@fuzzed(200)
@given(broken(FULL, PBT).filter(lambda document: isinstance(document, dict)))
def test_any_base_of_a_conversion_is_read_or_refused_by_name(base):
    """A conversion into a broken base gives a job or problems that name the field."""
    heads = {*heads_of(base), "base"}
    check_reading(lambda: parse_job(convert(VENDOR, name="n", base=base, command=["x"]).manifest), heads)
