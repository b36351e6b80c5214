"""The chart's life on a real cluster: installed, upgraded, removed; for the whole cluster or for some namespaces."""

import pytest
from tests.e2e.installation import CHART, CRDS, RELEASE, SYSTEM, image_values, install
from tests.e2e.site import Site, a_job, condition

pytestmark = pytest.mark.alone
SAY = ["sh", "-c", 'echo \'{"acc": 0.5}\' > "$AUTOSEARCH_RESULT"']
# Reports its step until it is told to end.
LIVE = """
import os, time
from autosearch_sdk import report_progress

step = 0
while not os.path.exists("output/go"):
    step += 1
    report_progress(step, {"acc": 0.1})
    time.sleep(0.5)
with open(os.environ["AUTOSEARCH_RESULT"], "w") as file:
    file.write('{"acc": 0.5}')
"""


@pytest.fixture
def as_before(installed):
    """Bring the release back to what all tests use."""
    yield
    install(installed)


def upgrade(access, *sets):
    """Upgrade the release to the given values, waiting until its pods are ready."""
    words = [word for each in sets for word in ("--set-json", each)]
    where = ("--namespace", SYSTEM, "--reuse-values", "--wait", "--timeout", "5m")
    access.helm("upgrade", RELEASE, CHART, *image_values(), *words, *where)


def last_step(site, name):
    """Give the last step that the one trial's status shows; 0 for none."""
    found = [seen["step"] for trial in site.trials(name) for seen in trial["status"].get("observations") or ()]
    return max(found, default=0)


def start_live(site):
    """Start a search of one trial that reports its steps until it is told to end."""
    site.shell("mkdir -p /volume/live")
    code = site.code("code", {"train.py": LIVE})
    site.apply(a_job("live", code=code, output="results/live", maxTrials=1, arguments="None"))


def check_ended_meanwhile(site):
    """A trial that ends while nothing is installed keeps its result in its pod."""
    site.shell("touch /volume/live/go")
    site.until(lambda: [pod["status"]["phase"] for pod in site.pods("live")] == ["Succeeded"], "end of the pod")
    assert not condition(site.job("live"), "Finished")


def test_searches_survive_an_uninstall(site, as_before):
    """Without the chart the definitions and all searches are there; installed again, it takes them up."""
    start_live(site)
    site.apply(a_job("before", SAY, maxTrials=1, arguments="None"))
    before = site.finished("before")
    site.until(lambda: site.job("live")["status"].get("trials", {}).get("running") == 1, "running trial")

    site.access.helm("uninstall", RELEASE, "--namespace", SYSTEM, "--wait")
    site.apply(a_job("between", SAY, maxTrials=1, arguments="None"))

    assert site.access.helm("list", "--namespace", SYSTEM, "--short") == ""
    for kind in ("deployments", "services", "roles", "rolebindings"):
        assert RELEASE not in site.access.kubectl("-n", SYSTEM, "get", kind, "-o", "name")
    roles = site.access.kubectl(
        "get", "clusterroles,clusterrolebindings", "-l", f"app.kubernetes.io/instance={RELEASE}"
    )
    assert roles == ""
    for name in CRDS:
        assert site.access.exists(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")
    assert site.job("before") == before and site.trials("before")[0]["status"]["value"] == 0.5
    assert not site.job("between")["status"]
    check_ended_meanwhile(site)

    install(site.access)
    for name in ("between", "live"):
        site.finished(name)
        [trial] = site.trials(name)
        assert (trial["status"]["value"], trial["status"]["attemptCount"]) == (0.5, 1)
    assert site.job("before")["metadata"]["uid"] == before["metadata"]["uid"]


def test_a_trial_reports_on_over_an_upgrade(site, as_before):
    """A trial started before `helm upgrade` reports to the new operator, with the certificate that it was given."""
    start_live(site)
    site.until(lambda: last_step(site, "live"), "first observation")
    revision = site.access.helm("history", RELEASE, "--namespace", SYSTEM).count("\n")

    upgrade(site.access, 'logLevel="debug"', "replicas=2")
    seen = last_step(site, "live")
    site.until(lambda: last_step(site, "live") > seen, "observation after the upgrade")
    site.shell("touch /volume/live/go")
    site.finished("live")

    assert site.access.helm("history", RELEASE, "--namespace", SYSTEM).count("\n") == revision + 1
    assert site.access.get(f"/apis/apps/v1/namespaces/{SYSTEM}/deployments/{RELEASE}")["status"]["readyReplicas"] == 2
    assert site.trials("live")[0]["status"]["attemptCount"] == 1


@pytest.fixture
def other(installed, tmp_path):
    """A second namespace."""
    made = Site(installed, tmp_path)
    yield made
    made.close()


def test_rights_for_some_namespaces(site, other, as_before):
    """With `namespaces` the operator has rights, and runs searches, in these alone; without it, everywhere."""
    user = f"--as=system:serviceaccount:{SYSTEM}:{RELEASE}"

    def may(place, verb="create", what="pods"):
        return place.kubectl("auth", "can-i", verb, what, user, check=False).splitlines()[0] == "yes"

    assert may(site) and may(other)
    upgrade(site.access, f'namespaces=["{site.namespace}"]')
    assert may(site) and not may(other) and not may(other, "list", "autosearchjobs.autosearch.dev")
    for place in (other, site):
        place.apply(a_job("some", SAY, maxTrials=1, arguments="None"))
    site.finished("some")
    assert not other.job("some")["status"] and other.pods("some") == []

    upgrade(site.access, "namespaces=[]")
    assert may(other)
    other.finished("some")
