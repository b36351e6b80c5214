"""The published contract in real pods: scripts that know nothing of a cluster, in images that know nothing of us."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.e2e import baked_image
from tests.e2e.cluster_access import ROOT
from tests.e2e.node_tool import image_archive
from tests.e2e.site import PYTHON, SKLEARN, Site, a_job, on_claim

SCRIPTS = Path(__file__).parent / "scripts"
STRICT, PLAIN = ((SCRIPTS / name).read_text() for name in ("strict.py", "plain.py"))
ONE_THREAD = {"env": [{"name": "OMP_NUM_THREADS", "value": "1"}]}
KERNELS = [
    {"name": "kernel", "categorical": {"choices": ["linear", "rbf"]}},
    {"name": "C", "float": {"min": 0.01, "max": 100, "scale": "Log"}},
]
VENDOR = """
search_strategy: {algo: RANDOM_SEARCH}
data_sampling_scale: 50          # percent
max_trial_num: 2
metrics: {name: acc, goal: MAXIMIZE, expected_value: 100}
search_space:
  kernel: {htype: choice, value: [linear, rbf]}
  C: {htype: loguniform, value: [0.01, 100]}
"""
SHELL = """
set -eu
folder=output/$AUTOSEARCH_JOB_ID/$AUTOSEARCH_TRIAL_ID
mkdir -p "$folder"
echo "$AUTOSEARCH_PARAM_x" > "$folder/weights.txt"
echo "{\\"acc\\": $AUTOSEARCH_PARAM_x}" > "$AUTOSEARCH_RESULT"
"""


@pytest.fixture(scope="module")
def place(installed, tmp_path_factory):
    """A namespace with digits on the claim `datasets`, brought there by `autosearch push`."""
    folder = tmp_path_factory.mktemp("contract")
    made = Site(installed, folder)
    made.claim("datasets")
    command = [sys.executable, str(ROOT / "examples" / "make_data.py"), str(folder / "data"), "digits"]
    subprocess.run(command, check=True, timeout=300)
    made.cli("push", str(folder / "data" / "digits"), "pvc://datasets/digits", "--image", PYTHON)
    yield made
    made.close()


def data(**access):
    """Give the fields of a job that has the digits."""
    return {f"{part}Data": {**on_claim(f"datasets/digits/{part}"), **access} for part in ("train", "test")}


def printed(place, trial):
    """Read what a trial of strict.py has printed."""
    return json.loads(place.kubectl("logs", trial["metadata"]["name"], "-c", "trial").splitlines()[-1])


def sdk_folders(pod):
    """Give the mounts of the trial's container that are ours."""
    mounts = pod["spec"]["containers"][0]["volumeMounts"]
    return [each["mountPath"] for each in mounts if each["mountPath"].startswith("/autosearch/")]


def models(place, name):
    """Read a job's model folders: each file's content by `TRIAL/FILE`."""
    return place.files(f"team/{place.job_id(name)}")


def test_a_strict_script_in_a_stock_image(place):
    """A strict script from a ConfigMap finds its data and our SDK; its models are at output/<job_id>/<trial_id>."""
    code = place.code("strict", {"train.py": STRICT})
    job = a_job(
        "strict", image=SKLEARN, parameters=KERNELS, container=ONE_THREAD, parallelTrials=2, framework="Sklearn"
    )
    job["spec"] |= {"code": code, "output": on_claim("results/team"), **data()}
    place.apply(job)

    best = place.finished("strict")["status"]["best"]

    trials, pods = place.trials("strict"), place.pods("strict")
    assert [trial["status"]["state"] for trial in trials] == ["Succeeded", "Succeeded"]
    for trial, pod in zip(trials, pods, strict=True):
        seen, given = printed(place, trial), trial["spec"]["parameters"]
        ours = [f"--job_id={place.job_id('strict')}", f"--trial_id={trial['spec']['trialId']}", "--metric=acc"]
        flags = [*ours, "--data_sampling_scale=1.0", f"--kernel={given['kernel']}", f"--C={given['C']!r}"]
        assert sorted(seen["argv"]) == sorted(flags)
        # No SDK but the one that the sidecar has put there: the image has none.
        assert [any(sdk.startswith(folder) for folder in sdk_folders(pod)) for sdk in seen["sdks"]] == [True]
        assert trial["status"]["value"] == seen["accuracy"] > 0.5
    assert set(models(place, "strict")) == {"0-0/clf.pickle", "0-1/clf.pickle"}
    assert best["modelURI"] == f"pvc://results/team/{best['modelPath']}"
    assert f"team/{best['modelPath']}/clf.pickle" in place.files()
    assert place.kubectl("get", "asj", "strict").splitlines()[1].split()[:3] == ["strict", "Complete", "2/2"]


def test_the_vendors_yaml_is_submitted(place):
    """The vendor's file and a base with template and volumes make a search: half of the data, read from a copy."""
    (place.folder / "code").mkdir()
    (place.folder / "code" / "train.py").write_text(f"{STRICT}\n    open('train_data/unpacked', 'w').close()\n")
    (place.folder / "search.yml").write_text(VENDOR)
    base = a_job("base", image=SKLEARN, container=ONE_THREAD, output="results/team", parallelTrials=2)
    base["spec"] |= data(access="PrivateCopy")
    (place.folder / "base.yaml").write_text(yaml.safe_dump(base))
    files = [str(place.folder / name) for name in ("search.yml", "base.yaml", "code")]

    told = place.cli("submit", "-f", files[0], "--into", files[1], "--code", files[2], "--name", "vendor")
    job = place.finished("vendor")

    assert "vendor" in told
    assert job["spec"]["algorithm"] == {"random": {}} and job["spec"]["maxTrials"] == 2
    trials = place.trials("vendor")
    rows = {printed(place, trial)["rows"] for trial in trials}
    ends = {(trial["status"]["attemptCount"], trial["status"]["attempts"][0]["exitCode"]) for trial in trials}
    # Exit code 0: it could write beside its data.
    assert ends == {(1, 0)} and rows == {1347 // 2}
    assert set(models(place, "vendor")) == {"0-0/clf.pickle", "0-1/clf.pickle"}
    ids = place.kubectl("get", "ast", "-l", "autosearch.dev/job=vendor")
    assert ids.count("Succeeded") == 2


def test_code_in_subfolders(place):
    """`python src/train.py` finds what is beside it in `src`, and the contract's folders where it was started."""
    source = place.folder / "nested" / "src"
    source.mkdir(parents=True)
    (source / "train.py").write_text(f"import net\n{PLAIN}")
    (source / "net.py").write_text("LAYERS = 3\n")
    file = place.folder / "nested.yaml"
    command = ["python", "src/train.py"]
    file.write_text(yaml.safe_dump(a_job("nested", command, output="results/team", parallelTrials=2)))

    place.cli("submit", "-f", str(file), "--code", str(source.parent))
    place.finished("nested")

    found = models(place, "nested")
    assert set(found) == {"0-0/model.json", "0-1/model.json"}
    for seen in map(json.loads, found.values()):
        assert (seen["script"], seen["layers"], seen["cwd"]) == ("src/train.py", 3, "/workspace")
        assert {"src", "output"} <= set(seen["beside"])


def test_a_script_that_only_writes_its_result(place):
    """A shell script without our SDK, and without Python, writes one line to $AUTOSEARCH_RESULT: that is its report."""
    code = place.code("shell", {"train.sh": SHELL})
    place.apply(
        a_job("shell", ["sh", "train.sh"], code=code, output="results/team", arguments="None", parallelTrials=2)
    )

    job = place.finished("shell")

    values = {trial["spec"]["trialId"]: trial["status"]["value"] for trial in place.trials("shell")}
    found = {path: float(text) for path, text in models(place, "shell").items()}
    assert found == {f"{trial}/weights.txt": pytest.approx(value) for trial, value in values.items()}
    shown = place.kubectl("get", "asj", "shell").splitlines()[1].split()
    assert float(shown[5]) == pytest.approx(max(values.values()), rel=1e-3)
    assert job["status"]["best"]["value"] == max(values.values())


@pytest.fixture(scope="module")
def baked(own_cluster, tmp_path_factory):
    """An image with a script in its WORKDIR /app, and a variable of its own."""
    archive = tmp_path_factory.mktemp("baked") / "image.tar"
    files = {"/app/train.py": f"import net\n{PLAIN}", "/app/net.py": "LAYERS = 5\n"}
    settings = {"WorkingDir": "/app", "Env": ["BAKED=yes"]}
    reference = "localhost/trial-baked:1"
    baked_image.write(Path(image_archive("python")), archive, reference, files, settings)
    own_cluster.call("load-image", str(archive))
    return reference


@pytest.mark.parametrize(
    ("name", "command", "folder", "cwd"),
    [
        ("workdir", ["python", "train.py"], {"workingDir": "/app"}, "/app"),
        ("elsewhere", ["python", "/app/train.py"], {}, "/workspace"),
    ],
)
def test_a_script_in_the_image(place, baked, name, command, folder, cwd):
    """A script baked into an image runs in the image's WORKDIR, where the template repeats it, or in /workspace."""
    place.apply(a_job(name, command, image=baked, container=folder, output="results/team", maxTrials=1))

    place.finished(name)

    [seen] = map(json.loads, models(place, name).values())
    assert (seen["cwd"], seen["layers"], seen["baked"]) == (cwd, 5, "yes")
    # What the image has there is still there, beside the contract's folder; elsewhere is nothing of the image's.
    assert ({"net.py", "train.py"} <= set(seen["beside"])) == (cwd == "/app")
    assert "output" in seen["beside"]
