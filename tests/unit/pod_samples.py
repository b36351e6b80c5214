"""Jobs whose pods are looked at, and what a pod is built of in these tests."""

from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import Trial
from autosearch.kubernetes.pod import PodSettings, build_pod

UID = "0123456789abcdef"
SETTINGS = PodSettings(
    image="ghcr.io/autosearch/autosearch:0.1.0",
    report_url="https://autosearch.autosearch-system.svc:8443",
    ca_certificate="-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
)
CLAIM = {"persistentVolumeClaim": {"claimName": "results"}}
DATA = {"persistentVolumeClaim": {"claimName": "datasets"}}
CODE = {"volume": {"configMap": {"name": "demo-code"}}}
OUTPUT = {"volume": CLAIM, "subPath": "team-a"}
PBT = {"algorithm": {"pbt": {"population": 4, "rounds": 3, "perturbInterval": 10}}, "maxTrials": None}
RESUME = "demo-01234567/0-1/model.pkl"
_LEAST = {
    "objective": {"metric": "acc", "direction": "Maximize"},
    "parameters": [{"name": "lr", "float": {"min": 0.001, "max": 1.0, "scale": "Log"}}],
    "maxTrials": 6,
}
_CONTAINER = {"name": "trial", "image": "my/sklearn:1", "command": ["python", "train.py"]}


def job(*, container=None, pod=None, template=None, labels=None, **spec) -> AutoSearchJob:
    """Make a job; `container` and `pod` are put into its template, all else are fields of its spec."""
    containers = {"containers": [_CONTAINER | (container or {})]}
    fields = {**_LEAST, "template": {"spec": containers | (pod or {}), **(template or {})}, **spec}
    metadata = {"name": "demo", "namespace": "team", "uid": UID, "labels": labels or {}}
    return AutoSearchJob.from_dict(
        {"metadata": metadata, "spec": {name: value for name, value in fields.items() if value is not None}}
    )


def trial(**values) -> Trial:
    """Make the trial whose pod is built; it exists."""
    values = values or {"lr": 0.1}
    return Trial.from_dict(
        {
            "metadata": {"name": "demo-01234567-0-4", "uid": "fedcba98"},
            "spec": {"jobName": "demo", "number": 4, "trialId": "0-4", "parameters": values, "sampler": "random"},
        }
    )


def pod_of(a_job: AutoSearchJob, *, attempt="0-4", resume="", settings=SETTINGS, **values) -> dict:
    """Build a pod."""
    return build_pod(a_job, trial(**values), attempt, resume, settings)


def container(pod: dict, name: str = "trial") -> dict:
    """Give a container of a pod by its name."""
    spec = pod["spec"]
    return next(each for each in [*spec["containers"], *spec["initContainers"]] if each["name"] == name)


def mounts(pod: dict, name: str = "trial") -> dict[str, dict]:
    """Give a container's mounts by their paths."""
    return {each["mountPath"]: each for each in container(pod, name)["volumeMounts"]}


def volumes(pod: dict) -> dict[str, dict]:
    """Give a pod's volumes by their names, without these."""
    return {
        each["name"]: {key: value for key, value in each.items() if key != "name"} for each in pod["spec"]["volumes"]
    }


def env(pod: dict, name: str = "trial") -> dict[str, str]:
    """Give a container's variables that have a plain value."""
    return {each["name"]: each.get("value") for each in container(pod, name)["env"]}


GPU = {"resources": {"limits": {"nvidia.com/gpu": 1, "memory": "16Gi"}}}
EVERYTHING = {
    "parameters": [
        {"name": "lr", "float": {"min": 0.0001, "max": 1.0, "scale": "Log"}},
        {"name": "kernel", "categorical": {"choices": ["rbf", "a b$(x)"]}},
        {"name": "use_bn", "boolean": {}},
    ],
    "framework": "PyTorch",
    "retryFrom": "LastCheckpoint",
    "dataSamplingPercent": 50,
    "code": CODE,
    "trainData": {"volume": DATA, "subPath": "mnist"},
    "testData": {"volume": DATA, "subPath": "mnist-test"},
    "output": OUTPUT,
    "labels": {"kueue.x-k8s.io/queue-name": "team-a", "team": "vision"},
    "template": {"metadata": {"labels": {"cost-center": "42"}, "annotations": {"note": "kept"}}},
    "container": {
        **GPU,
        "args": ["--epochs=3"],
        "env": [{"name": "RATE", "value": "$(AUTOSEARCH_PARAM_lr)"}, {"name": "PYTHONPATH", "value": "/opt/lib"}],
        "securityContext": {"runAsUser": 1000},
        "volumeMounts": [{"name": "cache", "mountPath": "/cache"}],
    },
    "pod": {
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "nodeSelector": {"gpu": "a100"},
        "runtimeClassName": "nvidia",
        "priorityClassName": "low",
        "schedulingGates": [{"name": "example.com/gate"}],
        "imagePullSecrets": [{"name": "registry"}],
        "securityContext": {"fsGroup": 1000},
        "initContainers": [{"name": "warm", "image": "busybox:1", "command": ["true"]}],
        "volumes": [{"name": "cache", "emptyDir": {}}],
        "terminationGracePeriodSeconds": 120,
    },
}
_KERNELS = {"lr": 0.1, "kernel": "a b$(x)", "use_bn": True}


def representative() -> dict[str, dict]:
    """Give the pods that stand for all, by the names of their files in `golden/pods`."""
    private = {"volume": DATA, "subPath": "mnist", "access": "PrivateCopy"}
    shared = {"trainData": {"volume": CLAIM, "subPath": "data"}, "output": OUTPUT, "code": CODE}
    return {
        "least": pod_of(job(code=CODE)),
        "everything": pod_of(job(**EVERYTHING), attempt="0-4-r1", resume="demo-01234567/0-4/last.pkl", **_KERNELS),
        "pbt-child": pod_of(job(**PBT, code=CODE, output=OUTPUT), attempt="1-0", resume=RESUME),
        "image-directory": pod_of(job(container={"workingDir": "/opt/app"}, trainData={"volume": DATA}, output=OUTPUT)),
        "private-copy": pod_of(job(code=CODE, trainData=private, testData={"volume": DATA, "subPath": "test"})),
        "shared-claim": pod_of(job(**shared)),
        "gpu": pod_of(job(code=CODE, container=GPU)),
        "kueue": pod_of(
            job(code=CODE, labels={"kueue.x-k8s.io/queue-name": "team-a"}), settings=PodSettings("sidecar:1")
        ),
    }
