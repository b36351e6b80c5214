"""The chart on a real API server: what `helm template` cannot show, such as certificates that outlive an upgrade."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

CHART = Path(__file__).parents[2] / "charts" / "autosearch"
RELEASE = "install-test"
NAME = f"{RELEASE}-autosearch"
SECRET = f"{NAME}-certificate"


class Installation:
    """One release in a namespace of its own; the definitions are the cluster's already."""

    def __init__(self, cluster, namespace):
        self.cluster = cluster
        self.namespace = namespace
        self.notes = self.upgrade()

    def helm(self, *words):
        """Call Helm as the administrator."""
        where = [f"--kubeconfig={self.cluster.kubeconfig}", f"--namespace={self.namespace}"]
        program = Path(sys.executable).with_name("helm")
        done = subprocess.run([program, *words, *where], capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def upgrade(self, *sets):
        """Install or upgrade; gives what Helm prints."""
        words = [word for one in sets for word in ("--set-json", one)]
        return self.helm("upgrade", "--install", RELEASE, str(CHART), "--set", "crds.enabled=false", *words)

    def secret(self):
        """The certificate's Secret."""
        return self.cluster.request("GET", f"/api/v1/namespaces/{self.namespace}/secrets/{SECRET}")

    def may(self, user, verb, resource, subresource=""):
        """Whether somebody may do something in the namespace."""
        words = ("auth", "can-i", verb, f"{resource}.autosearch.dev", f"--as={user}", f"--subresource={subresource}")
        return self.cluster.kubectl(*words, namespace=self.namespace, check=False).stdout.strip() == "yes"


@pytest.fixture(scope="module")
def installation(cluster):
    """The chart, installed in a namespace that enforces Pod Security `restricted`."""
    namespace = cluster.create_namespace({"pod-security.kubernetes.io/enforce": "restricted"})
    made = Installation(cluster, namespace)
    yield made
    made.helm("uninstall", RELEASE)
    cluster.delete_namespace(namespace)


def eventually(check, seconds=30):
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.1)


def test_notes_name_commands_that_work(installation):
    """Helm prints three kubectl commands, which the API server answers."""
    commands = [line.split()[1:] for line in installation.notes.splitlines() if line.startswith("  kubectl ")]

    assert len(commands) == 3
    for words in commands:
        if words[0] == "explain" or "get" in words:
            installation.cluster.kubectl(*(word for word in words if word != "--watch"))


def test_operator_pod_is_admitted(installation):
    """A namespace that enforces `restricted` takes the operator's pod."""
    path = f"/api/v1/namespaces/{installation.namespace}/pods"

    eventually(lambda: installation.cluster.request("GET", path)["items"])


def test_certificate_outlives_an_upgrade(installation):
    """An upgrade keeps key, certificate and authority, so that running trials go on reporting."""
    before = installation.secret()
    installation.upgrade('logLevel="debug"')

    assert installation.secret()["data"] == before["data"]


def test_certificate_is_made_anew_near_its_end(installation):
    """An upgrade in the last tenth of the certificate's time replaces it, as does one after it was deleted."""
    before = installation.secret()
    soon = str(int(time.time()) + 300 * 86400)
    patch = {"metadata": {"annotations": {"autosearch.dev/expires": soon}}}
    installation.cluster.request("PATCH", f"/api/v1/namespaces/{installation.namespace}/secrets/{SECRET}", patch)
    installation.upgrade()
    renewed = installation.secret()
    installation.cluster.request("DELETE", f"/api/v1/namespaces/{installation.namespace}/secrets/{SECRET}")
    installation.upgrade()

    assert len({one["data"]["tls.crt"] for one in (before, renewed, installation.secret())}) == 3
    assert int(renewed["metadata"]["annotations"]["autosearch.dev/expires"]) > int(soon)


def test_people_get_their_rights_by_aggregation(installation):
    """`edit` in a namespace lets one write searches and read trials, `view` read both; neither writes trials."""
    for role in ("edit", "view"):
        words = ("create", "rolebinding", role, f"--clusterrole={role}", f"--user={role}-user")
        installation.cluster.kubectl(*words, namespace=installation.namespace)
    eventually(lambda: installation.may("edit-user", "create", "autosearchjobs"))
    eventually(lambda: installation.may("view-user", "list", "trials"))

    assert installation.may("edit-user", "watch", "trials")
    assert not installation.may("view-user", "create", "autosearchjobs")
    for verb in ("create", "update", "patch", "delete"):
        assert not installation.may("edit-user", verb, "trials")
    assert not installation.may("edit-user", "patch", "autosearchjobs", "status")
