"""The pod of an attempt, rule by rule."""

import json

from tests.unit.pod_samples import (
    CLAIM,
    CODE,
    DATA,
    EVERYTHING,
    GPU,
    OUTPUT,
    SETTINGS,
    container,
    env,
    job,
    pod_of,
    trial,
)

from autosearch.engine.command_line import command_line
from autosearch.kubernetes.pod import SIDECAR, PodSettings, build_pod
from autosearch.sidecar.settings import SETTINGS as VARIABLE
from autosearch.sidecar.settings import SidecarSettings


def test_a_pod_is_owned_by_its_trial_alone():
    """Deleting the trial deletes its pods, and nobody else is their controller."""
    assert pod_of(job())["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "autosearch.dev/v1alpha1",
            "kind": "Trial",
            "name": "demo-01234567-0-4",
            "uid": "fedcba98",
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


def test_a_proposed_trials_pod_is_owned_by_the_job():
    """A dry run has no trial that exists yet, and an owner without a uid is refused."""
    proposed = trial().replace(metadata=trial().metadata.replace(uid=None))

    owner = build_pod(job(), proposed, "0-4", "", SETTINGS)["metadata"]["ownerReferences"][0]

    assert (owner["kind"], owner["uid"]) == ("AutoSearchJob", "0123456789abcdef")


def test_names_and_labels_are_deterministic():
    """The pod's name is job id and attempt id, and its labels say whose it is."""
    metadata = pod_of(job(), attempt="0-4-r1")["metadata"]

    assert (metadata["name"], metadata["namespace"]) == ("demo-01234567-0-4-r1", "team")
    assert metadata["labels"] == {
        "autosearch.dev/job": "demo",
        "autosearch.dev/trial": "demo-01234567-0-4",
        "autosearch.dev/attempt": "0-4-r1",
        "autosearch.dev/managed": "true",
    }


def test_labels_and_annotations_of_the_template_are_kept():
    """What the template says of its pods reaches them, but for our own labels."""
    theirs = {"labels": {"team": "vision", "autosearch.dev/job": "other"}, "annotations": {"note": "kept"}}

    metadata = pod_of(job(template={"metadata": theirs}))["metadata"]

    assert metadata["labels"]["team"] == "vision"
    assert metadata["labels"]["autosearch.dev/job"] == "demo"
    assert metadata["annotations"]["note"] == "kept"


def test_kueues_labels_of_the_job_are_copied_and_no_others():
    """A queue named on the job queues its pods; where the template names one, that counts."""
    labels = {"kueue.x-k8s.io/queue-name": "team-a", "kueue.x-k8s.io/priority-class": "low", "team": "vision"}
    theirs = {"metadata": {"labels": {"kueue.x-k8s.io/queue-name": "team-b"}}}

    copied = pod_of(job(labels=labels))["metadata"]["labels"]
    own = pod_of(job(labels=labels, template=theirs))["metadata"]["labels"]

    assert copied["kueue.x-k8s.io/queue-name"] == "team-a"
    assert copied["kueue.x-k8s.io/priority-class"] == "low"
    assert "team" not in copied
    assert own["kueue.x-k8s.io/queue-name"] == "team-b"


def test_a_pod_is_never_restarted():
    """`restartPolicy` is Never whatever the template says."""
    assert pod_of(job(pod={"restartPolicy": "Always"}))["spec"]["restartPolicy"] == "Never"


def test_no_credentials_and_no_service_variables_unless_the_template_asks():
    """The trial gets no ServiceAccount token by default, and a template that wants one gets it."""
    spec = pod_of(job())["spec"]
    asked = pod_of(job(pod={"automountServiceAccountToken": True, "enableServiceLinks": True}))["spec"]

    assert (spec["automountServiceAccountToken"], spec["enableServiceLinks"]) == (False, False)
    assert (asked["automountServiceAccountToken"], asked["enableServiceLinks"]) == (True, True)


def test_all_else_of_the_template_is_untouched():
    """Tolerations, runtime class, priority, gates, pull secrets, security contexts: the template's, word for word."""
    a_job = job(**EVERYTHING)
    template = a_job.spec.template["spec"]
    before = json.dumps(template)

    spec = pod_of(a_job, lr=0.1, kernel="rbf", use_bn=False)["spec"]

    changed = {"containers", "initContainers", "volumes"}
    assert {key: spec[key] for key in template if key not in changed} == {
        key: value for key, value in template.items() if key not in changed
    }
    assert spec["initContainers"][0] == template["initContainers"][0]
    assert spec["volumes"][0] == template["volumes"][0]
    for field in ("image", "resources", "securityContext"):
        assert container({"spec": spec})[field] == template["containers"][0][field]
    assert json.dumps(template) == before


def test_extra_containers_are_kept_and_the_one_named_trial_is_the_trial():
    """The trial need not be the first container, and the others are not changed."""
    others = [{"name": "proxy", "image": "proxy:1"}, {"name": "trial", "image": "i", "command": ["run"]}]

    pod = pod_of(job(pod={"containers": others}))

    assert pod["spec"]["containers"][0] == others[0]
    assert container(pod)["args"][0] == "--job_id=demo-01234567"
    assert pod["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"] == "trial"


def test_the_command_line_is_the_engines():
    """A pod runs the same words as a local process."""
    a_job = job(container={"args": ["--epochs=3"]})
    line = command_line(a_job, trial(), "0-4")

    assert (container(pod_of(a_job))["command"], container(pod_of(a_job))["args"]) == (line.command, line.args)


def test_our_variables_come_before_the_templates():
    """The template's variables may refer to ours, as the kubelet expands only what stands before."""
    entries = container(pod_of(job(container={"env": [{"name": "RATE", "value": "$(AUTOSEARCH_PARAM_lr)"}]})))["env"]
    names = [entry["name"] for entry in entries]

    assert names.index("AUTOSEARCH_PARAM_lr") < names.index("RATE") == len(names) - 1
    assert entries[-1]["value"] == "$(AUTOSEARCH_PARAM_lr)"


def test_values_are_not_expanded_by_the_kubelet():
    """A choice that looks like a reference reaches the script as it is written."""
    a_job = job(parameters=[{"name": "kernel", "categorical": {"choices": ["a$(x)", "b"]}}])

    pod = pod_of(a_job, kernel="a$(x)")

    assert env(pod)["AUTOSEARCH_PARAM_kernel"] == "a$$(x)"
    assert container(pod)["args"][-1] == "--kernel=a$$(x)"


def test_the_template_cannot_change_our_variables():
    """What the script reads as its parameter is what was proposed, whatever the template defines."""
    theirs = [{"name": "AUTOSEARCH_PARAM_lr", "value": "9"}, {"name": "PYTHONUNBUFFERED", "value": ""}]
    entries = container(pod_of(job(container={"env": theirs})))["env"]

    assert [entry["value"] for entry in entries if entry["name"] == "AUTOSEARCH_PARAM_lr"] == ["0.1"]
    assert [entry["value"] for entry in entries if entry["name"] == "PYTHONUNBUFFERED"] == [""]


def test_the_sdk_stands_before_the_templates_python_path():
    """The SDK is found without an image of ours, and the template's own packages stay reachable."""
    own = {"env": [{"name": "PYTHONPATH", "value": "/opt/lib"}]}

    assert env(pod_of(job()))["PYTHONPATH"] == "/autosearch/run/python"
    assert env(pod_of(job(container=own)))["PYTHONPATH"] == "/autosearch/run/python:/opt/lib"


def test_a_python_path_from_elsewhere_is_kept_too():
    """A value that only the kubelet knows is put behind the SDK by a reference."""
    source = {"configMapKeyRef": {"name": "paths", "key": "python"}}
    entries = container(pod_of(job(container={"env": [{"name": "PYTHONPATH", "valueFrom": source}]})))["env"]

    assert entries[-2:] == [
        {"name": "AUTOSEARCH_TEMPLATE_PYTHONPATH", "valueFrom": source},
        {"name": "PYTHONPATH", "value": "/autosearch/run/python:$(AUTOSEARCH_TEMPLATE_PYTHONPATH)"},
    ]


def test_the_trial_knows_the_socket_and_the_result_file():
    """The SDK finds the socket, and a script without it where to write its result."""
    found = env(pod_of(job()))

    assert found["AUTOSEARCH_SOCKET"] == "/autosearch/run/report.sock"
    assert found["AUTOSEARCH_RESULT"] == "/autosearch/result/result.json"


def test_every_word_and_value_is_a_string():
    """Numbers in a template's args and env reach the API server as the strings that it asks for."""
    pod = pod_of(job(container={"args": ["--epochs", 3], "env": [{"name": "N", "value": 3}]}))

    assert all(isinstance(word, str) for word in container(pod)["args"])
    assert env(pod)["N"] == "3"


def test_a_failed_trial_shows_the_end_of_its_log_unless_the_template_has_its_own_way():
    """The termination message falls back to the log."""
    own = {"terminationMessagePolicy": "File"}

    assert container(pod_of(job()))["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert container(pod_of(job(container=own)))["terminationMessagePolicy"] == "File"


def test_the_sidecar_is_native_and_the_last_to_start_before_the_trial():
    """It starts after all init containers, runs beside the trial, and is ended after it."""
    private = {"volume": DATA, "access": "PrivateCopy"}
    warm = {"initContainers": [{"name": "warm", "image": "busybox:1"}]}

    starting = pod_of(job(trainData=private, pod=warm))["spec"]["initContainers"]

    assert [each["name"] for each in starting] == ["warm", "autosearch-copy-train-data", SIDECAR]
    assert starting[-1]["restartPolicy"] == "Always"
    assert starting[-1]["command"] == ["autosearch", "sidecar"]


def test_a_hook_and_never_a_probe_holds_the_trial_back():
    """The trial starts once the sidecar says that it is ready; a startupProbe would cost two seconds of GPU."""
    found = container(pod_of(job()), SIDECAR)
    command = found["lifecycle"]["postStart"]["exec"]["command"]

    assert command[:2] == ["sh", "-c"]
    assert "/autosearch/run/ready" in command[2]
    assert not {"startupProbe", "readinessProbe", "livenessProbe"} & found.keys()


def test_the_sidecar_asks_for_little_and_has_no_cpu_limit():
    """It does not cost a node, and is never throttled."""
    assert container(pod_of(job()), SIDECAR)["resources"] == {
        "requests": {"cpu": "10m", "memory": "32Mi"},
        "limits": {"memory": "128Mi"},
    }


def test_the_sidecar_is_told_what_a_report_must_say():
    """Its one variable, as the kubelet expands it, holds ids, metric, framework and the way to the report server."""
    a_job = job(framework="PyTorch", code=CODE, output=OUTPUT, objective={"metric": "$(acc)", "direction": "Maximize"})
    text = env(pod_of(a_job, attempt="0-4-r1"), SIDECAR)[VARIABLE]

    assert SidecarSettings.from_json(text.replace("$$", "$")) == SidecarSettings(
        job_id="demo-01234567",
        attempt_id="0-4-r1",
        trial_name="demo-01234567-0-4",
        metric="$(acc)",
        working_directory="/workspace",
        framework="PyTorch",
        checkpoint_required=False,
        model_kept=True,
        copies_code=True,
        report_url=SETTINGS.report_url,
        ca_certificate=SETTINGS.ca_certificate,
    )


def test_the_sidecars_user_is_the_trials_but_never_root():
    """It can read what a trial with a user of its own writes; beside a root trial it is the image's own user."""
    own = container(pod_of(job(container={"securityContext": {"runAsUser": 1000}})), SIDECAR)
    pods = container(pod_of(job(pod={"securityContext": {"runAsUser": 2000}})), SIDECAR)
    root = container(pod_of(job(pod={"securityContext": {"runAsUser": 0}})), SIDECAR)
    absent = container(pod_of(job()), SIDECAR)

    assert [each["securityContext"].get("runAsUser") for each in (own, pods, root, absent)] == [1000, 2000, 65532, None]


def test_image_and_pull_policy_are_the_operators():
    """The sidecar's image is what the operator was told, with its pull policy."""
    found = container(pod_of(job(), settings=PodSettings("mirror/autosearch:2", "Always")), SIDECAR)

    assert (found["image"], found["imagePullPolicy"]) == ("mirror/autosearch:2", "Always")


def test_the_same_arguments_give_the_same_pod():
    """Building is pure, so that creating a pod twice is harmless."""
    a_job = job(code=CODE, output={"volume": CLAIM}, container=GPU)

    assert json.dumps(pod_of(a_job)) == json.dumps(pod_of(a_job))
