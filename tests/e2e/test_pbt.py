"""Population Based Training over one shared claim: whose weights a trial goes on with, and what is kept in the end."""

import errno
import hashlib
import io
import json
import re
from pathlib import Path

import numpy as np
from tests.e2e.site import SKLEARN, TORCH, a_job, condition

SCRIPTS = Path(__file__).parent / "scripts"
INTERVAL = 2
RATE = [{"name": "lr", "float": {"min": 0.001, "max": 0.3, "scale": "Log"}}]
# Reads each checkpoint as the next trial would: epochs, a hash of the weights, and that of those it was started from.
LOOK = """
import hashlib, json, pathlib, torch
for path in sorted(pathlib.Path("/volume").rglob("model.pkl")):
    state = torch.load(path, map_location="cpu", weights_only=True)
    weights = b"".join(state[name].numpy().tobytes() for name in state if name.startswith("layers."))
    found = {"epochs": int(state["epochs"]), "weights": hashlib.sha256(weights).hexdigest()}
    found["started_from"] = bytes(state["started_from"].tolist()).hex()
    print(json.dumps({str(path.relative_to("/volume")): found}))
"""


def a_population(name, code, image, rounds, **spec):
    """Give a search with four members."""
    settings = {"population": 4, "rounds": rounds, "quantile": 0.25, "perturbInterval": INTERVAL}
    threads = {"env": [{"name": "OMP_NUM_THREADS", "value": "1"}, {"name": "OPENBLAS_NUM_THREADS", "value": "1"}]}
    whole = {"parameters": RATE, "algorithm": {"pbt": settings}, "output": "results", "container": threads, **spec}
    return a_job(name, image=image, code=code, **whole)


def by_name(trials):
    """Give trials by their names."""
    return {trial["metadata"]["name"]: trial for trial in trials}


def predecessor(trials, trial):
    """Give the trial that the same member had in the round before."""
    place = (trial["spec"]["round"] - 1, trial["spec"]["member"])
    [found] = [each for each in trials if (each["spec"]["round"], each["spec"]["member"]) == place]
    return found


def check_lineage(trials, rounds):
    """Check each trial's parent: none, its own predecessor, or one that was strictly better; gives the losers."""
    assert len(trials) == 4 * rounds and {trial["status"]["state"] for trial in trials} == {"Succeeded"}
    known, losers = by_name(trials), []
    for trial in trials:
        operation, resume = trial["spec"]["operation"], trial["spec"].get("resume")
        assert (operation == "Init") == (trial["spec"]["round"] == 0) == (resume is None)
        if resume is None:
            continue
        parent, own = known[resume["trialName"]], predecessor(trials, trial)
        assert resume["checkpointPath"] == parent["status"]["checkpointPath"]
        if operation == "Exploit":
            losers.append(trial)
            assert parent["spec"]["member"] != trial["spec"]["member"]
            assert parent["status"]["value"] > own["status"]["value"]
        else:
            assert (operation, parent["metadata"]["name"]) == ("Continue", own["metadata"]["name"])
    assert losers, "no member took over another one's weights"
    return losers


def test_weights_are_inherited(site):
    """Four members, five rounds: losers go on with the weights of strictly better ones, which nobody can change."""
    code = site.code("pbt", {"train.py": (SCRIPTS / "pbt_numpy.py").read_text()})
    site.apply(a_population("digits", code, SKLEARN, rounds=5))

    job = site.finished("digits", seconds=600)

    trials, files = site.trials("digits"), site.files()
    losers = check_lineage(trials, rounds=5)
    kept = {
        trial["metadata"]["name"]: np.load(io.BytesIO(files[trial["status"]["checkpointPath"]])) for trial in trials
    }
    for trial in trials:
        mine, resume = kept[trial["metadata"]["name"]], trial["spec"].get("resume")
        assert mine["line"][-1] == trial["spec"]["trialId"]
        assert mine["refused"].tolist() == [errno.EROFS, errno.EROFS]
        if resume is None:
            assert mine["epochs"] == INTERVAL and len(mine["line"]) == 1
            continue
        parent = kept[resume["trialName"]]
        assert mine["started_from"].item() == hashlib.sha256(parent["weights"].tobytes()).hexdigest()
        assert mine["epochs"] == parent["epochs"] + INTERVAL
        assert mine["line"].tolist()[:-1] == parent["line"].tolist()
    assert "intruder" not in {Path(path).name for path in files}
    assert len(files) == 20
    best = max(trials, key=lambda trial: trial["status"]["value"])
    assert job["status"]["best"]["trialName"] == best["metadata"]["name"]
    shown = site.kubectl("get", "asj", "digits").splitlines()[1].split()
    assert shown[:5] == ["digits", "Complete", "20/20", "0", "0"]
    assert kept[best["metadata"]["name"]]["line"].tolist() == ancestry(trials, best)
    check_report(site, "digits", losers, ancestry(trials, best))


def ancestry(trials, trial):
    """Give the ids of a trial's ancestors, the oldest first, and its own."""
    resume = trial["spec"].get("resume")
    before = ancestry(trials, by_name(trials)[resume["trialName"]]) if resume else []
    return [*before, trial["spec"]["trialId"]]


def check_report(site, name, losers, line):
    """Check the page's lineage: how often weights were inherited, and by how many members the winner was trained."""
    path = site.folder / f"{name}.html"
    site.cli("report", name, "-o", str(path))
    words = " ".join(re.sub(r"<[^>]+>", " ", path.read_text()).split())
    times = f"{len(losers)} time" + ("s" if len(losers) > 1 else "")
    assert f"{times} weights were inherited from a better member" in words
    donors = len({trial.split("-")[1] for trial in line})
    rounds = f"{len(line)} round" + ("s" if len(line) > 1 else "")
    assert f"The winner {line[-1]} was trained in {rounds} by {donors} member" in words


def test_weights_are_inherited_in_pytorch(site):
    """The same with PyTorch, three rounds: each `state_dict` holds what its parent's held when it was loaded."""
    code = site.code("pbt", {"train.py": (SCRIPTS / "pbt_torch.py").read_text(), "pytorch_predict.py": ""})
    site.apply(a_population("torch", code, TORCH, rounds=3, parallelTrials=2, framework="PyTorch"))

    site.finished("torch", seconds=600)

    trials = site.trials("torch")
    losers = check_lineage(trials, rounds=3)
    found = {}
    for line in site.python(LOOK, TORCH).splitlines():
        found |= json.loads(line)
    assert set(found) == {trial["status"]["checkpointPath"] for trial in trials}
    for trial in trials:
        mine, resume = found[trial["status"]["checkpointPath"]], trial["spec"].get("resume")
        parent = found[resume["checkpointPath"]] if resume else {"epochs": 0, "weights": mine["started_from"]}
        assert mine["started_from"] == parent["weights"] != mine["weights"]
        assert mine["epochs"] == parent["epochs"] + INTERVAL
    assert site.kubectl("get", "ast").count("Succeeded") == 12
    best = max(trials, key=lambda trial: trial["status"]["value"])
    check_report(site, "torch", losers, ancestry(trials, best))


def test_only_the_best_models_are_kept(site):
    """`keepBestModels: 2` leaves the folders of the two best trials, and no trial missed a checkpoint meanwhile."""
    code = site.code("pbt", {"train.py": (SCRIPTS / "pbt_numpy.py").read_text()})
    site.apply(a_population("kept", code, SKLEARN, rounds=3, keepBestModels=2))

    job = site.finished("kept", seconds=600)

    trials = site.trials("kept")
    check_lineage(trials, rounds=3)
    ranked = sorted(trials, key=lambda trial: trial["status"]["value"], reverse=True)
    best = {trial["status"]["checkpointPath"] for trial in ranked[:2]}
    site.until(lambda: set(site.files()) == best, f"volume that holds nothing but {sorted(best)}", 60)
    folders = site.shell(f"ls /volume/{site.job_id('kept')}").split()
    assert sorted(folders) == sorted(trial["spec"]["trialId"] for trial in ranked[:2])
    assert f"{job['status']['best']['modelPath']}/model.npz" in best
    assert condition(job, "Complete")["status"] == "True"
    # The pod that cleaned up goes, too.
    names = {trial["metadata"]["name"] for trial in trials}
    site.until(lambda: {pod["metadata"]["name"] for pod in site.pods("kept")} <= names, "end of the cleaner's pod", 60)
