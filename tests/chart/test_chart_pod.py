"""The operator's pod: what the Pod Security Standard `restricted` asks for, probes, the command line."""

import os

import pytest
from tests.chart.rendering import CASES, NAMESPACE, named, operator_pod, rendered

from autosearch.cli import parser

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
HOST = ("hostNetwork", "hostPID", "hostIPC", "hostUsers")


def unrestricted(spec):
    """What in a pod the standard `restricted` refuses, Linux pods of version 1.37: empty if nothing."""
    found = [f"spec.{name}" for name in HOST if spec.get(name)]
    found += [f"volume {volume['name']}" for volume in spec.get("volumes", []) if not set(volume) - {"name"} <= VOLUMES]
    for container in spec.get("initContainers", []) + spec["containers"]:
        found += [f"{container['name']}: {fault}" for fault in _faults(spec.get("securityContext", {}), container)]
    return found


def _faults(pod, container):
    own = container.get("securityContext", {})
    both = {**pod, **own}
    capabilities = own.get("capabilities", {})
    checks = {
        "privileged": not own.get("privileged"),
        "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is False,
        "runAsNonRoot": both.get("runAsNonRoot") is True,
        "runAsUser": both.get("runAsUser") != 0,
        "seccompProfile": both.get("seccompProfile", {}).get("type") in {"RuntimeDefault", "Localhost"},
        "capabilities": "ALL" in capabilities.get("drop", [])
        and set(capabilities.get("add", [])) <= {"NET_BIND_SERVICE"},
        "hostPort": not any(port.get("hostPort") for port in container.get("ports", [])),
        "procMount": own.get("procMount", "Default") == "Default",
    }
    return [name for name, passed in checks.items() if not passed]


@pytest.mark.parametrize("case", CASES)
def test_pod_is_restricted(case):
    """The operator runs in a namespace that enforces Pod Security `restricted`."""
    assert unrestricted(operator_pod(rendered(case))["spec"]) == []


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        (("hostNetwork",), True, "spec.hostNetwork"),
        (("securityContext", "runAsNonRoot"), False, "operator: runAsNonRoot"),
        (("securityContext", "seccompProfile"), {}, "operator: seccompProfile"),
        (("containers", 0, "securityContext", "capabilities"), {"drop": ["NET_RAW"]}, "operator: capabilities"),
        (("containers", 0, "securityContext", "allowPrivilegeEscalation"), True, "operator: allowPrivilegeEscalation"),
        (("volumes", 0), {"name": "root", "hostPath": {"path": "/"}}, "volume root"),
    ],
)
def test_policy_sees_each_fault(path, value, fault):
    """The check of the test above finds a pod that breaks the standard."""
    spec = operator_pod(rendered("default"))["spec"]
    place = spec
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value

    assert fault in unrestricted(spec)


@pytest.mark.parametrize("case", CASES)
def test_pod_writes_to_tmp_alone(case):
    """The root file system is read-only, user 65532 is in a group that reads the certificate, /tmp is an emptyDir."""
    spec = operator_pod(rendered(case))["spec"]
    (container,) = spec["containers"]
    writable = [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]

    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert spec["securityContext"]["runAsUser"] == spec["securityContext"]["fsGroup"] == 65532
    assert writable == ["/tmp"]  # noqa: S108 - a path in the pod
    assert next(volume for volume in spec["volumes"] if volume["name"] == "tmp")["emptyDir"]


def test_probes_and_end():
    """The probes ask the paths that the operator serves, and the end of a pod leaves half a minute to finish writes."""
    spec = operator_pod(rendered("default"))["spec"]
    (container,) = spec["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}

    assert ports == {"reports": 8443, "health": 8080}
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "health"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "health"}
    assert spec["terminationGracePeriodSeconds"] == 30
    assert "lifecycle" not in container


def test_sidecars_are_told_the_service():
    """The address that sidecars report to is the rendered Service's, on its own port."""
    objects = rendered("environment")
    (container,) = operator_pod(objects)["spec"]["containers"]
    service = named(objects, "Service", "autosearch")

    assert f"--report-url=https://autosearch.{NAMESPACE}.svc:443" in container["args"]
    assert service["spec"]["ports"][0]["port"] == 443
    assert service["spec"]["ports"][0]["targetPort"] == "reports"


@pytest.mark.parametrize("case", CASES)
def test_operator_takes_its_arguments(case):
    """The command line that the chart writes is one that the operator's own parser accepts."""
    arguments = operator_pod(rendered(case))["spec"]["containers"][0]["args"]
    commands = parser()
    if "    operator " not in commands.format_help():
        reason = "the command `autosearch operator` does not exist yet"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)

    assert commands.parse_args(arguments).command == "operator"
