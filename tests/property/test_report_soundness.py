"""Whatever a script sends, what is kept is sound."""

import json

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from autosearch.reporting.checks import Expectation, check_final
from autosearch.reporting.messages import REPORT_BYTES, FinalReport, Refused

JOB, ATTEMPT = "iris-1a2b3c4d", "0-3"
OWN = f"{JOB}/{ATTEMPT}"


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """An output with good and bad things in it, only read by the property below."""
    root = tmp_path_factory.mktemp("root")
    (root / OWN / "empty").mkdir(parents=True)
    (root / OWN / "model.pkl").write_text("x")
    (root / OWN / "link").symlink_to("/etc/hostname")
    (root / JOB / "0-4").symlink_to(root)
    return root


names = st.sampled_from(["acc", "loss", "\ud800", "a\0"]) | st.text()
values = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
anything = st.recursive(values, lambda inner: st.lists(inner) | st.dictionaries(names, inner), max_leaves=8)
pieces = st.sampled_from(
    ["output", JOB, ATTEMPT, "0-4", "model.pkl", "link", "empty", "..", ".", "", "x" * 256, "\0", "\ud800"]
)
paths = st.lists(pieces, max_size=7).map("/".join) | st.just(f"output/{OWN}") | st.just(f"output/{OWN}/model.pkl")
good = st.dictionaries(st.text("abc"), st.floats(-1, 1), max_size=3).map(lambda more: more | {"acc": 0.5})
likely = st.fixed_dictionaries(
    {"job_id": st.just(JOB), "trial_id": st.just(ATTEMPT), "metric": good},
    optional={"export_model_path": paths, "checkpoint_path": paths, "cwd": paths},
)
unlikely = st.fixed_dictionaries(
    {"job_id": st.just(JOB), "trial_id": st.just(ATTEMPT)},
    optional={
        "metric": good | st.dictionaries(names, values, max_size=10) | anything,
        "export_model_path": paths | anything,
        "checkpoint_path": paths | anything,
        "cwd": paths | anything,
    },
)


@given(message=likely | unlikely | st.dictionaries(names, anything), required=st.booleans(), kept=st.booleans())
def test_a_message_becomes_a_sound_report_or_a_refusal_and_nothing_else(tree, message, required, kept):
    """For any JSON object at all: no other error, and what is kept fulfils every rule."""
    expect = Expectation(
        job_id=JOB,
        attempt_id=ATTEMPT,
        metric="acc",
        working_directory="/workspace/run",
        output_root=str(tree),
        output_prefixes=("/workspace/run/output", str(tree)),
        checkpoint_required=required and kept,
        model_kept=kept,
    )
    try:
        report = check_final(message, expect)
    except Refused as refused:
        event(str(refused).partition(":")[0][:20])
        return
    event("accepted")
    assert FinalReport.from_dict(json.loads(report.to_json())) == report
    assert report.metrics["acc"] == report.value
    assert report.model_path in ("", OWN)
    assert report.checkpoint_path in ("", f"{OWN}/model.pkl")
    assert report.checkpoint_path or not expect.checkpoint_required
    assert len(report.to_json().encode()) <= REPORT_BYTES
