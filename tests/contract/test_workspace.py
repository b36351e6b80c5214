"""The working directory of an attempt, made for real and looked at by real processes."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from autosearch.api.errors import InvalidInputError
from autosearch.api.job import AutoSearchJob
from autosearch.engine.command_line import CommandLine
from autosearch.engine.names import job_id
from autosearch.local.copying import copy_tree
from autosearch.local.gpus import Slots, visible_gpus
from autosearch.local.runner import open_results, run_search
from autosearch.local.store import Store
from autosearch.local.workspace import Sources, Workshop, check_sources, expand, ignored_fields

JobMaker = Callable[..., AutoSearchJob]
REPORT = """echo '{"acc": 1}' > $AUTOSEARCH_RESULT"""
VOLUME = {"volume": {"persistentVolumeClaim": {"claimName": "data"}}}


def _folder(path: Path, **files: str) -> Path:
    path.mkdir(parents=True)
    for name, text in files.items():
        (path / name.replace("__", ".")).write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)", "1"),
        ("x$(A)y$(B)z", "x1y2z"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$(UNKNOWN)", "$(UNKNOWN)"),
        ("$A ${A} $(A", "$A ${A} $(A"),
        ("100$", "100$"),
        ("$$$$", "$$"),
        ("$()", "$()"),
    ],
)
def test_references_are_expanded_as_by_the_kubelet(text: str, expanded: str) -> None:
    """`$(NAME)` is replaced, `$$` is a dollar, and anything else stays as it is."""
    assert expand(text, {"A": "1", "B": "2"}) == expanded


def test_script_finds_what_the_contract_promises(make_job: JobMaker, tmp_path: Path) -> None:
    """Code, data and output lie in the working directory, and each attempt has a temporary directory of its own."""
    code = _folder(tmp_path / "code", train__py="print('hi')", run__sh="#!/bin/sh\n")
    (code / "run.sh").chmod(0o755)
    _folder(code / "pkg", mod__py="")
    _folder(code / ".git", HEAD="")
    _folder(code / "__pycache__", mod__pyc="")
    data = _folder(tmp_path / "data", train__csv="1,2\n")
    script = (
        "cat train_data/train.csv; ls -A; ls pkg; test -x run.sh && echo executable; pwd; "
        f"test -w $TMPDIR && echo $TMPDIR; ls output; {REPORT}"
    )
    output = tmp_path / "out"
    job = run_search(make_job(script, 1), output=output, code=code, train_data=data, test_data=data)
    assert job.status.trials.succeeded == 1
    log = (output / "logs" / "0-0.log").read_text().splitlines()
    identity = job_id(job)
    work = output / "work" / "0-0"
    entries = ["output", "pkg", "run.sh", "test_data", "train.py", "train_data"]
    assert log == ["1,2", *entries, "mod.py", "executable", str(work / "cwd"), str(work / "tmp"), identity]
    assert not work.exists()


def test_output_directory_inside_the_code_is_not_copied(make_job: JobMaker, tmp_path: Path) -> None:
    """`--code . --output results` does not copy the results into each working directory."""
    code = _folder(tmp_path / "code", train__py="")
    job = run_search(make_job(f"ls; {REPORT}", 1), output=code / "results", code=code)
    assert job.status.trials.succeeded == 1
    assert (code / "results" / "logs" / "0-0.log").read_text().split() == ["output", "train.py"]


def test_data_in_the_code_gives_way_to_given_data(make_job: JobMaker, tmp_path: Path) -> None:
    """A `train_data` of the code folder is used where none is given, and hidden by one that is."""
    code = _folder(tmp_path / "code", train__py="")
    _folder(code / "train_data", own="")
    _folder(code / "test_data", own="")
    data = _folder(tmp_path / "data", given="")
    run_search(make_job(f"ls train_data test_data; {REPORT}", 1), output=tmp_path / "out", code=code, train_data=data)
    log = (tmp_path / "out" / "logs" / "0-0.log").read_text()
    assert log.split() == ["test_data:", "own", "train_data:", "given"]


def test_private_copy_is_writable_and_not_shared(make_job: JobMaker, tmp_path: Path) -> None:
    """With `PrivateCopy` two trials at once may write into their data, and the original stays as it was."""
    data = _folder(tmp_path / "data", a="1")
    (data / "a").chmod(0o444)
    declared = {"trainData": {**VOLUME, "access": "PrivateCopy"}}
    script = (
        f"test $(ls train_data | wc -l) = 1 && echo x >> train_data/a && touch train_data/b && sleep 0.2 && {REPORT}"
    )
    job = run_search(make_job(script, 2, parallelTrials=2, **declared), output=tmp_path / "out", train_data=data)
    assert job.status.trials.succeeded == 2
    assert [p.read_text() for p in data.iterdir()] == ["1"]


def test_declared_folders_must_be_given(make_job: JobMaker, tmp_path: Path) -> None:
    """A job that declares code and data is refused without the flags, all of them at once."""
    job = make_job(code=VOLUME, trainData=VOLUME, testData=VOLUME)
    with pytest.raises(InvalidInputError) as refused:
        check_sources(job, Sources(), tmp_path)
    assert [problem.path for problem in refused.value.problems] == ["spec.code", "spec.trainData", "spec.testData"]
    for flag in ("--code DIR", "--train-data DIR", "--test-data DIR"):
        assert flag in str(refused.value)


def test_given_folders_must_exist(make_job: JobMaker, tmp_path: Path) -> None:
    """A folder that is none is refused by the name of its flag, before anything is started."""
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(InvalidInputError, match="--code") as refused:
        run_search(make_job(), output=tmp_path / "out", code=tmp_path / "gone", test_data=file)
    assert [problem.path for problem in refused.value.problems] == ["--code", "--test-data"]
    assert not (tmp_path / "out").exists()


def test_environment_of_the_template(make_job: JobMaker, tmp_path: Path) -> None:
    """Literal variables arrive, expanded; ours win; `python` is the interpreter that runs us and finds the SDK."""
    program = (
        "import os, json, sys, autosearch_sdk, rudder_autosearch.sdk.amaas_tools\n"
        "print(json.dumps([dict(os.environ), sys.argv[1:], sys.executable]))\n"
        "open(os.environ['AUTOSEARCH_RESULT'], 'w').write('{\"acc\": 1}')\n"
    )
    template = {
        "spec": {
            "containers": [
                {
                    "name": "trial",
                    "command": ["python", "-c", program],
                    "args": ["$(AUTOSEARCH_PARAM_x)", "$$(LITERAL)", "$(OWN)"],
                    "env": [
                        {"name": "OWN", "value": "job=$(AUTOSEARCH_TRIAL_ID)"},
                        {"name": "AUTOSEARCH_JOB_ID", "value": "forged"},
                        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
                        {"name": "PYTHONPATH", "value": "/own/modules"},
                    ],
                }
            ]
        }
    }
    job = run_search(make_job(trials=1, template=template), output=tmp_path / "out")
    log = (tmp_path / "out" / "logs" / "0-0.log").read_text()
    assert job.status.trials.succeeded == 1, log
    env, argv, interpreter = json.loads(log)
    _, (trial,) = open_results(tmp_path / "out")
    assert argv == [repr(trial.spec.parameters["x"]), "$(LITERAL)", "job=0-0"]
    assert Path(interpreter) == Path(sys.executable)
    assert env["AUTOSEARCH_JOB_ID"] == job_id(job)
    assert env["PYTHONPATH"].split(os.pathsep)[1:] == ["/own/modules"]
    assert env["PYTHONUNBUFFERED"] == "1"
    assert "NODE" not in env


@pytest.mark.parametrize("env", [[], [{"name": "PATH", "value": "/usr/bin:/bin"}]], ids=["ours", "template"])
def test_python_in_a_shell_is_the_same_interpreter(make_job: JobMaker, tmp_path: Path, env: list[object]) -> None:
    """`sh -c "python ..."` finds the interpreter that runs us, whatever `PATH` says elsewhere."""
    job = make_job(f"python -c 'import sys; print(sys.prefix)'; {REPORT}", 1)
    job.spec.template["spec"]["containers"][0]["env"] = env
    assert run_search(job, output=tmp_path).status.trials.succeeded == 1
    assert (tmp_path / "logs" / "0-0.log").read_text().strip() == sys.prefix


def test_folders_that_the_runner_empties_are_refused(make_job: JobMaker, tmp_path: Path) -> None:
    """Code or data in the runner's own working folder would be removed: the flag is named, and nothing is."""
    data = _folder(tmp_path / "out" / "work" / "data", a="1")
    with pytest.raises(InvalidInputError, match=r"--train-data must name another folder"):
        run_search(make_job(), output=tmp_path / "out", train_data=data)
    assert (data / "a").read_text() == "1"


def test_ignored_fields_are_told_in_one_line(make_job: JobMaker) -> None:
    """What means nothing to a local run is named once; a job without such fields says nothing."""
    trial = {"name": "trial", "command": ["x"], "image": "a", "resources": {}, "env": [{"name": "A", "valueFrom": {}}]}
    spec = {"containers": [trial, {"name": "other"}], "volumes": []}
    line = ignored_fields(make_job(template={"spec": spec}, output=VOLUME, keepBestModels=1))
    assert "\n" not in line
    for word in (
        "image",
        "resources",
        "env.valueFrom",
        "volumes",
        "output.volume",
        "keepBestModels",
        "all containers but",
    ):
        assert word in line
    assert ignored_fields(make_job()) == ""


def test_copies_follow_no_link_in_circles(tmp_path: Path) -> None:
    """Links to files become files, links to folders stay links, and dangling ones are left out."""
    source = _folder(tmp_path / "source", a="1")
    _folder(source / "inner", b="2")
    (source / "inner" / "up").symlink_to(source)
    (source / "linked").symlink_to("a")
    (source / "gone").symlink_to("nowhere")
    os.mkfifo(source / "pipe")
    copy_tree(str(source), str(tmp_path / "target"), ["b"])
    assert sorted(str(p.relative_to(tmp_path / "target")) for p in (tmp_path / "target").rglob("*")) == [
        "a",
        "inner",
        "inner/up",
        "linked",
    ]
    assert not (tmp_path / "target" / "linked").is_symlink()
    assert (tmp_path / "target" / "inner" / "up").resolve() == source


def test_foreign_folder_means_the_next_attempt_id(make_job: JobMaker, tmp_path: Path) -> None:
    """A model folder that exists before its attempt is never written to: the next attempt id is taken."""
    output = tmp_path / "out"
    script = f"[ $AUTOSEARCH_TRIAL_ID = 0-0 ] && mkdir output/$AUTOSEARCH_JOB_ID/0-1; {REPORT}"
    done = run_search(make_job(script, 2), output=output)
    foreign = output / "output" / job_id(done) / "0-1"
    _, trials = open_results(output)
    assert done.status.trials.succeeded == 2
    assert [(a.id, a.reason) for a in trials[1].status.attempts] == [("0-1", "DirectoryExists"), ("0-1-r1", "Reported")]
    assert list(foreign.iterdir()) == []


def test_own_model_folder_is_not_made(make_job: JobMaker, tmp_path: Path) -> None:
    """The job's folder is there, the attempt's is not: some frameworks refuse one that exists."""
    store = Store(tmp_path)
    store.prepare()
    job = make_job()
    job = job.replace(metadata=job.metadata.replace(uid="12345678-1"))
    workshop = Workshop(job, store, Sources())
    workshop.prepare()
    workshop.order("0-0", CommandLine(["true"], [], {}), {})
    assert (tmp_path / "output" / "job-12345678").is_dir()
    assert list((tmp_path / "output" / "job-12345678").iterdir()) == []


@pytest.mark.parametrize(
    ("listed", "gpus"),
    [("0,1", ["0", "1"]), ("GPU-a, GPU-b", ["GPU-a", "GPU-b"]), ("", []), ("-1", []), ("0,-1,2", ["0"])],
)
def test_visible_gpus_are_read_from_the_environment(listed: str, gpus: list[str]) -> None:
    """`CUDA_VISIBLE_DEVICES` wins, read as CUDA reads it."""
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": listed}) == gpus


def test_visible_gpus_are_counted_from_device_files(tmp_path: Path) -> None:
    """Without the variable the device files count, and the control files beside them do not."""
    _folder(tmp_path / "dev", nvidia0="", nvidia1="", nvidiactl="", null="")
    assert visible_gpus({}, tmp_path / "dev") == ["0", "1"]


def test_each_slot_has_a_gpu_of_its_own() -> None:
    """Side by side trials get different GPUs, a freed slot's GPU is used again, more slots share round robin."""
    slots = Slots(["3", "5"])
    taken = [slots.take() for _ in range(3)]
    assert [slots.environment(slot)["CUDA_VISIBLE_DEVICES"] for slot in taken] == ["3", "5", "3"]
    slots.free(1)
    assert slots.environment(slots.take()) == {"CUDA_VISIBLE_DEVICES": "5"}
    assert (Slots([]).environment(0), Slots(["0"]).environment(4)) == ({}, {})
    assert (Slots([]).gpus_each, slots.gpus_each) == (0, 1)


def test_trials_see_their_own_gpu(make_job: JobMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine with two GPUs, two trials at a time never see the same one, and GPU time is counted."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "6,7")
    script = (
        f"mkdir {tmp_path}/$CUDA_VISIBLE_DEVICES && sleep 0.1 && rmdir {tmp_path}/$CUDA_VISIBLE_DEVICES && {REPORT}"
    )
    job = run_search(make_job(script, 6, parallelTrials=2), output=tmp_path / "out")
    assert job.status.trials.succeeded == 6
    assert 0.5 < job.status.usage.gpu_seconds == pytest.approx(job.status.usage.trial_seconds)
