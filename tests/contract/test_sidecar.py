"""Reports at a sidecar, both real processes with the real SDK between: none is lost, none counts twice."""

import os
import signal
from pathlib import Path

import pytest
from tests.contract.pods import wait_until

from autosearch.reporting.messages import FinalReport
from autosearch.sidecar.settings import Verdict


def test_a_report_through_the_copied_sdk_is_the_verdict_at_once(make_pod):
    """What the script reported is in the termination message before the script goes on."""
    pod = make_pod(framework="PyTorch")
    pod.start()
    pod.save_model()
    printed = pod.run(
        "import autosearch_sdk\n"
        "say(autosearch_sdk.__file__)\n"
        "say(tools.report_final_result({'acc': 0.875}, './output/iris-1a2b3c4d/0-3', ''))"
    )
    assert printed == [[f"{pod.places.python}/autosearch_sdk/__init__.py"], [[True, "accepted"]]]
    verdict = pod.verdict
    report = FinalReport(0.875, {"acc": 0.875}, "iris-1a2b3c4d/0-3").to_dict()
    assert verdict == Verdict(report=report, reported=verdict.reported)
    assert pod.ended() == 0
    assert pod.verdict == verdict


def test_a_repeat_is_answered_as_the_first_and_changes_nothing(make_pod):
    """The first accepted report counts, whatever is reported later."""
    pod = make_pod()
    pod.start()
    assert pod.final() == (True, "accepted")
    assert pod.final("{'acc': 0.75}") == (True, "accepted")
    assert pod.verdict.report["value"] == 0.5


def test_killed_between_acceptance_and_answer_it_answers_as_it_would_have(make_pod):
    """After `kill -9` with the report on the disk, its successor gives the same answer and the same verdict."""
    pod = make_pod()
    # Opening a pipe that nobody reads takes for ever: the report is kept by then, and not answered.
    os.mkfifo(pod.places.termination_log)
    sidecar = pod.start()
    script = pod.script("print(tools.report_final_result({'acc': 0.5}, '', ''))")
    state = Path(pod.places.state) / "verdict.json"
    wait_until(state.exists)
    sidecar.kill()
    sidecar.wait()
    kept = Verdict.from_json(state.read_text(encoding="utf-8"))
    Path(pod.places.termination_log).unlink()
    pod.start()
    assert script.communicate(timeout=60)[0] == "(True, 'accepted')\n"
    assert pod.verdict == kept
    assert kept.report["value"] == 0.5
    assert pod.final("{'acc': 0.75}") == (True, "accepted")
    assert pod.ended() == 0
    assert pod.verdict == kept


def test_a_restart_keeps_what_the_script_has_and_a_refusal(make_pod):
    """A restarted sidecar copies nothing over a running trial, and neither its directory nor a refusal is lost."""
    pod = make_pod(copies_code=True)
    pod.mount_code({"train.py": "print(1)"})
    sidecar = pod.start()
    (pod.work / "train.py").write_text("changed by the trial")
    pod.save_model()
    assert pod.final("{'loss': 1}")[0] is False
    refused = pod.verdict
    sidecar.kill()
    sidecar.wait()
    pod.start()
    assert (pod.work / "train.py").read_text() == "changed by the trial"
    assert pod.verdict == refused
    assert pod.ended() == 0
    assert pod.verdict.refusal == refused.refusal


@pytest.mark.parametrize(("metric", "diverged"), [("{'loss': 1}", False), ("{'acc': float('nan')}", True)])
def test_a_refused_report_is_answered_and_told(make_pod, metric, diverged):
    """The script hears why, the operator reads the same, and whether training diverged."""
    pod = make_pod()
    pod.start()
    taken, message = pod.final(metric)
    assert not taken
    assert message.startswith("metric")
    assert pod.verdict == Verdict(refusal=message, diverged=diverged)
    assert pod.ended() == 0
    assert pod.verdict == Verdict(refusal=message, diverged=diverged)


def test_a_report_after_a_refusal_is_the_verdict(make_pod):
    """A script that mends its report has succeeded: nothing is left of the refusal."""
    pod = make_pod()
    pod.start()
    assert pod.final("{'loss': 1}")[0] is False
    assert pod.final() == (True, "accepted")
    assert (pod.verdict.refusal, pod.verdict.report["value"]) == ("", 0.5)


def test_the_result_file_is_taken_when_the_trial_ends(make_pod):
    """A script without SDK has its result in the verdict, with the model that is there."""
    pod = make_pod()
    pod.start()
    pod.save_model()
    Path(pod.places.result).write_text('{"acc": 0.93}')
    assert pod.ended() == 0
    assert pod.verdict.report == FinalReport(0.93, {"acc": 0.93}, "iris-1a2b3c4d/0-3").to_dict()


def test_a_report_wins_over_the_result_file(make_pod):
    """The file counts only where nothing was reported."""
    pod = make_pod()
    pod.start()
    pod.final()
    Path(pod.places.result).write_text('{"acc": 0.93}')
    assert pod.ended() == 0
    assert pod.verdict.report["value"] == 0.5


def test_a_missing_result_file_does_not_hide_a_refusal_and_a_wrong_one_is_told(make_pod):
    """The reason that the operator reads is the script's last deed."""
    pod = make_pod()
    pod.start()
    assert pod.ended() == 0
    assert pod.verdict == Verdict()
    pod.start()
    Path(pod.places.result).write_text('{"acc": NaN}')
    assert pod.ended() == 0
    assert pod.verdict.diverged
    assert "metric 'acc'" in pod.verdict.refusal


def test_without_an_output_no_folder_is_asked_for(make_pod):
    """A job that keeps no model needs no volume, and its script hears that."""
    pod = make_pod(model_kept=False)
    pod.output.rmdir()
    pod.start()
    assert pod.final(path="'./output/iris-1a2b3c4d/0-3'") == (
        True,
        "accepted: the model is not kept, for the job has no output",
    )


def test_a_fault_after_a_report_does_not_hide_it(make_pod):
    """A sidecar that cannot be started again still hands the result over."""
    pod = make_pod()
    sidecar = pod.start()
    pod.final()
    sidecar.kill()
    sidecar.wait()
    Path(pod.places.socket).unlink()
    Path(pod.places.socket).mkdir()
    assert pod.start(ready=False).wait(20) == 1
    assert pod.verdict.report["value"] == 0.5


def test_a_report_that_cannot_be_kept_is_refused(make_pod):
    """Nothing is answered that would be lost: the script may report again when there is room."""
    pod = make_pod()
    pod.start()
    (Path(pod.places.state) / "verdict.new").mkdir()
    taken, message = pod.final()
    assert not taken
    assert "could not be kept" in message
    (Path(pod.places.state) / "verdict.new").rmdir()
    assert pod.final() == (True, "accepted")


def test_the_longest_report_arrives_whole(make_pod):
    """A report of the largest size that is taken is read back from what the kubelet keeps."""
    pod = make_pod()
    pod.start()
    metric = "{'acc': 0.123456789012345, **{'é%d' % n + 'ü' * 110: 0.1 for n in range(7)}}"
    assert pod.final(metric) == (True, "accepted")
    assert pod.ended() == 0
    assert len(pod.verdict.report["metrics"]) == 8


def test_a_second_signal_does_not_break_the_end_off(make_pod):
    """However often it is told to end, the verdict is written and the exit code is 0."""
    pod = make_pod()
    sidecar = pod.start()
    Path(pod.places.result).write_text('{"acc": 0.5}')
    while sidecar.poll() is None:
        sidecar.send_signal(signal.SIGTERM)
    assert sidecar.returncode == 0
    assert pod.verdict.report["value"] == 0.5
