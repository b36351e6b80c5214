"""The desk: the first accepted final report is the only one, and it is kept before it is answered."""

import pytest

from autosearch.reporting.checks import Expectation
from autosearch.reporting.inbox import Desk
from autosearch.reporting.messages import FinalReport, ProgressAnswer

FINAL = {"type": "final", "job_id": "j", "trial_id": "0-1", "metric": {"acc": 0.5}}
PROGRESS = {"type": "progress", "job_id": "j", "trial_id": "0-1", "step": 1, "metrics": {"acc": 0.1}}


@pytest.fixture
def expect(tmp_path):
    """A trial that keeps no model."""
    return Expectation(
        job_id="j",
        attempt_id="0-1",
        metric="acc",
        working_directory="/w",
        output_root=str(tmp_path),
        output_prefixes=("/w/output",),
    )


def answered(_report):
    """Take any observation."""
    return ProgressAnswer(accepted=True)


def test_the_first_accepted_report_counts_once(expect):
    """It is kept before it is answered; repeats, also with other values, get the first answer."""
    kept = []
    desk = Desk(expect, kept.append, answered)
    first = desk.answer(FINAL)
    assert first == {"accepted": True, "message": "accepted"}
    assert desk.answer(FINAL) == first
    assert desk.answer(FINAL | {"metric": {"acc": 0.9}}) == first
    assert desk.answer(FINAL | {"metric": "nonsense"}) == first
    assert kept == [FinalReport(0.5, {"acc": 0.5})] == [desk.accepted]
    assert desk.answer(FINAL | {"trial_id": "0-2"})["accepted"] is False


def test_a_restarted_desk_answers_as_the_first_did(expect):
    """What an earlier process kept is neither kept again nor replaced."""
    kept = []
    first = Desk(expect, kept.append, answered).answer(FINAL)
    desk = Desk(expect, kept.append, answered, accepted=kept[0])
    assert desk.answer(FINAL | {"metric": {"acc": 0.9}}) == first
    assert len(kept) == 1


def test_a_refused_report_may_be_corrected(expect):
    """The last reason stays for the failure message, and a later good report is taken."""
    desk = Desk(expect, lambda report: None, answered)
    reply = desk.answer(FINAL | {"metric": {"acc": float("nan")}})
    assert reply == {"accepted": False, "message": desk.last_refusal}
    assert "found nan" in desk.last_refusal
    assert desk.answer(FINAL)["accepted"] is True


def test_a_report_that_cannot_be_kept_is_not_accepted(expect):
    """A full disk is told, nothing is remembered, and the repeat is taken once there is room."""
    full = [OSError(28, "No space left on device")]

    def keep(_report):
        if full:
            raise full.pop()

    desk = Desk(expect, keep, answered)
    assert "could not be kept (No space left on device)" in desk.answer(FINAL)["message"]
    assert desk.accepted is None
    assert desk.answer(FINAL)["accepted"] is True


def test_a_message_of_no_known_type_is_refused(expect):
    """The reply says which types there are."""
    desk = Desk(expect, lambda report: None, answered)
    for kind in (None, "fin", ["final"]):
        reply = desk.answer(FINAL | {"type": kind})
        assert reply["accepted"] is False
        assert "write 'final' or 'progress'" in reply["message"]


def test_progress_is_answered_by_whoever_keeps_it(expect):
    """The answer's stop goes to the script, and refusals never ask it to stop or stain the final report."""
    seen = []
    desk = Desk(
        expect,
        lambda report: None,
        lambda report: seen.append(report) or ProgressAnswer(accepted=True, stop=True, message="hopeless"),
    )
    assert desk.answer(PROGRESS) == {"accepted": True, "stop": True, "message": "hopeless"}
    assert seen[0].step == 1
    refused = desk.answer(PROGRESS | {"step": -1})
    assert (refused["accepted"], refused["stop"], desk.last_refusal) == (False, False, "")
    desk.answer(FINAL)
    assert "already accepted" in desk.answer(PROGRESS)["message"]
    assert len(seen) == 1


def test_an_observation_that_cannot_be_kept_never_stops_the_trial(expect):
    """A full disk is told, and training goes on."""

    def keep(_report):
        raise OSError(28, "No space left on device")

    reply = Desk(expect, lambda report: None, keep).answer(PROGRESS)
    assert (reply["accepted"], reply["stop"]) == (False, False)


def test_a_report_without_a_place_to_keep_models_says_so(expect):
    """The script's own log shows that the model is not kept."""
    expect = Expectation(**{name: getattr(expect, name) for name in expect.__slots__} | {"model_kept": False})
    reply = Desk(expect, lambda report: None, answered).answer(FINAL | {"export_model_path": "output/j/0-1"})
    assert reply["accepted"] is True
    assert "the model is not kept" in reply["message"]


def test_a_result_file_counts_if_no_report_came_before(expect, tmp_path):
    """A report wins over the file; a bad file gives its reason."""
    kept = []
    result = tmp_path / "result.json"
    desk = Desk(expect, kept.append, answered)
    assert desk.take_result_file(result) is False
    assert "result file" in desk.last_refusal
    result.write_text('{"acc": 0.93}')
    assert desk.take_result_file(result) is True
    result.write_text('{"acc": 0.1}')
    assert desk.take_result_file(result) is True
    assert [report.value for report in kept] == [0.93]
