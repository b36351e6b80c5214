"""What passes between operator and sidecar: settings in, a verdict out."""

import json
from dataclasses import replace

import pytest

from autosearch.reporting.messages import REPORT_BYTES, FinalReport
from autosearch.sidecar.settings import SidecarSettings, Verdict

KUBELET_BYTES = 12 * 1024 // 6


def test_settings_are_read_as_they_were_written():
    """Every field survives the environment variable."""
    settings = SidecarSettings("job", "0-1", "job-0-1", "é", "/w", "PyTorch", True, False, True, "https://x", "PEM\n")
    assert SidecarSettings.from_json(settings.to_json()) == settings


def largest_report() -> FinalReport:
    """A report of exactly the largest size, most of it letters that ASCII would write with six signs."""
    metrics = {"acc": 0.1, **{f"{n}{'ü' * 60}": 0.12345678901234567 for n in range(7)}}
    report = FinalReport(0.1, metrics, "j/" + "é" * 190, "")
    return replace(report, checkpoint_path="x" * (REPORT_BYTES - len(report.to_json().encode())))


def test_the_largest_report_is_not_cut_by_the_kubelet():
    """Whatever a report may hold, its verdict fits into a sixth of what the kubelet keeps of a pod."""
    report = largest_report()
    assert len(report.to_json().encode()) == REPORT_BYTES
    verdict = Verdict(report=report.to_dict(), reported=1764033744.123)
    assert len(verdict.to_json().encode()) <= KUBELET_BYTES
    assert Verdict.from_json(verdict.to_json()) == verdict


@pytest.mark.parametrize("letter", ["x", "é", "\U0001f600", '"', "\\", "\n", "\x01", "\udc80"])
def test_an_explanation_is_cut_to_what_fits(letter):
    """A long refusal and a long message stay readable JSON, whatever they are made of."""
    verdict = Verdict(refusal=letter * 5000, fault="CopyFailed", message=letter * 5000)
    written = verdict.to_json().encode("utf-8", "backslashreplace")
    assert len(written) <= KUBELET_BYTES
    read = json.loads(written)
    assert 100 < len(read["refusal"]) < 5000
    assert set(read["refusal"]) == {letter}


@pytest.mark.parametrize("text", ["", "Error: no such file\n", "[]", "3", '{"unknown": 1}', "{"])
def test_what_is_no_verdict_reads_as_none(text):
    """A sidecar that died without a word, or another program's message."""
    assert Verdict.from_json(text) is None
