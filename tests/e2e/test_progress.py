"""Early stopping by live progress: from a pod's sidecar to the operator, over HTTPS, by the Service's name."""

import json
from pathlib import Path

from tests.e2e.installation import RELEASE, SYSTEM
from tests.e2e.site import a_job, condition

WATCHED = (Path(__file__).parent / "scripts" / "watched.py").read_text()
URL = f"https://{RELEASE}.{SYSTEM}.svc:8443"
# Speaks to the operator as a sidecar does: trusting nobody but who signed the operator's certificate, and by its name.
HANDSHAKE = """
import json, socket, ssl, urllib.parse
url = urllib.parse.urlsplit({url!r})
def greet(name, ca):
    context = ssl.create_default_context(cadata=ca)
    try:
        with socket.create_connection((url.hostname, url.port), 30) as plain:
            with context.wrap_socket(plain, server_hostname=name) as secure:
                return secure.version()
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
print(json.dumps([greet(url.hostname, {ca!r}), greet("other.svc", {ca!r}), greet(url.hostname, None)]))
"""


def test_a_hopeless_trial_is_stopped_while_it_runs(site):
    """The second trial, worse than the first, is told to stop by the answer to one of its reports, and ends at once."""
    code = site.code("watched", {"train.py": WATCHED})
    rule = {"median": {"startupTrials": 1, "warmupSteps": 1}}
    initial = [{"x": 0.9}, {"x": 0.1}]
    site.apply(a_job("stops", code=code, output="results", arguments="None", earlyStopping=rule, initialTrials=initial))
    # Live: its observations are on the object before its pod has said anything.
    trial = site.until(lambda: running_with_observations(site), "running trial whose progress is known")
    assert trial["status"]["observations"][0]["metrics"]["acc"] in (0.9, 0.1)

    site.finished("stops")

    good, bad = site.trials("stops")
    assert (good["status"]["state"], bad["status"]["state"]) == ("Succeeded", "EarlyStopped")
    asked = condition(bad, "StopRequested")
    assert asked["status"] == "True" and "median" in asked["message"]
    assert bad["status"]["value"] == 0.1
    end = json.loads(site.files(site.job_id("stops"))["0-1/end.json"])
    assert 1 <= end["step"] <= 40 and end["told"]
    assert bad["status"]["observations"][-1]["step"] <= end["step"]
    shown = {line.split()[0]: line.split()[2] for line in site.kubectl("get", "ast").splitlines()[1:]}
    assert shown == {good["metadata"]["name"]: "Succeeded", bad["metadata"]["name"]: "EarlyStopped"}
    check_way(site)


def running_with_observations(site):
    """Give a trial that runs and has observations."""
    statuses = [trial for trial in site.trials("stops") if trial["status"].get("observations")]
    return next((trial for trial in statuses if trial["status"]["state"] == "Running"), None)


def check_way(site):
    """Check how the sidecar was told to reach the operator, and that a name or a signer of another's is refused."""
    [sidecar] = [
        each for each in site.pods("stops")[0]["spec"]["initContainers"] if each.get("restartPolicy") == "Always"
    ]
    settings = json.loads(sidecar["env"][0]["value"])
    assert settings["report_url"] == URL
    ca = settings["ca_certificate"]
    known, other, unsigned = json.loads(site.python(HANDSHAKE.format(url=URL, ca=ca)))
    assert known.startswith("TLSv1.")
    assert "mismatch" in other.lower()
    assert unsigned.startswith(("self-signed", "self signed", "unable to get"))
