"""Every example runs through the command line, as its line in examples/README.md says."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SOURCES = os.pathsep.join([str(ROOT / "operator"), str(ROOT / "sdk")])
VENDOR_TRIALS = {"random": 10, "tpe": 10, "pbt": 80, "cmaes": 80, "particle": 80}
SMALL = {
    "sklearn-digits": {"maxTrials": 4, "algorithm": {"tpe": {"startupTrials": 2}}},
    "xgboost-breast-cancer": {"maxTrials": 3},
    "lightgbm-breast-cancer": {"maxTrials": 3},
    "any-language": {"maxTrials": 4},
    "early-stopping": {"maxTrials": 8},
    "pbt-digits": {"algorithm": {"pbt": {"population": 4, "rounds": 4, "quantile": 0.5, "perturbInterval": 2}}},
}
DATA = {"xgboost-breast-cancer": "breast-cancer", "lightgbm-breast-cancer": "breast-cancer", "any-language": "diabetes"}


def call(*words):
    """Run a Python program of the project with our sources."""
    # Trials start faster with compiled libraries, whatever the environment wants.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run(
        [sys.executable, *map(str, words)],
        env={**env, "PYTHONPATH": SOURCES, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The examples' data sets, as examples/make_data.py writes them."""
    folder = tmp_path_factory.mktemp("data")
    done = call(EXAMPLES / "make_data.py", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def search(data, tmp_path):
    """Give a function that runs a search and returns the objects that `autosearch results` prints."""

    def run(file, code, name, *more):
        data_flags = ["--train-data", data / name / "train", "--test-data", data / name / "test"]
        output = tmp_path / "out"
        done = call("-m", "autosearch", "run", "-f", file, "--code", code, *data_flags, "--output", output, *more)
        assert done.returncode == 0, done.stdout + done.stderr
        assert (output / "report.html").stat().st_size > 10_000
        return json.loads(call("-m", "autosearch", "results", output, "--json").stdout)

    return run


@pytest.fixture
def run_example(search, tmp_path):
    """Give a function that runs an example with fewer trials than its job file asks for."""

    def run(name):
        manifest = yaml.safe_load((EXAMPLES / name / "job.yaml").read_text())
        manifest["spec"].update(SMALL[name])
        small = tmp_path / "job.yaml"
        small.write_text(yaml.safe_dump(manifest))
        return search(small, EXAMPLES / name, DATA.get(name, "digits"))

    return run


@pytest.mark.parametrize("name", [name for name in SMALL if name != "pbt-digits"])
def test_example_finds_a_model(name, run_example, tmp_path):
    """The example's trials succeed, or are stopped early where it asks for that, and the best one's model is kept."""
    found = run_example(name)
    status, spec = found["job"]["status"], found["job"]["spec"]
    assert status["state"] == "Complete"
    allowed = {"Succeeded", "EarlyStopped"} if "earlyStopping" in spec else {"Succeeded"}
    assert {trial["status"]["state"] for trial in found["trials"]} <= allowed
    assert len(found["trials"]) == SMALL[name]["maxTrials"]
    assert any((tmp_path / "out" / "output" / status["best"]["modelPath"]).iterdir())


def test_hopeless_trials_of_the_example_are_stopped(run_example):
    """In the early-stopping example some trials end early, with the step and the median in their reason."""
    found = run_example("early-stopping")
    stopped = [trial["status"] for trial in found["trials"] if trial["status"]["state"] == "EarlyStopped"]
    assert stopped
    assert all("median" in json.dumps(status["conditions"]) for status in stopped)


def test_pbt_example_inherits_weights(run_example, tmp_path):
    """Each network goes on from its parent's own checkpoint, and the best is better than all of the first round."""
    found = run_example("pbt-digits")
    trials = {trial["metadata"]["name"]: trial for trial in found["trials"]}
    epochs = {
        name: pickle.loads((tmp_path / "out" / "output" / trial["status"]["checkpointPath"]).read_bytes())["epochs"]  # noqa: S301 - our own file
        for name, trial in trials.items()
    }
    assert len(trials) == 16
    for name, trial in trials.items():
        resume = trial["spec"].get("resume")
        assert (resume is None) == (trial["spec"]["round"] == 0)
        assert epochs[name] == 2 + (epochs[resume["trialName"]] if resume else 0)
        if resume:
            assert resume["checkpointPath"] == trials[resume["trialName"]]["status"]["checkpointPath"]
    first = max(trial["status"]["value"] for trial in trials.values() if trial["spec"]["round"] == 0)
    assert found["job"]["status"]["best"]["value"] > first


@pytest.mark.parametrize("name", VENDOR_TRIALS)
def test_vendor_yaml_runs_unchanged(name, search, tmp_path):
    """The vendor's YAML of each algorithm runs a strict script unchanged, exactly as often as it says."""
    script = "train_pbt.py" if name == "pbt" else "train.py"
    folder = EXAMPLES / "vendor-yaml"
    found = search(folder / f"{name}.yml", folder, "digits", "--command", f"python {script}")
    states = [trial["status"]["state"] for trial in found["trials"]]
    assert states == ["Succeeded"] * VENDOR_TRIALS[name]
    if name != "pbt":
        share = 0.5 if name == "random" else 1.0
        logs = {path.read_text().splitlines()[0] for path in (tmp_path / "out" / "logs").glob("0-0*.log")}
        assert logs == {f"data_sampling_scale={share} rows={673 if name == 'random' else 1347}"}


@pytest.mark.parametrize(
    ("script", "job"),
    [
        ("sklearn-digits/train.py", "sklearn-digits/job.yaml"),
        ("xgboost-breast-cancer/train.py", "xgboost-breast-cancer/job.yaml"),
        ("lightgbm-breast-cancer/train.py", "lightgbm-breast-cancer/job.yaml"),
        ("pytorch-digits/train.py", "pytorch-digits/job.yaml"),
        ("tensorflow-digits/train.py", "tensorflow-digits/job.yaml"),
        ("paddle-digits/train.py", "paddle-digits/job.yaml"),
        ("pbt-digits/train.py", "pbt-digits/job.yaml"),
        ("early-stopping/train.py", "early-stopping/job.yaml"),
        ("vendor-yaml/train.py", "vendor-yaml/random.yml"),
        ("vendor-yaml/train_pbt.py", "vendor-yaml/pbt.yml"),
    ],
)
def test_example_follows_the_contract(script, job):
    """`autosearch lint` has nothing to say against the examples."""
    done = call("-m", "autosearch", "lint", EXAMPLES / script, "-f", EXAMPLES / job)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "follows the contract" in done.stdout, done.stdout


def test_example_runs_by_hand(data, tmp_path):
    """Without AutoSearch around it, an example's script trains, saves and prints what it would report."""
    flags = [f"--train_dir={data}/digits/train", f"--test_dir={data}/digits/test", f"--output_dir={tmp_path}"]
    done = call(EXAMPLES / "pbt-digits" / "train.py", *flags)
    assert done.returncode == 0, done.stderr
    assert "it would report" in done.stdout
    assert (tmp_path / "job-1234" / "0-0" / "model.pkl").is_file()
