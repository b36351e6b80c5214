"""Broken job files: each mistake is told with its field, what was found and what to write; all of a file's at once."""

import copy

import pytest

from autosearch.api.errors import InvalidInputError
from autosearch.api.job import TrialCounts
from autosearch.api.loading import parse_job
from autosearch.engine.budget import planned_trials

GOOD = {
    "apiVersion": "autosearch.dev/v1alpha1",
    "kind": "AutoSearchJob",
    "metadata": {"name": "iris"},
    "spec": {
        "objective": {"metric": "f1_score", "direction": "Maximize"},
        "parameters": [{"name": "C", "float": {"min": 0.001, "max": 1000, "scale": "Log"}}],
        "maxTrials": 20,
        "template": {"spec": {"containers": [{"name": "trial", "image": "x", "command": ["python", "train.py"]}]}},
    },
}
PBT = {"pbt": {"population": 4, "rounds": 5}}


def with_spec(**changes):
    """Give the good job with fields of its spec replaced; None removes one."""
    job = copy.deepcopy(GOOD)
    for name, value in changes.items():
        if value is None:
            job["spec"].pop(name, None)
        else:
            job["spec"][name] = value
    return job


def problems_of(document):
    with pytest.raises(InvalidInputError) as caught:
        parse_job(document)
    return [str(problem) for problem in caught.value.problems]


def parameter(**domain):
    return with_spec(parameters=[{"name": "x", **domain}])


def container(**fields):
    """Give the good job with fields of the trial's container replaced."""
    whole = {"name": "trial", "image": "x", "command": ["python", "train.py"], **fields}
    return with_spec(template={"spec": {"containers": [whole]}})


def pod(**fields):
    """Give the good job with fields of its pod added."""
    return with_spec(template={"spec": {**GOOD["spec"]["template"]["spec"], **fields}})


def grid(*sizes, **changes):
    """Give a grid over integers with so many values each."""
    parameters = [{"name": f"x{i}", "int": {"min": 1, "max": size}} for i, size in enumerate(sizes)]
    return with_spec(**{"algorithm": {"grid": {}}, "maxTrials": None, "parameters": parameters, **changes})


CASES = {
    "wrong direction": (
        with_spec(objective={"metric": "acc", "direction": "MAXIMIZE"}),
        "spec.objective.direction: found \"MAXIMIZE\"; must be 'Maximize' or 'Minimize'",
    ),
    "missing metric": (with_spec(objective={"direction": "Maximize"}), "spec.objective.metric: is required"),
    "empty metric": (with_spec(objective={"metric": "", "direction": "Maximize"}), "must not be empty"),
    "no objective": (with_spec(objective=None), "spec.objective: is required"),
    "min above max": (parameter(float={"min": 2, "max": 1}), "spec.parameters[0].float: `min` (2.0) must be less than"),
    "min equals max": (parameter(int={"min": 2, "max": 2}), "spec.parameters[0].int: `min` (2) must be less than"),
    "log with zero": (parameter(float={"min": 0, "max": 1, "scale": "Log"}), "`min` must be greater than 0, found 0.0"),
    "log int with zero": (parameter(int={"min": 0, "max": 9, "scale": "Log"}), "`min` must be 1 or more, found 0"),
    "log with step": (parameter(float={"min": 1, "max": 9, "scale": "Log", "step": 1}), "`step` must not be used with"),
    "step too wide": (parameter(int={"min": 1, "max": 3, "step": 9}), "`step` (9) must not be greater than"),
    "endless range": (
        parameter(float={"min": -1e308, "max": 1e308}),
        "spec.parameters[0].float: `max` - `min` must be a finite number, found -1e+308 and 1e+308",
    ),
    "step too small": (
        parameter(float={"min": 0, "max": 1, "step": 5e-324}),
        "spec.parameters[0].float: `step` (5e-324) must be greater, it gives more than 2^53 values",
    ),
    "number too large": (
        parameter(discrete={"values": [1, 10**400]}),
        "spec.parameters[0].discrete.values[1]: found 1000000",
    ),
    "number past all digits": (
        with_spec(maxTrials=10**5000),
        "spec.maxTrials: found a number of more than 4,300 digits",
    ),
    "infinite value": (parameter(discrete={"values": [float("inf")]}), "values[0]: found Infinity; must be a finite"),
    "empty choices": (parameter(categorical={"choices": []}), "choices: found []; must have at least 1 entries"),
    "choice twice": (parameter(categorical={"choices": ["a", "a"]}), "`choices` must not hold a string twice"),
    "number as choice": (parameter(categorical={"choices": [1]}), "choices[0]: found 1; must be a string; quote it"),
    "values unsorted": (parameter(discrete={"values": [2, 1]}), "`values` must be in increasing order"),
    "word as value": (parameter(discrete={"values": ["a"]}), 'values[0]: found "a"; must be a number'),
    "two kinds": (parameter(boolean={}, int={"min": 1, "max": 2}), "must have exactly one of float, int, discrete"),
    "no kind": (parameter(), "spec.parameters[0]: must have exactly one of"),
    "reserved name": (
        with_spec(parameters=[{"name": "metric", "boolean": {}}]),
        'spec.parameters[0].name: found "metric"; is a flag of the contract itself; choose another name',
    ),
    "name as a list": (parameter(name=["x"], boolean={}), 'spec.parameters[0].name: found ["x"]; must be a string'),
    "name with a dash": (
        with_spec(parameters=[{"name": "a-b", "boolean": {}}]),
        'spec.parameters[0].name: found "a-b"',
    ),
    "duplicate name": (
        with_spec(parameters=[{"name": "a", "boolean": {}}, {"name": "a", "boolean": {}}]),
        'spec.parameters[1].name: found "a"; must be unique',
    ),
    "unknown algorithm": (
        with_spec(algorithm={"tpee": {}}),
        "spec.algorithm.tpee: is not a field; did you mean `tpe`?",
    ),
    "algorithm as a word": (
        with_spec(algorithm="auto"),
        'spec.algorithm: found "auto"; must be an object: write `algorithm: {auto: {}}`',
    ),
    "unknown word": (with_spec(algorithm="annealing"), "must be an object with exactly one of auto, random"),
    "two algorithms": (with_spec(algorithm={"tpe": {}, "grid": {}}), "must have exactly one of auto"),
    "gp": (with_spec(algorithm={"gp": {}}), "spec.algorithm: found `gp`; is not built yet; write `tpe: {}`"),
    "near miss": (with_spec(maxTrails=3), "spec.maxTrails: is not a field; did you mean `maxTrials`?"),
    "no maxTrials": (with_spec(maxTrials=None), "spec.maxTrials: is required with `auto`"),
    "maxTrials with pbt": (
        with_spec(algorithm=PBT, output={"volume": {}}),
        "spec.maxTrials: found 20; must not be used with `pbt`, which runs population x rounds trials",
    ),
    "pbt without output": (with_spec(algorithm=PBT, maxTrials=None), "spec.output: is required with `pbt`"),
    "checkpoints without output": (with_spec(retryFrom="LastCheckpoint"), "spec.output: is required with `retryFrom"),
    "early stopping with pso": (
        with_spec(algorithm={"pso": {}}, maxTrials=None, earlyStopping={"median": {}}),
        "spec.earlyStopping: must not be used with `pso`",
    ),
    "stopping as a word": (with_spec(earlyStopping="median"), "write `earlyStopping: {median: {}}`"),
    "two stopping rules": (with_spec(earlyStopping={"median": {}, "asha": {}}), "must have exactly one of median"),
    "threshold without bounds": (with_spec(earlyStopping={"threshold": {}}), "must have `lower`, `upper` or both"),
    "threshold upside down": (
        with_spec(earlyStopping={"threshold": {"lower": 2, "upper": 1}}),
        "`lower` (2.0) must be",
    ),
    "hyperband too small": (with_spec(earlyStopping={"hyperband": {"maxResource": 1}}), "`maxResource` (1) must be"),
    "grid over floats": (with_spec(algorithm={"grid": {}}), "spec.parameters[0].float.step: is required with `grid`"),
    "grid without an end": (
        grid(1000, 1000, 1000),
        "spec.maxTrials: is required with a `grid` of 1,000,000,000 points, more than 100,000",
    ),
    "grid past all numbers": (grid(*[2**53] * 64), "spec.maxTrials: is required with a `grid` of about 10^1021 points"),
    "zero parallel": (with_spec(parallelTrials=0), "spec.parallelTrials: found 0; must be at least 1"),
    "half a trial": (with_spec(maxTrials=1.5), "spec.maxTrials: found 1.5; must be a whole number"),
    "a text for a number": (with_spec(maxTrials="20"), 'spec.maxTrials: found "20"; must be a whole number'),
    "quantile": (
        with_spec(algorithm={"pbt": {"quantile": 0.9}}, maxTrials=None, output={"volume": {}}),
        "spec.algorithm.pbt.quantile: found 0.9; must be at most 0.5",
    ),
    "wrong kind": ({**GOOD, "kind": "AutoSearchJobs"}, 'kind: found "AutoSearchJobs"; must be `AutoSearchJob`'),
    "no container": (with_spec(template={"spec": {"containers": []}}), "containers: must hold a container"),
    "no template": (with_spec(template=None), "spec.template: is required"),
    "no command": (
        with_spec(template={"spec": {"containers": [{"name": "trial"}]}}),
        "spec.template.spec.containers[0].command: must be a list of strings, such as `[python, train.py]`",
    ),
    "args as numbers": (
        with_spec(template={"spec": {"containers": [{"command": ["a"], "args": [1]}]}}),
        "containers[0].args: found [1]; must be a list of strings; quote numbers",
    ),
    "shell": (
        with_spec(template={"spec": {"containers": [{"command": ["/bin/sh", "-c", "python train.py"]}]}}),
        "a shell with `-c` loses the flags that are appended",
    ),
    "shell with options": (
        container(command=["bash", "-euo", "pipefail", "-c", "python train.py"]),
        'spec.template.spec.containers[0].command: found ["bash", "-euo"]; a shell with `-c` loses',
    ),
    "shell text in args": (container(command=["sh"], args=["-ec", "python train.py"]), "a shell with `-c` loses"),
    "env as a mapping": (
        container(env={"A": "b"}),
        'spec.template.spec.containers[0].env: found {"A": "b"}; must be a list of `{name: A, value: "1"}`',
    ),
    "env of a number": (
        container(env=[1]),
        "containers[0].env[0]: found 1; must be a mapping such as `{name: A, value",
    ),
    "env without a name": (container(env=[{"nme": "A"}]), "containers[0].env[0].name: is required"),
    "env name as a number": (container(env=[{"name": 1}]), "containers[0].env[0].name: found 1; must be a string"),
    "env name with a sign": (container(env=[{"name": "A=B"}]), 'containers[0].env[0].name: found "A=B"; must hold'),
    "env value as a number": (
        container(env=[{"name": "A", "value": 1}]),
        "spec.template.spec.containers[0].env[0].value: found 1; must be a string; quote it",
    ),
    "env value of nothing": (
        container(env=[{"name": "A", "value": None}]),
        "env[0].value: found null; must be a string",
    ),
    "grace as a word": (
        pod(terminationGracePeriodSeconds="x"),
        'spec.template.spec.terminationGracePeriodSeconds: found "x"; must be a whole number of seconds, 0 or more',
    ),
    "grace below zero": (pod(terminationGracePeriodSeconds=-1), "found -1; must be a whole number of seconds, 0"),
    "grace without an end": (pod(terminationGracePeriodSeconds=10**400), "; must be a whole number of seconds"),
    "grace of nothing": (pod(terminationGracePeriodSeconds=None), "found null; must be a whole number of seconds"),
    "a sign no program can be given": (
        container(args=["a\0b"]),
        'containers[0].args[0]: found "a\\u0000b"; must not hold the character NUL',
    ),
    "long name": (
        {**GOOD, "metadata": {"name": "a" * 41}},
        'metadata.name: found "' + "a" * 41 + '"; must have at most 40',
    ),
    "very long name": (
        {**GOOD, "metadata": {"name": "a" * 300}},
        "must have at most 40 characters: lower-case letters",
    ),
    "name in capitals": ({**GOOD, "metadata": {"name": "Iris"}}, 'metadata.name: found "Iris"; must have at most 40'),
    "name with a dot": ({**GOOD, "metadata": {"name": "iris.v1"}}, 'metadata.name: found "iris.v1"; must have at most'),
    "label as a number": (
        {**GOOD, "metadata": {"name": "iris", "labels": {"team": 1}}},
        "metadata.labels.team: found 1; must be a string; quote it",
    ),
    "time out of range": (
        {**GOOD, "metadata": {"name": "iris", "creationTimestamp": "0001-01-01T00:00:00+14:00"}},
        "metadata.creationTimestamp: found",
    ),
    "not a mapping": (["a"], 'document: found ["a"]; must be an AutoSearchJob'),
    "initial trial incomplete": (with_spec(initialTrials=[{}]), "spec.initialTrials[0].C: is missing"),
    "initial trial outside": (with_spec(initialTrials=[{"C": 0}]), "spec.initialTrials[0].C: found 0; must be a value"),
    "initial trial unknown": (with_spec(initialTrials=[{"C": 1, "D": 1}]), "spec.initialTrials[0].D: is not one of"),
    "infinite initial value": (
        with_spec(initialTrials=[{"C": float("inf")}]),
        "spec.initialTrials[0].C: found Infinity; must be a finite number",
    ),
    "huge initial value": (with_spec(initialTrials=[{"C": 10**400}]), "spec.initialTrials[0].C: found 1000"),
    "list as value": (
        with_spec(initialTrials=[{"C": [1]}]),
        "initialTrials[0].C: found [1]; must be a number, a string",
    ),
}


@pytest.mark.parametrize(("document", "expected"), CASES.values(), ids=CASES.keys())
def test_a_mistake_is_told_with_its_field_and_its_fix(document, expected):
    """Every broken file is refused with a line that says where, what and how."""
    lines = problems_of(document)

    assert any(expected in line for line in lines), lines


@pytest.mark.parametrize("document", [case[0] for case in CASES.values()], ids=CASES.keys())
def test_one_mistake_is_one_line(document):
    """No mistake is told twice in other words."""
    assert len(problems_of(document)) == 1


def test_all_mistakes_of_a_file_are_told_at_once():
    """A file with mistakes in many places gives a line for each of them."""
    document = with_spec(
        objective={"metric": "acc", "direction": "up"},
        parallelTrials=0,
        algorithm="auto",
        maxTrails=1,
        template={"spec": {"containers": []}},
    )

    lines = problems_of(document)

    starts = ["spec.maxTrails", "spec.objective.direction", "spec.algorithm", "spec.parallelTrials", "spec.template"]
    assert all(any(line.startswith(start) for line in lines) for start in starts), lines


SEVERAL = {
    "reserved name, bad range": (
        with_spec(parameters=[{"name": "metric", "float": {"min": 1, "max": 0}}]),
        ["spec.parameters[0].name: ", "spec.parameters[0].float: `min`"],
    ),
    "two kinds, bad range": (
        parameter(boolean={}, float={"min": 1, "max": 0}),
        ["spec.parameters[0]: must have exactly one", "spec.parameters[0].float: `min`"],
    ),
    "two kinds, unknown field": (
        parameter(boolean={}, int={"min": 1, "max": 2}, extra=1),
        ["spec.parameters[0]: must have exactly one", "spec.parameters[0].extra: is not a field"],
    ),
    "range with two mistakes": (
        parameter(float={"min": 0, "max": 0, "scale": "Log"}),
        ["spec.parameters[0].float: `min` (0.0) must be less", "spec.parameters[0].float: with `scale: Log`"],
    ),
    "range with three mistakes": (
        parameter(int={"min": 0, "max": 0, "scale": "Log", "step": 1}),
        ["`min` (0) must be less", "with `scale: Log`", "`step` must not be used"],
    ),
    "two algorithms, bad setting": (
        with_spec(algorithm={"tpe": {"startupTrials": -1}, "grid": {}}),
        ["spec.algorithm: must have exactly one", "spec.algorithm.tpe.startupTrials: found -1"],
    ),
    "two stopping rules, bad setting": (
        with_spec(earlyStopping={"patience": {}, "median": {}}),
        ["spec.earlyStopping: must have exactly one", "spec.earlyStopping.patience.steps: is required"],
    ),
    "wrong kind and more": (
        {**with_spec(parallelTrials=0, maxTrails=1), "kind": "Job", "apiVersion": "batch/v1"},
        ["kind: found", "apiVersion: found", "spec.maxTrails: is not", "spec.parallelTrials: found 0"],
    ),
    "template": (
        pod(terminationGracePeriodSeconds="x", containers=[{"args": [1], "env": [{}, {"name": "A", "value": 1}]}]),
        [".terminationGracePeriodSeconds: ", "[0].command: ", "[0].args: ", "[0].env[0].name", "[0].env[1].value"],
    ),
}


@pytest.mark.parametrize(("document", "expected"), SEVERAL.values(), ids=SEVERAL.keys())
def test_no_mistake_hides_another(document, expected):
    """Mistakes in one place are told together: one line for each, and no more."""
    lines = problems_of(document)

    assert all(any(part in line for line in lines) for part in expected), lines
    assert len(lines) == len(expected), lines


RIGHT = {
    "a shell script with a long option": container(command=["bash", "train.sh", "--sync"]),
    "a shell script with -c of its own": container(command=["bash", "train.sh", "-c", "config.yaml"]),
    "a shell with options": container(command=["bash", "-eu", "train.sh"], args=["-c"]),
    "a login shell": container(command=["bash", "--login", "train.sh"]),
    "a shell that reads its standard input": container(command=["sh", "-", "-c"]),
    "env from elsewhere": container(env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}, {"name": "B"}]),
    "no grace": pod(terminationGracePeriodSeconds=0),
    "a grid of the largest size": grid(1000, 100),
    "part of an endless grid": grid(2**53, 2**53, maxTrials=5),
}


@pytest.mark.parametrize("document", RIGHT.values(), ids=RIGHT.keys())
def test_what_is_right_is_not_refused(document):
    """No rule refuses more than its mistake."""
    assert parse_job(document).name == "iris"


def test_a_size_that_no_status_could_hold_is_refused_before_the_search_starts():
    """A grid that is accepted without `maxTrials` has a number of trials that the job's status can hold."""
    job = parse_job(grid(1000, 100))

    assert TrialCounts(planned=planned_trials(job)).planned == 100_000


def test_unknown_fields_from_an_api_server_are_ignored():
    """A newer API server may know more fields than we do."""
    job = parse_job(with_spec(newField=1), from_file=False)

    assert job.spec.max_trials == 20


def test_a_right_file_gets_the_defaults_of_the_design():
    """What is absent has the documented default."""
    spec = parse_job(GOOD).spec

    assert (spec.algorithm.name, spec.parallelism, spec.failures_allowed) == ("auto", 1, 5)
    assert (spec.retries, spec.retry_from, spec.arguments, spec.data_sampling_percent) == (
        1,
        "Scratch",
        "Contract",
        100,
    )


def test_population_algorithms_run_the_whole_population_and_allow_as_many_failures():
    """Parallelism and tolerated failures follow the population."""
    spec = parse_job(with_spec(algorithm={"pso": {"population": 7}}, maxTrials=None)).spec

    assert (spec.parallelism, spec.failures_allowed) == (7, 7)
