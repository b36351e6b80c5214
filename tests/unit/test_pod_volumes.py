"""What a trial finds in its pod's folders, and who may write where."""

import pytest
from tests.unit.pod_samples import (
    CLAIM,
    CODE,
    DATA,
    GPU,
    OUTPUT,
    PBT,
    RESUME,
    SETTINGS,
    container,
    job,
    mounts,
    pod_of,
    volumes,
)

from autosearch.api.errors import InvalidInputError
from autosearch.kubernetes.pod import SIDECAR, PodSettings, cleaner_pod, gpus_of, model_root
from autosearch.kubernetes.pod.trial import SHARED_MEMORY

JOB_FOLDER = "/workspace/output/demo-01234567"


def test_without_a_working_directory_the_trial_works_in_a_volume_of_its_own():
    """W is /workspace, an emptyDir."""
    pod = pod_of(job())

    assert container(pod)["workingDir"] == "/workspace"
    assert volumes(pod)[mounts(pod)["/workspace"]["name"]] == {"emptyDir": {}}


def test_code_is_copied_by_the_sidecar_into_the_working_directory():
    """The sidecar sees the code read-only and the working directory; the trial sees the copy alone."""
    pod = pod_of(job(code=CODE | {"subPath": "src"}, container={"workingDir": "/app/"}))

    assert mounts(pod, SIDECAR)["/autosearch/code"] == {
        "name": "autosearch-code",
        "mountPath": "/autosearch/code",
        "readOnly": True,
        "subPath": "src",
    }
    assert mounts(pod, SIDECAR)["/autosearch/work"]["name"] == mounts(pod)["/app"]["name"]
    assert "/autosearch/code" not in mounts(pod)
    assert container(pod)["workingDir"] == "/app"


def test_a_working_directory_of_the_image_is_not_hidden():
    """`workingDir` without `code`: only the folders are mounted into it."""
    pod = pod_of(job(container={"workingDir": "/opt/app"}, trainData={"volume": DATA}, output=OUTPUT))

    assert {path for path in mounts(pod) if path.startswith("/opt")} == {
        "/opt/app/train_data",
        "/opt/app/output",
        "/opt/app/output/demo-01234567",
    }
    assert "/autosearch/work" not in mounts(pod, SIDECAR)


def test_data_is_read_only_and_its_folder_is_the_sources():
    """Shared data cannot be changed by a trial."""
    pod = pod_of(job(trainData={"volume": DATA, "subPath": "mnist/"}, testData={"volume": CLAIM}))

    assert mounts(pod)["/workspace/train_data"] == {
        "name": "autosearch-train-data",
        "mountPath": "/workspace/train_data",
        "readOnly": True,
        "subPath": "mnist",
    }
    assert mounts(pod)["/workspace/test_data"]["readOnly"] is True


def test_a_private_copy_is_the_trials_own_and_writable():
    """A plain init container copies the data into an emptyDir; the source itself is not in the trial."""
    pod = pod_of(job(trainData={"volume": DATA, "subPath": "mnist", "access": "PrivateCopy"}))
    copier = container(pod, "autosearch-copy-train-data")
    target = mounts(pod)["/workspace/train_data"]

    assert copier["command"] == [
        "autosearch",
        "sidecar",
        "--copy",
        "/autosearch/from/train_data",
        "/autosearch/to/train_data",
    ]
    assert "restartPolicy" not in copier
    assert mounts(pod, copier["name"])["/autosearch/from/train_data"]["readOnly"] is True
    assert mounts(pod, copier["name"])["/autosearch/to/train_data"]["name"] == target["name"]
    assert "readOnly" not in target
    assert volumes(pod)[target["name"]] == {"emptyDir": {}}


def test_the_output_root_can_be_read_and_only_the_jobs_folder_written():
    """A model that is saved to the wrong place fails loudly instead of being lost."""
    pod = pod_of(job(output=OUTPUT))

    assert mounts(pod)["/workspace/output"] == {
        "name": "autosearch-output",
        "mountPath": "/workspace/output",
        "readOnly": True,
        "subPath": "team-a",
    }
    assert mounts(pod)[JOB_FOLDER] == {
        "name": "autosearch-output",
        "mountPath": JOB_FOLDER,
        "subPath": "team-a/demo-01234567",
    }


def test_nobody_makes_the_trials_own_folder():
    """No mount is at or below `output/<job id>/<attempt id>`: some frameworks refuse a folder that exists."""
    pod = pod_of(job(output=OUTPUT), resume="demo-01234567/0-4/model.pkl")

    assert not [path for path in mounts(pod) if path.startswith(f"{JOB_FOLDER}/")]


def test_the_parents_folder_is_read_only():
    """A child reads its parent's checkpoint and cannot change it."""
    pod = pod_of(job(**PBT, output=OUTPUT), attempt="1-0", resume=RESUME)

    assert mounts(pod)[f"{JOB_FOLDER}/0-1"] == {
        "name": "autosearch-output",
        "mountPath": f"{JOB_FOLDER}/0-1",
        "readOnly": True,
        "subPath": "team-a/demo-01234567/0-1",
    }


@pytest.mark.parametrize(
    "checkpoint", ["demo-01234567/model.pkl", "other-01234567/0-1/model.pkl", "demo-01234567/../x"]
)
def test_a_checkpoint_that_is_in_no_attempts_folder_adds_no_mount(checkpoint):
    """Only a folder directly in the job's own is guarded, and nothing of a path leads out of it."""
    pod = pod_of(job(**PBT, output=OUTPUT), attempt="1-0", resume=checkpoint)

    assert not [path for path in mounts(pod) if path.startswith(f"{JOB_FOLDER}/")]


def test_without_an_output_none_is_mounted():
    """The script may make the folder `output` itself; it goes with the pod."""
    pod = pod_of(job(code=CODE))

    assert "/workspace/output" not in mounts(pod)
    assert not [path for path in mounts(pod, SIDECAR) if path.startswith("/autosearch/output")]


def test_the_sidecar_sees_the_jobs_output_read_only():
    """It checks reports against the files, changes none, and sees no other job's."""
    found = mounts(pod_of(job(output=OUTPUT)), SIDECAR)

    assert found["/autosearch/output/demo-01234567"]["readOnly"] is True
    assert found["/autosearch/output/demo-01234567"]["subPath"] == "team-a/demo-01234567"
    assert "/autosearch/output" not in found


def test_equal_sources_become_one_pod_volume():
    """Data and output in one claim are one volume, and read-only stands at the mounts alone."""
    data = {"persistentVolumeClaim": {"claimName": "results", "readOnly": True}}
    pod = pod_of(job(trainData={"volume": data, "subPath": "data"}, output=OUTPUT))
    claims = [volume for volume in volumes(pod).values() if "persistentVolumeClaim" in volume]

    assert claims == [{"persistentVolumeClaim": {"claimName": "results"}}]
    assert mounts(pod)["/workspace/train_data"]["readOnly"] is True
    assert "readOnly" not in mounts(pod)[JOB_FOLDER]


def test_a_volume_of_the_template_is_used_again():
    """The template's own volume of the same claim is the pod's one volume of it."""
    own = {"volumes": [{"name": "mine", **CLAIM}]}
    pod = pod_of(job(output=OUTPUT, pod=own))

    assert mounts(pod)[JOB_FOLDER]["name"] == "mine"
    assert "autosearch-output" not in volumes(pod)


def test_a_read_only_volume_of_the_template_does_not_make_the_output_read_only():
    """Its read-only moves to the template's mounts, which mean the same."""
    claim = {"persistentVolumeClaim": {"claimName": "results", "readOnly": True}}
    own = {"volumes": [{"name": "mine", **claim}]}
    used = {"volumeMounts": [{"name": "mine", "mountPath": "/reference"}]}

    pod = pod_of(job(output=OUTPUT, pod=own, container=used))

    assert volumes(pod)["mine"] == CLAIM
    assert mounts(pod)["/reference"]["readOnly"] is True
    assert "readOnly" not in mounts(pod)[JOB_FOLDER]


def test_empty_directories_are_never_shared():
    """Two emptyDirs are two folders though their sources are equal."""
    own = {"volumes": [{"name": "scratch", "emptyDir": {}}]}
    pod = pod_of(job(output={"volume": {"emptyDir": {}}}, pod=own))

    assert mounts(pod)["/workspace/output"]["name"] == mounts(pod)[JOB_FOLDER]["name"] == "autosearch-output"
    assert [each["name"] for each in pod["spec"]["volumes"]].count("autosearch-output") == 1


def test_the_trial_cannot_write_the_folder_of_the_socket():
    """The socket's folder is read-only in the trial, the result's writable, the sidecar's own not there."""
    pod = pod_of(job())

    assert mounts(pod)["/autosearch/run"]["readOnly"] is True
    assert "readOnly" not in mounts(pod)["/autosearch/result"]
    assert "/autosearch/state" not in mounts(pod)
    assert {"/autosearch/run", "/autosearch/result", "/autosearch/state"} <= mounts(pod, SIDECAR).keys()


def test_only_the_sidecar_gets_the_token():
    """A projected token of our audience, for an hour at most; the user's containers get no credential."""
    pod = pod_of(job(trainData={"volume": DATA, "access": "PrivateCopy"}))

    assert volumes(pod)["autosearch-token"] == {
        "projected": {
            "sources": [
                {"serviceAccountToken": {"audience": "autosearch.dev", "expirationSeconds": 3600, "path": "token"}}
            ]
        }
    }
    assert mounts(pod, SIDECAR)["/var/run/secrets/autosearch.dev"]["readOnly"] is True
    assert "autosearch-token" not in [each["name"] for each in container(pod)["volumeMounts"]]
    assert "autosearch-token" not in [
        each["name"] for each in container(pod, "autosearch-copy-train-data")["volumeMounts"]
    ]


def test_without_a_report_server_there_is_no_token():
    """A pod that reports to nobody carries no credential."""
    pod = pod_of(job(), settings=PodSettings("sidecar:1"))

    assert "autosearch-token" not in volumes(pod)


def test_a_gpu_pod_gets_shared_memory_of_its_memory_limits_size():
    """Shared memory is a volume as large as the container's memory, where that is known."""
    sized = pod_of(job(container=GPU))
    unsized = pod_of(job(container={"resources": {"limits": {"amd.com/gpu": "1"}}}))

    assert mounts(sized)[SHARED_MEMORY]["name"] == "autosearch-shm"
    assert volumes(sized)["autosearch-shm"] == {"emptyDir": {"medium": "Memory", "sizeLimit": "16Gi"}}
    assert volumes(unsized)["autosearch-shm"] == {"emptyDir": {"medium": "Memory"}}


def test_shared_memory_is_left_to_a_template_that_has_it_and_to_pods_without_gpu():
    """The template's own /dev/shm is kept, and a CPU pod gets none."""
    own = GPU | {"volumeMounts": [{"name": "shm", "mountPath": SHARED_MEMORY}]}
    pod = pod_of(job(container=own, pod={"volumes": [{"name": "shm", "emptyDir": {"medium": "Memory"}}]}))

    assert mounts(pod)[SHARED_MEMORY]["name"] == "shm"
    assert "autosearch-shm" not in volumes(pod) | volumes(pod_of(job()))


@pytest.mark.parametrize(
    ("limits", "gpus"),
    [
        ({"nvidia.com/gpu": 2}, 2),
        ({"nvidia.com/gpu": "4", "cpu": "8"}, 4),
        ({"nvidia.com/mig-1g.5gb": 1}, 1),
        ({"gpu.intel.com/i915": 1}, 0),
        ({"nvidia.com/gpu": "many"}, 0),
        ({}, 0),
    ],
)
def test_gpus_are_limits_whose_name_says_so(limits, gpus):
    """What is billed are limits that end in /gpu or hold /mig-."""
    assert gpus_of({"spec": {"containers": [{"resources": {"limits": limits}}]}}) == gpus


def test_gpus_of_containers_add_up_and_those_of_init_containers_do_not():
    """An init container uses the GPUs that the containers get later; a sidecar has its own."""
    one, two = ({"resources": {"limits": {"nvidia.com/gpu": count}}} for count in (1, 2))

    assert gpus_of({"spec": {"containers": [one, two], "initContainers": [one]}}) == 3
    assert gpus_of({"spec": {"containers": [one], "initContainers": [two]}}) == 2
    assert gpus_of({"spec": {"containers": [one], "initContainers": [two | {"restartPolicy": "Always"}]}}) == 3
    assert gpus_of({}) == 0


@pytest.mark.parametrize(
    ("output", "root"),
    [
        (OUTPUT, "pvc://results/team-a"),
        ({"volume": CLAIM}, "pvc://results"),
        ({"volume": {"nfs": {"server": "nas", "path": "/models/"}}, "subPath": "a/b/"}, "nfs://nas/models/a/b"),
        ({"volume": {"nfs": {"server": "nas", "path": "/"}}, "subPath": "a"}, "nfs://nas/a"),
        ({"volume": {"hostPath": {"path": "/data"}}, "subPath": "x"}, "hostpath:///data/x"),
        ({"volume": {"emptyDir": {}}}, ""),
        (None, ""),
    ],
)
def test_models_have_an_address_where_their_volume_has_one(output, root):
    """`modelURI` is made of claim, server or path and the folder in it."""
    assert model_root(job(output=output)) == root


def test_a_cleaner_sees_only_the_jobs_own_folder():
    """It removes directories by name from the one folder that is mounted, as the template's user, without a GPU."""
    a_job = job(output=OUTPUT, container={**GPU, "securityContext": {"runAsUser": 1000}})
    pod = cleaner_pod(a_job, "demo-01234567-cleaner-1", ["demo-01234567/0-1", "demo-01234567/0-2"], SETTINGS)
    (only,) = pod["spec"]["containers"]

    assert only["command"] == ["autosearch", "sidecar", "--remove", "0-1", "0-2"]
    assert only["volumeMounts"] == [
        {"name": "autosearch-output", "mountPath": "/autosearch/output", "subPath": "team-a/demo-01234567"}
    ]
    assert only["securityContext"]["runAsUser"] == 1000
    assert gpus_of(pod) == 0
    assert pod["metadata"]["labels"]["autosearch.dev/cleaner"] == "true"
    assert pod["metadata"]["ownerReferences"][0]["kind"] == "AutoSearchJob"


def test_a_cleaner_without_a_known_user_is_root_with_the_two_rights_it_needs():
    """Files of whatever user the image has can be removed, and nothing else is allowed."""
    pod = cleaner_pod(job(output=OUTPUT), "demo-01234567-cleaner-1", ["demo-01234567/0-1"], SETTINGS)
    security = pod["spec"]["containers"][0]["securityContext"]

    assert security["runAsUser"] == 0
    assert security["capabilities"] == {"drop": ["ALL"], "add": ["DAC_OVERRIDE", "FOWNER"]}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"pod": {"volumes": [{"name": "autosearch-x", "emptyDir": {}}]}}, "volumes[0].name"),
        ({"pod": {"initContainers": [{"name": f"i{n}"} for n in range(5)]}}, "containers"),
        ({"container": {"workingDir": "app"}}, "containers[0].workingDir"),
        ({"container": {"workingDir": "/"}, "code": CODE}, "containers[0].workingDir"),
        ({"container": {"volumeMounts": [{"name": "x", "mountPath": "/workspace/"}]}}, "volumeMounts[0].mountPath"),
        ({"container": {"volumeMounts": [{"name": "x", "mountPath": "/autosearch/run"}]}}, "volumeMounts[0].mountPath"),
        (
            {"output": OUTPUT, "container": {"volumeMounts": [{"name": "x", "mountPath": "/workspace/output"}]}},
            "volumeMounts[0].mountPath",
        ),
    ],
)
def test_a_template_that_leaves_us_no_room_is_refused(wrong, field):
    """Names, paths and the number of containers that are ours are told with the field that takes them."""
    with pytest.raises(InvalidInputError) as caught:
        pod_of(job(**wrong))

    assert caught.value.problems[0].path.endswith(field)
