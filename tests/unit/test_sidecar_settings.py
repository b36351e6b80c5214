"""What a sidecar leaves behind, read by an operator of another version."""

import json

from autosearch.sidecar.settings import Verdict


def test_a_newer_sidecars_report_counts():
    """Fields that are not known are passed over: after a roll-back of the operator no result is lost."""
    newer = {"report": {"value": 0.5}, "reported": 1.0, "colour": "blue"}
    assert Verdict.from_json(json.dumps(newer)) == Verdict(report={"value": 0.5}, reported=1.0)


def test_other_words_are_no_verdict():
    """A log's last line, or JSON of somebody else, is not taken for one."""
    for text in ("Traceback", "[1]", "7", '{"colour": "blue"}', ""):
        assert Verdict.from_json(text) is None
