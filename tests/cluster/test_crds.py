"""The CustomResourceDefinitions on a real API server: what it takes, refuses, fills in, keeps and prints."""

import copy
import json
import re
import sys
from pathlib import Path

import pytest
import yaml
from tests.cluster.access import RequestError
from tests.cluster.refusals import ACCEPTED, REFUSED
from tests.unit.test_broken_jobs import CASES, GOOD, PBT, RIGHT, container, with_spec

ROOT = Path(__file__).parents[2]
CRDS = ROOT / "crds"
API = "autosearch.dev/v1alpha1"
NOW = "2026-01-31T12:00:00.000001Z"
CLAIM = {"volume": {"persistentVolumeClaim": {"claimName": "results"}}}
STARTED = {
    "state": "Running",
    "progress": "12/80",
    "trials": {"running": 4, "failed": 1},
    "best": {"trialName": "iris-0-3", "value": 0.9731, "parameters": {"C": 1}},
    "startTime": NOW,
    "conditions": [{"type": "Started", "status": "True", "lastTransitionTime": NOW, "reason": "TrialsCreated"}],
}
EVERYTHING = yaml.safe_load("""
objective: {metric: acc, direction: Maximize, target: 0.995}
parameters:
- {name: lr, float: {min: 0.0001, max: 0.1, scale: Log}}
- {name: layers, int: {min: 1, max: 8}}
- {name: batch_size, discrete: {values: [32, 64, 128]}}
- {name: kernel, categorical: {choices: [linear, rbf]}}
- {name: use_bn, boolean: {}}
algorithm: {random: {}}
earlyStopping: {median: {startupTrials: 5, warmupSteps: 3}}
maxTrials: 40
parallelTrials: 4
maxFailedTrials: 5
retries: 2
retryFrom: LastCheckpoint
seed: 7
dataSamplingPercent: 100
arguments: Contract
framework: PyTorch
initialTrials: [{lr: 0.01, layers: 2, batch_size: 64, kernel: rbf, use_bn: true}]
code:      {volume: {configMap: {name: mnist-code}}}
trainData: {volume: {persistentVolumeClaim: {claimName: datasets}}, subPath: mnist, access: ReadOnly}
testData:  {volume: {persistentVolumeClaim: {claimName: datasets}}, subPath: mnist-test}
output:    {volume: {persistentVolumeClaim: {claimName: results}}, subPath: team-a}
template:
  metadata: {labels: {team: a}, annotations: {note: b}}
  spec:
    containers:
    - name: trial
      image: pytorch/pytorch
      command: [python, train.py]
      resources: {limits: {nvidia.com/gpu: 1}}
trialTimeoutSeconds: 7200
activeDeadlineSeconds: 86400
ttlSecondsAfterFinished: 604800
keepBestModels: 5
podHistory: {succeeded: 10, failed: 10}
suspend: false
managedBy: autosearch.dev/operator
""")


def job(name="iris", **spec):
    """Give a job with these fields of its spec replaced; None removes one."""
    return {**with_spec(**spec), "metadata": {"name": name}}


def dry_run(cluster, namespace, document):
    """Apply without storing; gives the exit code and all that kubectl said."""
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        text = json.dumps(document)
    finally:
        sys.set_int_max_str_digits(limit)
    done = cluster.kubectl("apply", "--dry-run=server", "-f", "-", stdin=text, check=False, namespace=namespace)
    return done.returncode, done.stdout + done.stderr


def path_of(namespace, name="", plural="autosearchjobs"):
    """Give the path of an object."""
    return f"/apis/{API}/namespaces/{namespace}/{plural}/{name}".rstrip("/")


def create(cluster, namespace, document, status=None):
    """Store an object, with a status if one is given, and give it as it is stored."""
    path = path_of(namespace, plural="trials" if document["kind"] == "Trial" else "autosearchjobs")
    stored = cluster.request("POST", path, document)
    if status is not None:
        stored = patch_status(cluster, f"{path}/{document['metadata']['name']}", status)
    return stored


def patch_status(cluster, path, status):
    """Patch the status and give the object."""
    return cluster.request("PATCH", f"{path}/status", {"status": status})


def refusal(cluster, path, patch):
    """Give what the API server says to a patch that it must refuse."""
    with pytest.raises(RequestError) as caught:
        cluster.request("PATCH", path, patch)
    assert caught.value.status == 422
    return caught.value.answer["message"]


def trial(name="iris-0-0", **spec):
    """Give a Trial."""
    fields = {"jobName": "iris", "number": 0, "trialId": "0-0", "parameters": {"C": 1.0, "k": "a", "b": True}}
    return {
        "apiVersion": API,
        "kind": "Trial",
        "metadata": {"name": name},
        "spec": {**fields, "sampler": "random", **spec},
    }


def test_plain_apply_installs_and_a_second_one_changes_nothing(cluster):
    """`kubectl apply -f crds/` needs no flag, and says `unchanged` when it is repeated."""
    done = cluster.kubectl("apply", "-f", str(CRDS))

    assert re.findall(r"(\w+)$", done.stdout, re.MULTILINE) == ["unchanged", "unchanged"]


def test_the_definitions_have_no_complaint_of_the_api_server(cluster):
    """The schemas are structural, and no name is taken."""
    for name in ("autosearchjobs", "trials"):
        definition = cluster.request("GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}.{GROUP}")
        conditions = {each["type"]: each["status"] for each in definition["status"]["conditions"]}

        assert conditions["NamesAccepted"] == conditions["Established"] == "True"
        assert "NonStructuralSchema" not in conditions


GROUP = "autosearch.dev"


def test_every_broken_file_is_accounted_for():
    """Each broken file of the local shell is refused by the API server, or listed with the reason why it is not."""
    assert set(REFUSED) | set(ACCEPTED) == set(CASES)
    assert not set(REFUSED) & set(ACCEPTED)


@pytest.mark.parametrize("case", REFUSED)
def test_a_broken_file_is_refused_at_apply(cluster, namespace, case):
    """`kubectl apply` fails and names the field; where a rule of ours speaks, it says what to write."""
    code, text = dry_run(cluster, namespace, CASES[case][0])

    assert code != 0
    assert REFUSED[case] in text


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_the_api_server_cannot_see_is_known(cluster, namespace, case):
    """The files that get past the API server are these: should it learn to refuse one, this list is wrong."""
    code, text = dry_run(cluster, namespace, CASES[case][0])

    assert code == 0, text


@pytest.mark.parametrize("case", RIGHT)
def test_no_rule_refuses_more_than_its_mistake(cluster, namespace, case):
    """What the local shell accepts is accepted."""
    code, text = dry_run(cluster, namespace, RIGHT[case])

    assert code == 0, text


@pytest.mark.parametrize("path", sorted(ROOT.glob("examples/*/job.yaml")), ids=lambda path: path.parent.name)
def test_every_example_applies(cluster, namespace, path):
    """The manifests in examples/ are accepted as they are."""
    done = cluster.kubectl("apply", "--dry-run=server", "-f", str(path), namespace=namespace)

    assert "created" in done.stdout


def test_a_job_with_every_field_is_stored_as_it_was_written(cluster, namespace):
    """No field is lost or changed on the way to the store and back, but for what has a default."""
    spec = create(cluster, namespace, {**job(), "spec": EVERYTHING})["spec"]

    assert spec.pop("algorithm") == {"random": {}}
    wanted = copy.deepcopy(EVERYTHING)
    del wanted["algorithm"]
    wanted["testData"]["access"] = "ReadOnly"
    wanted["parameters"][1]["int"]["scale"] = "Linear"
    assert spec == wanted


def test_the_smallest_job_of_the_design_and_its_population_search_apply(cluster, namespace):
    """The least that works, and Population Based Training with all its settings."""
    settings = {"population": 8, "rounds": 10, "perturbInterval": 10, "quantile": 0.5, "exploreProbability": 0.25}
    population = {**EVERYTHING, "algorithm": {"pbt": {**settings, "mode": "Asynchronous"}}}
    del population["earlyStopping"], population["maxTrials"]

    for document in (GOOD, {**job("pbt"), "spec": population}):
        code, text = dry_run(cluster, namespace, document)
        assert code == 0, text


def test_defaults_are_filled_in(cluster, namespace):
    """A stored object shows the whole intent; what depends on other fields stays absent."""
    spec = create(cluster, namespace, job())["spec"]

    filled = {name: spec[name] for name in spec if name not in GOOD["spec"]}
    assert filled == {
        "algorithm": {"auto": {}},
        "retries": 1,
        "retryFrom": "Scratch",
        "dataSamplingPercent": 100,
        "arguments": "Contract",
        "podHistory": {"succeeded": 10, "failed": 10},
        "suspend": False,
        "managedBy": "autosearch.dev/operator",
    }


DEFAULTS = {
    "tpe": {"startupTrials": 10},
    "cmaes": {"population": 8, "rounds": 10, "stepSize": 1},
    "pso": {"population": 8, "rounds": 10, "inertia": 0.5, "globalAcceleration": 1.5, "localAcceleration": 1.5},
    "pbt": {"population": 8, "rounds": 10, "quantile": 0.25, "exploreProbability": 0.25, "mode": "Asynchronous"},
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_an_algorithm_gets_its_settings(cluster, namespace, name):
    """`{pbt: {}}` is stored with the settings of the design."""
    limit = 20 if name == "tpe" else None
    stored = create(cluster, namespace, job(algorithm={name: {}}, maxTrials=limit, output=CLAIM))

    assert stored["spec"]["algorithm"] == {name: DEFAULTS[name]}


def test_null_is_absent(cluster, namespace):
    """A null in the template, as tools write it, is neither refused nor stored."""
    document = container(env=[{"name": "A", "value": None}])
    document["spec"]["template"]["metadata"] = {"creationTimestamp": None, "labels": {"a": "b"}}
    template = create(cluster, namespace, document)["spec"]["template"]

    assert template["metadata"]["labels"] == {"a": "b"}
    assert template["spec"]["containers"][0]["env"] == [{"name": "A"}]


def test_quantities_are_taken_as_pods_take_them(cluster, namespace):
    """A limit may be written as a number, a fraction or a text; what is none of them is refused."""
    limits = {"cpu": 0.5, "memory": "1Gi", "nvidia.com/gpu": 1}
    stored = create(cluster, namespace, container(resources={"limits": limits}))

    assert stored["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"] == limits
    for wrong in ("lots", ["1"], {"a": 1}):
        code, text = dry_run(cluster, namespace, container(resources={"limits": {"cpu": wrong}}))
        assert code != 0
        assert "spec.template.spec.containers[0].resources.limits.cpu" in text


def several(*names, **fields):
    """Give containers of these names."""
    return [{"name": name, "image": "x", "command": ["python", "train.py"], **fields} for name in names]


TEMPLATES = {
    "six with ours": (
        job(template={"spec": {"containers": several("trial", "b", "c"), "initContainers": several("d", "e", "f")}}),
        "spec.template.spec.containers: Invalid value: the pod must have at most 6 containers together with",
    ),
    "six with two that copy": (
        job(
            template={"spec": {"containers": several("trial", "b", "c", "d")}},
            trainData={**CLAIM, "access": "PrivateCopy"},
            testData={**CLAIM, "access": "PrivateCopy"},
        ),
        "the pod must have at most 6 containers",
    ),
    "a name of ours": (
        job(template={"spec": {"containers": several("trial", "autosearch-x")}}),
        'spec.template.spec.containers[1].name: Invalid value: "autosearch-x": must not begin with `autosearch-`',
    ),
    "the trial is not the first": (
        job(template={"spec": {"containers": [*several("web"), {"name": "trial", "image": "x"}]}}),
        "the container `trial`, else the first one, must have a `command`",
    ),
    "a name in the metadata": (
        job(template={"metadata": {"name": "x"}, "spec": {"containers": several("trial")}}),
        'unknown field "spec.template.metadata.name"',
    ),
    "an unknown field of a pod": (
        job(template={"spec": {"containers": several("trial", imagePullPolcy="Always")}}),
        'unknown field "spec.template.spec.containers[0].imagePullPolcy"',
    ),
    "no volume source": (
        job(code={"volume": {}}),
        "spec.code.volume in body should have at least 1 properties",
    ),
    "two volume sources": (
        job(code={"volume": {"emptyDir": {}, "configMap": {"name": "a"}}}),
        "spec.code.volume: Too many: 2: must have at most 1 item",
    ),
}


@pytest.mark.parametrize("case", TEMPLATES)
def test_a_template_that_leaves_no_room_is_refused(cluster, namespace, case):
    """What the pod builder could not use is refused at `kubectl apply`, with the field."""
    document, expected = TEMPLATES[case]
    code, text = dry_run(cluster, namespace, document)

    assert code != 0
    assert expected in text


FITTING = {
    "five beside the sidecar": job(template={"spec": {"containers": several("trial", "b", "c", "d", "e")}}),
    "a shell that is not the trial": job(
        template={"spec": {"containers": [*several("trial"), *several("b", command=["sh", "-c", "sleep 1"])]}}
    ),
    "a shell without appended flags": job(
        arguments="None", template={"spec": {"containers": several("trial", command=["sh", "-c", "python train.py"])}}
    ),
    "no metadata, no image": job(template={"spec": {"containers": [{"name": "any", "command": ["true"]}]}}),
}


@pytest.mark.parametrize("case", FITTING)
def test_a_template_that_fits_is_accepted(cluster, namespace, case):
    """The rules of the template leave alone what works."""
    code, text = dry_run(cluster, namespace, FITTING[case])

    assert code == 0, text


def test_the_largest_job_is_within_what_rules_may_cost(cluster, namespace):
    """A job at the bounds of its lists is accepted and can be changed: no rule is ended for taking too long."""
    names = [f"a_rather_long_name_of_a_parameter_{number}" for number in range(64)]
    choices = [f"choice-{number}" for number in range(1000)]
    parameters = [{"name": name, "categorical": {"choices": choices}} for name in names]
    parameters[0] = {"name": names[0], "discrete": {"values": list(range(1000))}}
    initial = [{name: "choice-1" if number else 1 for number, name in enumerate(names)} for _ in range(50)]
    command = ["bash", *["-eu"] * 200, "train.sh", "x" * 30_000]
    document = job(
        parameters=parameters,
        initialTrials=initial,
        template={"spec": {"containers": several("a", "b", "c", "d", "trial", command=command)}},
    )

    stored = create(cluster, namespace, document, STARTED)
    changed = cluster.request("PATCH", path_of(namespace, "iris"), {"spec": {"parallelTrials": 3}})

    assert stored["status"]["state"] == "Running"
    assert changed["spec"]["parallelTrials"] == 3
    text = refusal(cluster, path_of(namespace, "iris"), {"spec": {"initialTrials": initial[1:]}})
    assert "spec: Forbidden: `initialTrials` must not change any more" in text


CHANGES = {
    "objective": {"objective": {"target": 0.9}},
    "parameters": {"parameters": [{"name": "D", "boolean": {}}]},
    "algorithm": {"algorithm": {"auto": None, "random": {}}},
    "algorithm.rounds": {"algorithm": {"auto": None, "pso": {"rounds": 3}}, "maxTrials": None},
    "earlyStopping": {"earlyStopping": {"median": {}}},
    "maxTrials": {"maxTrials": 19},
    "retries": {"retries": 3},
    "retryFrom": {"retryFrom": "LastCheckpoint"},
    "seed": {"seed": 1},
    "dataSamplingPercent": {"dataSamplingPercent": 50},
    "arguments": {"arguments": "None"},
    "framework": {"framework": "Paddle"},
    "initialTrials": {"initialTrials": [{"C": 2}]},
    "code": {"code": CLAIM},
    "trainData": {"trainData": CLAIM},
    "testData": {"testData": CLAIM},
    "output": {"output": {"subPath": "elsewhere"}},
    "template": {"template": {"spec": {"priorityClassName": "low"}}},
    "keepBestModels": {"keepBestModels": 3},
    "managedBy": {"managedBy": "example.com/other"},
}
FREE = {
    "suspend": True,
    "maxTrials": 21,
    "parallelTrials": 2,
    "maxFailedTrials": 9,
    "trialTimeoutSeconds": 60,
    "activeDeadlineSeconds": 60,
    "ttlSecondsAfterFinished": 60,
    "podHistory": {"failed": 1},
}


@pytest.mark.parametrize("case", CHANGES)
def test_the_spec_is_fixed_once_the_search_has_started(cluster, namespace, case):
    """A change, an addition and a removal of such a field are refused, and the answer says what to do instead."""
    create(cluster, namespace, job(output=CLAIM, initialTrials=[{"C": 1}]), STARTED)
    text = refusal(cluster, path_of(namespace, "iris"), {"spec": CHANGES[case]})

    names, _, rest = text.partition("spec: Forbidden: ")[2].partition(" must not change any more ")
    assert f"`{case.partition('.')[0]}`" in names.split()
    assert rest.startswith("(`maxTrials` and `rounds` may only grow); ")
    assert "delete the job and create it anew, or create one of another name" in text


@pytest.mark.parametrize("field", ["initialTrials", "output", "maxTrials"])
def test_a_field_cannot_be_taken_away_either(cluster, namespace, field):
    """The removal of an optional field is a change."""
    limit = {"algorithm": {"grid": {}}, "parameters": [{"name": "C", "int": {"min": 1, "max": 9}}]}
    create(cluster, namespace, job(output=CLAIM, initialTrials=[{"C": 1}], **limit), STARTED)

    text = refusal(cluster, path_of(namespace, "iris"), {"spec": {field: None}})

    assert f"spec: Forbidden: `{field}` must not change any more" in text


@pytest.mark.parametrize("field", FREE)
def test_some_fields_may_change_at_any_time(cluster, namespace, field):
    """What the design leaves open may change while the search runs, and be added later."""
    create(cluster, namespace, job(), STARTED)

    stored = cluster.request("PATCH", path_of(namespace, "iris"), {"spec": {field: FREE[field]}})

    value = stored["spec"][field]
    assert value == ({"succeeded": 10, "failed": 1} if field == "podHistory" else FREE[field])


def test_before_the_start_everything_but_the_owner_may_change(cluster, namespace):
    """A job that waits can be corrected in place; who works on it cannot be changed even then."""
    create(cluster, namespace, job(output=CLAIM))
    path = path_of(namespace, "iris")

    for case, change in CHANGES.items():
        if case not in {"managedBy", "parameters", "algorithm.rounds", "initialTrials"}:
            cluster.request("PATCH", path, {"spec": change})
    assert "spec: Forbidden: `managedBy` must not change" in refusal(cluster, path, {"spec": CHANGES["managedBy"]})


def test_a_suspended_search_stays_started(cluster, namespace):
    """The condition counts, not the start time, which a suspension takes away."""
    create(cluster, namespace, job(), STARTED)
    patch_status(cluster, path_of(namespace, "iris"), {"startTime": None, "state": "Suspended"})

    assert "spec: Forbidden: `seed` must not change" in refusal(
        cluster, path_of(namespace, "iris"), {"spec": {"seed": 1}}
    )


def test_rounds_may_grow_but_not_shrink_and_nothing_else_may_change(cluster, namespace):
    """A population search can be given more rounds."""
    create(cluster, namespace, job(algorithm=PBT, maxTrials=None, output=CLAIM), STARTED)
    path = path_of(namespace, "iris")

    grown = cluster.request("PATCH", path, {"spec": {"algorithm": {"pbt": {"rounds": 6}}}})

    assert grown["spec"]["algorithm"]["pbt"]["rounds"] == 6
    fewer = refusal(cluster, path, {"spec": {"algorithm": {"pbt": {"rounds": 5}}}})
    assert "`algorithm.pbt.rounds` must not change any more (`maxTrials` and `rounds` may only grow)" in fewer
    for setting in ({"population": 5}, {"perturbInterval": 2}, {"quantile": 0.5}):
        assert "spec: Forbidden: `algorithm` must not" in refusal(
            cluster, path, {"spec": {"algorithm": {"pbt": setting}}}
        )


def test_a_job_that_ended_stays_ended(cluster, namespace):
    """Neither its final conditions nor its completion time can be undone, not even by the status's owner."""
    finished = [
        {"type": kind, "status": "True", "lastTransitionTime": NOW, "reason": "MaxTrialsReached"}
        for kind in ("Started", "Complete", "Finished")
    ]
    create(cluster, namespace, job(), {**STARTED, "conditions": finished, "completionTime": NOW})
    status = f"{path_of(namespace, 'iris')}/status"

    undone = [{**each, "status": "False"} if each["type"] == "Complete" else each for each in finished]
    for conditions in (undone, finished[:1], None):
        text = refusal(cluster, status, {"status": {"conditions": conditions}})
        assert "status.conditions: Forbidden: the conditions `Complete`, `Failed` and `Finished` must stay True" in text
    later = refusal(cluster, status, {"status": {"completionTime": "2027-01-01T00:00:00.000000Z"}})
    assert "status: Forbidden: `completionTime` must not change after `completionTime` was written" in later
    assert "`completionTime` must not change" in refusal(cluster, status, {"status": {"completionTime": None}})


@pytest.mark.parametrize("kind", ["AutoSearchJob", "Trial"])
def test_a_status_cannot_be_removed_whole(cluster, namespace, kind):
    """An empty status would let everything start anew."""
    document, plural = (job(), "autosearchjobs") if kind == "AutoSearchJob" else (trial("iris"), "trials")
    create(cluster, namespace, document, {"state": "Running"})

    text = refusal(cluster, f"{path_of(namespace, 'iris', plural)}/status", {"status": None})

    assert "status: Forbidden: `status` must not be removed" in text


def test_a_write_of_the_spec_leaves_the_status_alone_and_the_reverse(cluster, namespace):
    """`/status` is a subresource: who may write one cannot write the other by it."""
    create(cluster, namespace, job(), STARTED)
    path = path_of(namespace, "iris")

    by_spec = cluster.request("PATCH", path, {"spec": {"suspend": True}, "status": {"state": "Failed"}})
    by_status = cluster.request("PATCH", f"{path}/status", {"spec": {"suspend": False}, "status": {"state": "Pending"}})

    assert (by_spec["spec"]["suspend"], by_spec["status"]["state"]) == (True, "Running")
    assert (by_status["spec"]["suspend"], by_status["status"]["state"]) == (True, "Pending")


def test_a_trial_is_stored_as_it_was_proposed(cluster, namespace):
    """Values keep their kind; 1.0 is stored as 1, which is why texts are made from the declared kind."""
    spec = create(cluster, namespace, trial())["spec"]

    assert spec["parameters"] == {"C": 1, "k": "a", "b": True}
    assert (spec["round"], spec["member"], spec["operation"], spec["finishedSeen"]) == (0, 0, "Init", 0)


@pytest.mark.parametrize("value", [["a"], {"a": 1}, [], {}, "x" * 254])
def test_a_value_is_a_scalar(cluster, namespace, value):
    """Neither a list nor an object is a parameter's value, nor is a text that no choice could be."""
    code, text = dry_run(cluster, namespace, trial(parameters={"C": value}))

    assert code != 0
    assert "spec.parameters.C" in text


@pytest.mark.parametrize("change", [{"number": 1}, {"parameters": {"C": 2}}, {"parameters": {"D": 2}}, {"member": 3}])
def test_a_trial_never_changes(cluster, namespace, change):
    """Neither a field nor a single value of a trial's spec can be changed or added."""
    create(cluster, namespace, trial())

    text = refusal(cluster, path_of(namespace, "iris-0-0", "trials"), {"spec": change})

    assert "spec: Forbidden: a trial's `spec` must not change: another parameter set is another trial" in text


def test_a_trials_result_is_written_once(cluster, namespace):
    """State, value and completion time are final together; what is learned later of its attempts may be added."""
    done = {"state": "Succeeded", "value": 0.5, "completionTime": NOW}
    create(cluster, namespace, trial(), done)
    path = path_of(namespace, "iris-0-0", "trials")

    for field, value in (("state", "Failed"), ("value", 0.6), ("value", None), ("completionTime", None)):
        assert "`value` must not change after" in refusal(cluster, f"{path}/status", {"status": {field: value}})
    stored = patch_status(cluster, path, {"attempts": [{"id": "0-0", "podUID": "u", "endTime": NOW}]})
    assert stored["status"]["value"] == 0.5


def test_get_prints_what_the_design_shows(cluster, namespace):
    """`kubectl get asj` and `ast`: the designed columns with the values of the status."""
    create(cluster, namespace, job(), STARTED)
    create(cluster, namespace, trial(), {"state": "Succeeded", "value": 0.9731, "attemptCount": 2})

    jobs = cluster.kubectl("get", "asj", namespace=namespace).stdout.splitlines()
    trials = cluster.kubectl("get", "ast", namespace=namespace).stdout.splitlines()

    assert jobs[0].split() == ["NAME", "STATE", "TRIALS", "RUNNING", "FAILED", "BEST", "AGE"]
    assert jobs[1].split()[:-1] == ["iris", "Running", "12/80", "4", "1", "0.9731"]
    assert trials[0].split() == ["NAME", "JOB", "STATE", "VALUE", "ATTEMPTS", "AGE"]
    assert trials[1].split()[:-1] == ["iris-0-0", "iris", "Succeeded", "0.9731", "2"]


def test_one_word_gets_both_kinds(cluster, namespace):
    """`kubectl get autosearch` is the category of jobs and trials."""
    create(cluster, namespace, job())
    create(cluster, namespace, trial())

    names = cluster.kubectl("get", "autosearch", "-o", "name", namespace=namespace).stdout.split()

    assert names == ["autosearchjob.autosearch.dev/iris", "trial.autosearch.dev/iris-0-0"]


def test_trials_are_selected_by_their_job(cluster, namespace):
    """A field selector finds a job's trials on the server."""
    create(cluster, namespace, trial())
    create(cluster, namespace, trial("other-0-0", jobName="other"))

    found = cluster.request("GET", f"{path_of(namespace, plural='trials')}?fieldSelector=spec.jobName%3Dother")

    assert [each["metadata"]["name"] for each in found["items"]] == ["other-0-0"]


def test_explain_tells_every_field(cluster):
    """`kubectl explain` knows the whole spec, the pod template included, and tells what to write."""
    every = cluster.kubectl("explain", "asj.spec", "--recursive").stdout
    one = " ".join(cluster.kubectl("explain", "asj.spec.parallelTrials").stdout.split())

    for field in ("parallelTrials", "exploreProbability", "tolerations", "claimName", "nodeAffinity"):
        assert re.search(rf"^ +{field}\t<", every, re.MULTILINE), field
    assert "parallelTrials: trials at once; absent: 1" in one
    assert "At least 1, at most 1000. May be changed at any time." in one
