"""The rules of a report, each against real files."""

import json
import os
import socket
from pathlib import Path

import pytest

from autosearch.api.base import MAX_COUNT
from autosearch.api.trial import Observation
from autosearch.reporting.checks import (
    Expectation,
    check_final,
    check_progress,
    read_result_file,
)
from autosearch.reporting.messages import LARGEST_STEP, REPORT_BYTES, FinalReport, Refused
from autosearch.search.stopping.asha import MAX_STEP

JOB, ATTEMPT = "iris-1a2b3c4d", "0-3"
OWN = f"{JOB}/{ATTEMPT}"


def expectation(root, **changes):
    """What a trial in /workspace/run, whose output is `root`, must report."""
    fixed = {
        "job_id": JOB,
        "attempt_id": ATTEMPT,
        "metric": "acc",
        "working_directory": "/workspace/run",
        "output_root": str(root),
        "output_prefixes": ("/workspace/run/output", str(root)),
    }
    return Expectation(**fixed | changes)


def final(**changes):
    """A good final message, but for the changes."""
    return {"type": "final", "job_id": JOB, "trial_id": ATTEMPT, "metric": {"acc": 0.9}} | changes


@pytest.fixture
def own(tmp_path):
    """The attempt's own folder, holding a model."""
    folder = tmp_path / JOB / ATTEMPT
    folder.mkdir(parents=True)
    (folder / "model.pkl").write_bytes(b"weights")
    return folder


def refusal(check, *arguments):
    """The text with which a check refuses."""
    with pytest.raises(Refused) as refused:
        check(*arguments)
    return str(refused.value)


def test_a_good_report_is_kept_with_paths_below_the_output_root(own, tmp_path):
    """Paths come out relative to the output root and extra metrics are kept."""
    message = final(
        metric={"acc": 1, "loss": 0.1},
        export_model_path=f"./output/{OWN}/",
        checkpoint_path=f"./output/{OWN}/model.pkl",
        cwd="/workspace/run",
    )
    assert check_final(message, expectation(tmp_path)) == FinalReport(
        1.0, {"acc": 1.0, "loss": 0.1}, OWN, f"{OWN}/model.pkl"
    )


@pytest.mark.parametrize(
    ("written", "cwd"),
    [
        (f"output/{OWN}", None),
        (f"output/{OWN}", "not/absolute"),
        (f"./output/../output/{JOB}/./{ATTEMPT}//", "/workspace/run"),
        (f"../output/{OWN}", "/workspace/run/code"),
        (f"/workspace/run/output/{OWN}", "/elsewhere"),
        (f"//workspace/run/output/{OWN}", "/elsewhere"),
        (".", f"/workspace/run/output/{OWN}"),
        ("{root}/" + OWN, "/"),
    ],
)
def test_one_folder_may_be_written_in_many_ways(own, tmp_path, written, cwd):
    """Relative, absolute and detoured spellings of the own folder are all understood."""
    message = final(export_model_path=written.format(root=tmp_path), cwd=cwd)
    assert check_final(message, expectation(tmp_path)).model_path == OWN


def test_no_paths_mean_that_nothing_is_kept(tmp_path):
    """Empty, null and absent paths are fine and need no folder."""
    message = final(export_model_path="", checkpoint_path=None)
    assert check_final(message, expectation(tmp_path)) == FinalReport(0.9, {"acc": 0.9})


def test_a_report_of_the_defaults_is_told_to_use_its_flags(tmp_path):
    """A script that ignored its flags learns both ids and the fix."""
    said = refusal(check_final, final(job_id="job-1234"), expectation(tmp_path))
    assert "job_id: found 'job-1234', this run's is 'iris-1a2b3c4d'" in said
    assert "declare --job_id with argparse" in said
    assert "AUTOSEARCH_JOB_ID" in said
    assert "trial_id: found '0-0'" in refusal(check_final, final(trial_id="0-0"), expectation(tmp_path))


def test_a_wrong_metric_name_is_answered_with_the_right_one(tmp_path):
    """Both names are in the refusal."""
    said = refusal(check_final, final(metric={"accuracy": 0.9}), expectation(tmp_path))
    assert "found 'accuracy', this job's metric is 'acc': write metric={'acc': value}" in said


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/elsewhere", "outside the output folder: write a path below ./output/iris-1a2b3c4d/0-3"),
        ("/workspace/run/output-2/x", "outside the output folder"),
        (f"output/{OWN}/../../../..", "outside the output folder"),
        ("output", f"write this trial's own folder: ./output/{OWN}"),
        (f"output/{JOB}/0-4", "write this trial's own folder"),
        (f"output/{OWN}/model.pkl", "write the folder itself, not what is in it"),
        (f"output/{OWN}/a\0b", "valid UTF-8 without control characters"),
        ("output/\ud800", "valid UTF-8"),
        ("output/" + "x" * 401, "401 bytes below the output folder, at most 400"),
        (5, "export_model_path: found 5, write a text"),
    ],
)
def test_a_model_belongs_into_the_own_folder(own, tmp_path, path, says):
    """Every other place is refused with what to write instead."""
    assert says in refusal(check_final, final(export_model_path=path), expectation(tmp_path))


def test_a_model_folder_must_exist_and_hold_a_file(tmp_path):
    """Missing, empty, and holding nothing but empty folders and links: refused."""
    message, expect = final(export_model_path=f"output/{OWN}"), expectation(tmp_path)
    assert "does not exist: save it before reporting" in refusal(check_final, message, expect)
    inner = tmp_path / OWN / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "link").symlink_to("/etc/hostname")
    assert "holds no file: save the model there" in refusal(check_final, message, expect)
    (inner / "weights").touch()
    assert check_final(message, expect).model_path == OWN


def test_a_hostile_depth_of_folders_holds_no_file(tmp_path):
    """The search for a file gives up at a depth that no framework reaches."""
    deep = tmp_path / OWN / "/".join("d" * 12)
    deep.mkdir(parents=True)
    (deep / "file").write_text("x")
    assert "holds no file" in refusal(check_final, final(export_model_path=f"output/{OWN}"), expectation(tmp_path))


def test_a_file_in_the_folders_place_is_named(tmp_path):
    """A script that saved to the path itself learns that a folder is wanted."""
    (tmp_path / JOB).mkdir()
    (tmp_path / OWN).write_text("a model")
    said = refusal(check_final, final(export_model_path=f"output/{OWN}"), expectation(tmp_path))
    assert "'0-3' is a file, a folder is wanted there" in said


@pytest.mark.parametrize("link", [JOB, OWN])
def test_no_link_is_followed_below_the_output_root(tmp_path, link):
    """A link as job or trial folder is refused, even to a good model; the root itself may be one."""
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    (elsewhere / ATTEMPT).mkdir(parents=True)
    (elsewhere / ATTEMPT / "m").write_text("x")
    (elsewhere / "m").write_text("x")
    (root / link).parent.mkdir(parents=True)
    (root / link).symlink_to(elsewhere)
    (tmp_path / "also").symlink_to(root)
    message = final(export_model_path=f"output/{OWN}")
    assert "is a link, and links are not followed" in refusal(check_final, message, expectation(root))
    message = final(checkpoint_path=f"output/{OWN}/m")
    assert "is a link, and links are not followed" in refusal(check_final, message, expectation(root))
    (root / link).unlink()
    (root / OWN).mkdir(parents=True)
    (root / OWN / "m").write_text("x")
    assert check_final(message, expectation(tmp_path / "also")).checkpoint_path == f"{OWN}/m"


@pytest.mark.parametrize(
    ("framework", "needed"),
    [
        ("Sklearn", ["clf.pickle"]),
        ("Sklearn", ["clf.pkl"]),
        ("XGBoost", ["clf.pkl"]),
        ("TensorFlow", ["saved_model.pb"]),
        ("PyTorch", ["model.pkl"]),
        ("Paddle", ["model", "params"]),
    ],
)
def test_each_framework_asks_for_its_files(tmp_path, framework, needed):
    """Until the last needed file is there, as a file, the report is refused naming it."""
    own = tmp_path / OWN
    (own / "logs").mkdir(parents=True)
    (own / "logs" / "notes").write_text("x")
    message, expect = final(export_model_path=f"output/{OWN}"), expectation(tmp_path, framework=framework)
    for name in needed:
        (own / name).mkdir()
        said = refusal(check_final, message, expect)
        assert name in said
        assert f"which framework {framework} needs" in said
        (own / name).rmdir()
        (own / name).write_text("x")
    assert check_final(message, expect).model_path == OWN


def test_a_checkpoint_is_a_filled_regular_file_of_the_job(own, tmp_path):
    """Missing, empty, a folder, a link, a socket, another job's: each is refused by name."""
    expect = expectation(tmp_path)
    (own / "empty").touch()
    (own / "folder").mkdir()
    (own / "link").symlink_to(own / "model.pkl")
    (tmp_path / "foreign").write_text("x")
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(own)
        listener.bind("socket")
        for name, says in {
            "missing": "does not exist",
            "empty": "is empty: close the file",
            "folder": "is a folder, write the path of one file in it",
            "link": "is a link, and links are not followed",
            "socket": "is a device, pipe or socket",
            "model.pkl/x": "'model.pkl' is a file, a folder is wanted there",
            "../../foreign": f"write a file below ./output/{OWN}",
            "../..": f"write a file below ./output/{OWN}",
            "x" * 300: "cannot be read (File name too long)",
        }.items():
            assert says in refusal(check_final, final(checkpoint_path=f"output/{OWN}/{name}"), expect)


@pytest.fixture(autouse=True)
def _back():
    """A test may change the directory."""
    before = Path.cwd()
    yield
    os.chdir(before)


def test_a_parents_checkpoint_may_be_reported(own, tmp_path):
    """Any file of the job counts, for a member that did not change may name what it started from."""
    (tmp_path / JOB / "0-1").mkdir()
    (tmp_path / JOB / "0-1" / "m").write_text("x")
    message = final(checkpoint_path=f"output/{JOB}/0-1/m")
    assert check_final(message, expectation(tmp_path)).checkpoint_path == f"{JOB}/0-1/m"


def test_population_based_training_needs_a_checkpoint(own, tmp_path):
    """A PBT report without checkpoint is refused with the line to write."""
    said = refusal(check_final, final(), expectation(tmp_path, checkpoint_required=True))
    assert "write checkpoint_path='./output/iris-1a2b3c4d/0-3/model.pkl'" in said


def test_without_an_output_paths_are_ignored(tmp_path):
    """Where nothing is kept, a vendor script that reports its paths is still taken."""
    message = final(export_model_path="output/anything", checkpoint_path="/etc/hostname")
    expect = expectation(tmp_path, model_kept=False, framework="PyTorch")
    assert check_final(message, expect) == FinalReport(0.9, {"acc": 0.9})


def test_a_folder_that_may_not_be_read_comes_with_the_fix(own, tmp_path, monkeypatch):
    """A script of another user learns how to make its model readable."""

    def deny(*_arguments, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", deny)
    said = refusal(check_final, final(export_model_path=f"output/{OWN}"), expectation(tmp_path))
    assert "may not be read: make it readable (chmod -R a+rX)" in said


def test_a_report_has_at_most_two_thousand_bytes(tmp_path):
    """The limit is on the stored JSON, to the byte."""
    room = REPORT_BYTES - len(FinalReport(1.0, {"acc": 1.0, "": 1.0}).to_json())
    fits = final(metric={"acc": 1.0, "x" * room: 1.0})
    assert len(check_final(fits, expectation(tmp_path)).to_json()) == REPORT_BYTES
    above = final(metric={"acc": 1.0, "x" * (room + 1): 1.0})
    assert "report: 2001 bytes as JSON, at most 2000" in refusal(check_final, above, expectation(tmp_path))


def test_progress_is_a_step_and_metrics(own, tmp_path):
    """Any metrics are taken, with the checkpoint below the output root."""
    message = final(step=3, metrics={"loss": 1}, checkpoint_path=f"output/{OWN}/model.pkl")
    report = check_progress(message, expectation(tmp_path, checkpoint_required=True))
    assert (report.step, report.metrics, report.checkpoint_path) == (3, {"loss": 1.0}, f"{OWN}/model.pkl")
    assert check_progress(message | {"checkpoint_path": ""}, expectation(tmp_path, checkpoint_required=True))


@pytest.mark.parametrize("step", [None, True, -1, 1.5, "3", 2**31, []])
def test_a_step_is_a_whole_number_from_zero(tmp_path, step):
    """Anything else is refused."""
    said = refusal(check_progress, final(step=step, metrics={"acc": 1}), expectation(tmp_path))
    assert said.startswith("step: found ")


def test_the_largest_step_is_the_same_wherever_steps_are_kept(tmp_path):
    """A step that is accepted can be written to the Trial's status, read again, and is below the last rung's bound."""
    report = check_progress(final(step=LARGEST_STEP, metrics={"acc": 1}), expectation(tmp_path))
    stored = Observation(step=report.step, metrics=report.metrics)
    assert Observation.from_dict(stored.to_dict()) == stored
    assert LARGEST_STEP == MAX_COUNT == MAX_STEP


@pytest.mark.parametrize("changes", [{"framework": "Torch"}, {"checkpoint_required": True, "model_kept": False}])
def test_an_expectation_that_cannot_be_met_is_a_fault_of_ours(tmp_path, changes):
    """It fails where it is made, not at the end of a training run."""
    with pytest.raises(ValueError, match=r"framework|checkpoint_required"):
        expectation(tmp_path, **changes)


def test_a_result_file_speaks_for_a_script_without_sdk(own, tmp_path):
    """Metrics alone suffice: the own folder is the model when it holds a file; a byte order mark does no harm."""
    written = tmp_path / "result.json"
    written.write_bytes(b'\xef\xbb\xbf{"acc": 0.93, "loss": 1}')
    expect = expectation(tmp_path)
    assert read_result_file(written, expect) == FinalReport(0.93, {"acc": 0.93, "loss": 1.0}, OWN)
    written.write_text(json.dumps({"acc": 1, "export_model_path": "", "checkpoint_path": f"output/{OWN}/model.pkl"}))
    assert read_result_file(written, expect) == FinalReport(1.0, {"acc": 1.0}, "", f"{OWN}/model.pkl")
    (own / "model.pkl").unlink()
    written.write_text('{"acc": 1}')
    assert read_result_file(written, expect).model_path == ""
    own.rmdir()
    assert read_result_file(written, expect).model_path == ""
    own.write_text("no folder")
    assert "a folder is wanted there" in refusal(read_result_file, written, expect)


@pytest.mark.parametrize(
    ("contents", "says"),
    [
        (b"", "not one line of JSON"),
        (b"0.93", "found 0.93, write a JSON object"),
        (b'{"accuracy": 1}', "this job's metric is 'acc'"),
        (b'{"acc": "0.9"}', "a number is needed"),
        (b" " * 65_537, "larger than 65536 bytes"),
    ],
)
def test_a_bad_result_file_is_refused(tmp_path, contents, says):
    """Its refusals are as clear as a report's."""
    written = tmp_path / "result.json"
    written.write_bytes(contents)
    assert says in refusal(read_result_file, written, expectation(tmp_path))


def test_only_a_regular_file_is_a_result(tmp_path):
    """Nothing, a folder, a link and a pipe are refused without waiting."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("/etc/hostname")
    os.mkfifo(tmp_path / "pipe")
    for name in ("nothing", "folder", "link", "pipe"):
        assert refusal(read_result_file, tmp_path / name, expectation(tmp_path)).startswith("result file: cannot be")
