"""The command line and environment of a trial: the contract's flags, each value's text made from its declared kind."""

import json

import pytest
from tests.property.engine_world import a_job

from autosearch.api.job import AutoSearchJob
from autosearch.api.loading import parse_job
from autosearch.api.manifest_yaml import load_one
from autosearch.api.trial import Trial
from autosearch.engine.command_line import command_line, trial_container

KINDS = [
    {"name": "lr", "float": {"min": 0.00001, "max": 10}},
    {"name": "layers", "int": {"min": 1, "max": 10}},
    {"name": "batch", "discrete": {"values": [0.5, 32, 64]}},
    {"name": "kernel", "categorical": {"choices": ["rbf", "a b$(x)"]}},
    {"name": "bn", "boolean": {}},
]
VALUES = {"lr": 1e-05, "layers": 3, "batch": 32, "kernel": "rbf", "bn": True}


def a_trial(**values) -> Trial:
    return Trial.from_dict(
        {
            "metadata": {"name": "demo-01234567-0-4"},
            "spec": {"jobName": "demo", "number": 4, "trialId": "0-4", "parameters": values, "sampler": "random"},
        }
    )


def flags(job: AutoSearchJob, values=VALUES, resume: str = "") -> list[str]:
    return command_line(job, a_trial(**values), "0-4-r1", resume).args


def test_the_contracts_flags_come_first_and_every_parameter_follows():
    """`Contract` passes ids, metric, the ratio and all parameters as --name=value."""
    job = a_job(parameters=KINDS, dataSamplingPercent=50)

    assert flags(job) == [
        "--job_id=demo-01234567",
        "--trial_id=0-4-r1",
        "--metric=acc",
        "--data_sampling_scale=0.5",
        "--lr=1e-05",
        "--layers=3",
        "--batch=32",
        "--kernel=rbf",
        "--bn=True",
    ]


def test_values_are_written_by_their_kind_whatever_json_made_of_them():
    """An API server stores 1.0 as 1: a float still reads 1.0, an int 3, a whole discrete value an int."""
    job = a_job(parameters=KINDS)

    text = flags(job, VALUES | {"lr": 1, "layers": 3.0, "batch": 32.0})

    assert text[4:7] == ["--lr=1.0", "--layers=3", "--batch=32"]
    assert flags(job, VALUES | {"batch": 0.5})[6] == "--batch=0.5"


def test_parameters_mode_passes_the_parameters_alone():
    """`Parameters` leaves out the contract's own flags."""
    assert flags(a_job(arguments="Parameters", parameters=KINDS[:2]), {"lr": 0.5, "layers": 2}) == [
        "--lr=0.5",
        "--layers=2",
    ]


def test_none_appends_nothing_but_the_environment_has_it_all():
    """`None` appends no flag; every value stands in the environment in every mode."""
    job = a_job(arguments="None", parameters=KINDS)
    line = command_line(job, a_trial(**VALUES), "0-4")

    assert line.args == []
    assert line.env["AUTOSEARCH_PARAM_lr"] == "1e-05"
    assert line.env["AUTOSEARCH_JOB_ID"] == "demo-01234567"
    assert line.env["AUTOSEARCH_TRIAL_ID"] == "0-4"
    assert line.env["AUTOSEARCH_METRIC"] == "acc"
    assert line.env["AUTOSEARCH_DATA_SAMPLING_SCALE"] == "1.0"
    assert line.env["AUTOSEARCH_RESUME_CHECKPOINT_PATH"] == ""
    assert json.loads(line.env["AUTOSEARCH_PARAMETERS"]) == VALUES


def test_a_dollar_in_an_appended_value_is_doubled():
    """The kubelet expands $(NAME) in args; a value that looks like one must arrive as it is."""
    assert flags(a_job(parameters=KINDS), VALUES | {"kernel": "a b$(x)"})[7] == "--kernel=a b$$(x)"


PBT = {"parallelTrials": None, "maxTrials": None, "output": {"volume": {}}}


def test_pbt_passes_an_empty_checkpoint_first_and_a_path_later():
    """The first batch gets an empty value, later ones a path below ./output; the interval only if it was written."""
    job = a_job(algorithm={"pbt": {}}, **PBT)

    assert flags(job, {"lr": 0.1})[-1] == "--resume_checkpoint_path="
    assert flags(job, {"lr": 0.1}, "demo-01234567/0-1/m.pkl")[-1] == (
        "--resume_checkpoint_path=./output/demo-01234567/0-1/m.pkl"
    )
    job = a_job(algorithm={"pbt": {"perturbInterval": 3}}, **PBT)
    assert flags(job, {"lr": 0.1})[-1] == "--perturb_interval=3"


def test_retrying_from_checkpoints_passes_the_flag_too():
    """`retryFrom: LastCheckpoint` declares the flag for every attempt."""
    job = a_job(retryFrom="LastCheckpoint", output={"volume": {}})

    assert flags(job, {"lr": 0.1})[-1] == "--resume_checkpoint_path="


def test_the_trial_container_is_the_one_of_that_name():
    """The container named `trial` is the trial's, else the first; its own args come before the flags."""
    containers = [{"name": "side", "command": ["s"]}, {"name": "trial", "command": ["python"], "args": ["t.py"]}]
    job = a_job(template={"spec": {"containers": containers}})

    line = command_line(job, a_trial(lr=0.1), "0-4")

    assert (line.command, line.args[0]) == (["python"], "t.py")
    assert trial_container(a_job(template={"spec": {"containers": containers[:1]}}))["name"] == "side"


SCALARS = [
    *["1", "1.0", "1e-5", "1e5", "1E5", "+1", "-1", "0.5", ".5", "5.", "010", "0x1F", "0o17", "0b11", "1_000", "1e+3"],
    *["100000000000000000000", "0.1", "1.50", "-0.0", "3.0e0"],
]
WORDS = [
    "yes",
    "no",
    "on",
    "off",
    "y",
    "true",
    "~",
    '"1"',
    "'yes'",
    "2001-01-01",
    "12:30",
    "1.2.3",
    "0x",
    "null ",
    "a b",
]


def read_twice(text: str):
    """Read a job with our loader, and again after a trip through JSON as an API server stores it."""
    document = load_one(text, "job.yaml")
    stored = json.loads(
        json.dumps(document), parse_float=lambda t: int(float(t)) if float(t).is_integer() else float(t)
    )
    return parse_job(document), parse_job(stored)


@pytest.mark.parametrize("scalar", SCALARS)
def test_a_number_gives_the_same_flags_from_a_file_and_from_a_cluster(scalar):
    """However a number is spelt in YAML, the script sees the same text."""
    template = "apiVersion: autosearch.dev/v1alpha1\nkind: AutoSearchJob\nmetadata: {name: demo, uid: '0123456789'}\n"
    spec = f"""spec:
  objective: {{metric: acc, direction: Maximize}}
  parameters:
  - {{name: lr, float: {{min: -1.0e+30, max: 1.0e+30}}}}
  - {{name: d, discrete: {{values: [{scalar}]}}}}
  initialTrials: [{{lr: {scalar}, d: {scalar}}}]
  maxTrials: 1
  template: {{spec: {{containers: [{{command: [python]}}]}}}}
"""
    ours, stored = read_twice(template + spec)

    values = [job.spec.initial_trials[0] for job in (ours, stored)]
    assert flags(ours, values[0]) == flags(stored, values[1])
    assert flags(ours, values[0])[4].removeprefix("--lr=") == repr(float(values[0]["lr"]))


@pytest.mark.parametrize("scalar", WORDS)
def test_a_word_gives_the_same_flags_or_the_same_refusal(scalar):
    """What kubectl reads as true, null or a number is no category, from a file as from a cluster."""
    document = load_one(f"v: [{scalar}]", "job.yaml")
    value = document["v"][0]
    job_of = {"parameters": [{"name": "kernel", "categorical": {"choices": [value]}}]}
    if isinstance(value, str):
        assert flags(a_job(**job_of), {"kernel": value})[4] == f"--kernel={value}"
    else:
        with pytest.raises(ValueError, match="string"):
            a_job(**job_of)
