"""What people see of a search on a real API server: columns, counters, the best trial, events."""

from collections import Counter

from tests.cluster.jobs import Searches, a_job, reason, with_output

Json = dict


def test_kubectl_get(searches, cluster):
    """The columns of kubectl show state, progress, failures and the best value of a job, and each trial's outcome."""
    notes = {"outcome-0-1": "fail", "value-0-0": "0.25", "outcome-0-2": "hang"}
    name = searches.apply(a_job("columns", notes, retries=0, maxTrials=8))
    cluster.wait_for(searches.path(name), lambda job: job.get("status", {}).get("trials", {}).get("running") == 1)

    jobs = table(cluster.kubectl("get", "asj", namespace=searches.namespace).stdout)
    trials = table(cluster.kubectl("get", "ast", namespace=searches.namespace).stdout)

    assert {key: jobs[0][key] for key in ("NAME", "STATE", "TRIALS", "RUNNING", "FAILED", "BEST")} == {
        "NAME": "columns",
        "STATE": "Running",
        "TRIALS": "2/8",
        "RUNNING": "1",
        "FAILED": "1",
        "BEST": "0.25",
    }
    assert [row["STATE"] for row in trials] == ["Succeeded", "Failed", "Running"]
    assert [row["ATTEMPTS"] for row in trials] == ["1", "1", "1"] and trials[0]["VALUE"] == "0.25"
    assert {row["JOB"] for row in trials} == {"columns"}


def table(text: str) -> list[dict[str, str]]:
    """Read kubectl's table by the places of its headings: a cell may be empty."""
    head, *rows = text.splitlines()
    names = head.split()
    starts = [head.index(name) for name in names]
    ends = [*starts[1:], None]
    return [{n: row[a:b].strip() for n, a, b in zip(names, starts, ends, strict=True)} for row in rows]


def test_the_state_is_shown_while_nothing_runs(searches, cluster):
    """A job whose first pod finds no node is Running with its trial Pending, in words, and never without a state."""
    box = {"name": "trial", "image": "none", "command": ["python"], "resources": {"limits": {"nvidia.com/gpu": 99}}}
    name = searches.apply(a_job("big", template={"spec": {"containers": [box]}}))
    cluster.wait_for(searches.path(name), lambda job: reason(job, "Progressing") == "Waiting")

    jobs = table(cluster.kubectl("get", "asj", namespace=searches.namespace).stdout)
    trials = table(cluster.kubectl("get", "ast", namespace=searches.namespace).stdout)

    assert (jobs[0]["STATE"], jobs[0]["RUNNING"]) == ("Running", "0")
    assert [row["STATE"] for row in trials] == ["Pending"]


def test_the_best_trial_and_its_model(searches):
    """Status names the best trial with its parameters and where its model is; each improvement on the way is listed."""
    notes = {f"value-0-{number}": value for number, value in enumerate(("0.3", "0.1", "0.7", "0.5"))}
    name = searches.apply(a_job("best", notes, maxTrials=4, **with_output(subPath=None)))
    done = searches.wait(name)
    trials = searches.trials(name)
    best = done["status"]["best"]
    identity = f"best-{done['metadata']['uid'][:8]}"

    assert best["trialName"] == f"{identity}-0-2" and best["value"] == 0.7
    assert best["parameters"] == trials[2]["spec"]["parameters"]
    assert best["modelPath"] == f"{identity}/0-2"
    assert best["modelURI"] == f"pvc://results/{identity}/0-2"
    assert best["checkpointPath"] == f"{identity}/0-2/model.pkl"
    assert [each["trialName"] for each in done["status"]["improvements"]] == [f"{identity}-0-{n}" for n in (0, 2)]
    times = [trial["status"]["completionTime"] for trial in trials]
    assert len(set(times)) == 4 and done["status"]["completionTime"] >= max(times)


def test_counters_add_up(searches):
    """The counters of a finished job are those of its trials, and each condition speaks of the newest spec."""
    notes = {"outcome-0-1": "fail", "outcome-0-3": "oom"}
    name = searches.apply(a_job("counts", notes, retries=0, parallelTrials=2))
    done = searches.wait(name)
    states = Counter(trial["status"]["state"] for trial in searches.trials(name))
    counts = done["status"]["trials"]

    assert (counts["succeeded"], counts["failed"], counts["created"], counts["planned"]) == (4, 2, 6, 6)
    assert states == {"Succeeded": 4, "Failed": 2}
    assert [counts[each] for each in ("pending", "running", "stopped", "earlyStopped")] == [0] * 4
    generation = done["metadata"]["generation"]
    assert done["status"]["observedGeneration"] == generation
    assert {each["observedGeneration"] for each in done["status"]["conditions"]} == {generation}


def test_events_are_few(searches, cluster):
    """A search of twenty trials tells its start, its suspension, its resumption, a failure and its end; no more."""
    notes = {"outcome-0-3": "fail", "outcome-0-19": "hang"}
    name = searches.apply(a_job("events", notes, retries=0, parallelTrials=4, maxTrials=20))
    cluster.wait_for(searches.path(name), lambda job: job.get("status", {}).get("trials", {}).get("succeeded") == 18)
    searches.patch(name, suspend=True)
    cluster.wait_for(searches.path(name), lambda job: reason(job, "Suspended") == "Suspended")
    searches.patch(name, suspend=False)
    searches.wait(name)

    found = cluster.wait_for(_events(searches), lambda found: "AllTrialsFinished" in _reasons(found))

    assert sorted(_reasons(found)) == ["AllTrialsFinished", "Resumed", "Suspending", "TrialFailed", "TrialsCreated"]
    about = [event["involvedObject"] for event in found["items"]]
    assert {(each["kind"], each["uid"]) for each in about} == {("AutoSearchJob", searches.get(name)["metadata"]["uid"])}
    shown = cluster.kubectl("describe", "asj", name, namespace=searches.namespace).stdout
    assert "TrialFailed" in shown and "autosearch-operator" in shown


def _events(searches: Searches) -> str:
    return f"/api/v1/namespaces/{searches.namespace}/events?fieldSelector=involvedObject.kind%3DAutoSearchJob"


def _reasons(found: Json) -> list[str]:
    return [event["reason"] for event in found["items"]]
