"""What people at the command line are told about a cluster: refusals, waits, where logs are, which attempt is meant."""

from datetime import timedelta

import pytest
from tests.unit.view_samples import START, attempt, stamp, tpe_search, trial_of

from autosearch.api.errors import InvalidInputError
from autosearch.api.vendor import PLACEHOLDER_CLAIM, PLACEHOLDER_IMAGE
from autosearch.kubernetes.client import ApiError
from autosearch.kubernetes.cluster_rules import check_manifest
from autosearch.kubernetes.following import Sight
from autosearch.kubernetes.objects import AbsentError
from autosearch.kubernetes.pod_logs import Wanted, choose
from autosearch.kubernetes.refusals import Asked, sentence
from autosearch.kubernetes.resources import JOBS, PODS
from autosearch.views.failures import log_file

NO_RIGHT = 'autosearchjobs.autosearch.dev is forbidden: User "alice" cannot create resource "autosearchjobs"'
QUOTA = 'pods "a" is forbidden: exceeded quota: gpus, requested: 1, used: 2, limited: 2'
NAMED = {"name": "iris", "kind": "autosearchjobs"}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ApiError(0, "Unreachable", "https://h:1: Connect call failed"), ["does not answer", "https://h:1"]),
        (ApiError(401, "Unauthorized", "Unauthorized"), ["401", "log in anew", "--context"]),
        (
            ApiError(403, "Forbidden", NO_RIGHT),
            ["may not create autosearchjobs.autosearch.dev in namespace team", "alice"],
        ),
        (ApiError(403, "Forbidden", QUOTA), ["refuses it", "exceeded quota: gpus"]),
        (ApiError(404, "", "404 page not found"), ["knows no autosearchjobs", "install the chart"]),
        (
            ApiError(404, "NotFound", "not found", details=NAMED),
            ["there is no AutoSearchJob iris in namespace team", "-n"],
        ),
        (
            ApiError(404, "NotFound", "x", details={"name": "team", "kind": "namespaces"}),
            ["there is no namespace team"],
        ),
        (
            ApiError(422, "Invalid", "x is invalid: spec", details={"causes": None}),
            ["refuses AutoSearchJob iris", "spec"],
        ),
        (
            ApiError(422, "Invalid", "long", details={"causes": [{"field": "spec.seed", "message": "too small"}]}),
            ["refuses AutoSearchJob iris:", "  spec.seed: too small"],
        ),
        (ApiError(500, "InternalError", "etcd is ill"), ["answered 500: etcd is ill"]),
    ],
)
def test_each_refusal_says_what_was_asked_why_not_and_what_to_do(error, said):
    """Status codes become sentences that name verb, resource and namespace."""
    text = sentence(error, Asked("create", JOBS, "team", "iris"))

    for part in said:
        assert part in text


def test_a_subresource_is_named_as_rbac_names_it():
    """Who may not read logs is told the very resource that a role must have."""
    error = ApiError(403, "Forbidden", "User x cannot get resource")

    assert "may not get pods/log in namespace team" in sentence(error, Asked("get", PODS, "team", "p", "log"))


def started(identity: str, number: int, begun: float, *ids: str, **status):
    """Make a trial whose attempts began at a time, one after another."""
    attempts = [attempt(name, begun + 10 * place, None) for place, name in enumerate(ids)]
    return trial_of("iris", number, identity, {"parameters": {"x": 1}}, {"attempts": attempts, **status})


@pytest.fixture
def search():
    """A job whose best trial is 0-1, with the last start in trial 0-0, and a trial that has not started."""
    job = tpe_search(20)[0]
    job = job.replace(metadata=job.metadata.replace(name="iris"))
    best = job.status.best.replace(trial_name="iris-3f9c2a7e-0-1")
    job = job.replace(status=job.status.replace(best=best))
    return job, [
        started("0-0", 0, 50, "0-0", "0-0-r1"),
        started("0-1", 1, 20, "0-1"),
        started("0-2", 2, 0),
    ]


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (Wanted(), "0-0-r1"),
        (Wanted(best=True), "0-1"),
        (Wanted(trial="0-0"), "0-0-r1"),
        (Wanted(trial="0-0", attempt=0), "0-0"),
        (Wanted(trial="0-0", attempt=7), "0-0-r7"),
        (Wanted(trial="0-0-r1"), "0-0-r1"),
        (Wanted(trial="iris-3f9c2a7e-0-1"), "0-1"),
        (Wanted(trial="iris-3f9c2a7e-0-0-r1"), "0-0-r1"),
        (Wanted(trial="0-2"), "0-2"),
    ],
)
def test_the_attempt_that_is_meant_is_found(search, wanted, chosen):
    """Whatever names an attempt in a table or in a pod's name may be given; without a name it is the last start."""
    assert choose(*search, wanted).id == chosen


def test_a_trial_that_is_not_there_is_told_with_those_that_are(search):
    """A wrong id is answered with the right ones."""
    with pytest.raises(InvalidInputError, match=r"--trial: found 0-9; is no trial of iris: 0-0, 0-1, 0-2"):
        choose(*search, Wanted(trial="0-9"))
    with pytest.raises(InvalidInputError, match="is no trial of iris"):
        choose(*search, Wanted(trial="x"))


def test_a_search_without_trials_or_success_says_so(search):
    """`--best` before a success, and any log before a trial, are answered with what to do."""
    job = search[0].replace(status=search[0].status.replace(best=None))

    with pytest.raises(AbsentError, match="no best trial yet"):
        choose(job, search[1], Wanted(best=True))
    with pytest.raises(AbsentError, match="autosearch watch iris"):
        choose(job, [], Wanted())


def test_the_log_of_a_failed_trial_is_a_file_or_a_command(search):
    """A local search names the file; one on a cluster the command that prints it."""
    trial = started("0-3", 3, 0, "0-3", "0-3-r1", state="Failed", completionTime=stamp(30))
    on_cluster = trial.replace(metadata=trial.metadata.replace(namespace="team", resource_version="7"))

    assert log_file(trial) == "logs/0-3-r1.log"
    assert log_file(on_cluster) == "autosearch logs iris -n team --trial 0-3"


def test_what_a_trial_waits_for_is_read_from_its_condition(search):
    """The live view shows the waits that the operator wrote, and none of a trial that runs or has ended."""
    wait = {"type": "Running", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes have a GPU"}
    conditions = [{**wait, "lastTransitionTime": stamp(0)}]
    waiting = started("0-3", 3, 0, conditions=conditions)
    over = started("0-4", 4, 0, conditions=conditions, state="Stopped", completionTime=stamp(9))
    running = started("0-5", 5, 0, conditions=[{**conditions[0], "status": "True", "reason": "Started"}])
    sight = Sight(search[0], [waiting, over, running], START + timedelta(minutes=1))

    assert [(run.trial_name, run.reason, run.message) for run in sight.waiting] == [
        (waiting.name, "Unschedulable", "0/3 nodes have a GPU")
    ]


def job_with(container, **spec):
    """Make a job's document with one container."""
    fields = {
        "objective": {"metric": "acc", "direction": "Maximize"},
        "parameters": [{"name": "x", "float": {"min": 0.0, "max": 1.0}}],
        "maxTrials": 3,
        "template": {"spec": {"containers": [{"command": ["true"], **container}]}},
        **spec,
    }
    head = {"apiVersion": "autosearch.dev/v1alpha1", "kind": "AutoSearchJob", "metadata": {"name": "job"}}
    return {**head, "spec": fields}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (job_with({"name": "trial"}), "containers[name=trial].image: is required on a cluster"),
        (job_with({"image": "x"}), "containers[0].name: is required on a cluster"),
        (job_with({"name": "a", "image": PLACEHOLDER_IMAGE}), "is a placeholder: give --into"),
        (job_with({"name": "a", "image": "x"}, output={"volume": {}}), "spec.output.volume: found {}; must say which"),
        (
            job_with(
                {"name": "a", "image": "x"},
                output={"volume": {"persistentVolumeClaim": {"claimName": PLACEHOLDER_CLAIM}}},
            ),
            "spec.output.volume.persistentVolumeClaim.claimName",
        ),
        (job_with({"name": "a", "image": "x"}, maxTrials=0), "spec.maxTrials"),
    ],
)
def test_what_a_cluster_needs_is_asked_for_before_it_is_asked(document, said):
    """What only a local run can do without is one line, which names the field."""
    (problem,) = check_manifest(document)

    assert said in str(problem)


def test_a_job_for_a_cluster_passes():
    """A job with image and volumes has no problem; one that is broken altogether has its own problems alone."""
    claim = {"volume": {"persistentVolumeClaim": {"claimName": "results"}}}

    assert check_manifest(job_with({"name": "trial", "image": "x"}, output=claim)) == []
    assert check_manifest({"spec": None})
    assert check_manifest({"spec": {"template": None, "output": 1}})
