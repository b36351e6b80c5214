"""The wire: what is read, what is kept, and what a refusal says."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autosearch.reporting.messages import (
    FinalReport,
    Refused,
    encode_reply,
    number,
    numbers,
    parse_request,
    plain,
    shown,
    text,
)

OPERATOR = Path(__file__).parents[2] / "operator"
finite = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.builds(
        FinalReport,
        value=finite,
        metrics=st.dictionaries(st.text(min_size=1).filter(plain), finite, min_size=1, max_size=8),
        model_path=st.text().filter(plain),
        checkpoint_path=st.text().filter(plain),
    )
)
def test_a_kept_report_is_read_back_as_it_was(report):
    """A report survives the way through its stored JSON unchanged."""
    assert FinalReport.from_dict(json.loads(report.to_json())) == report


def test_the_stored_form_has_the_apis_names():
    """The keys are those of the Trial's status, and the text is compact."""
    report = FinalReport(0.5, {"acc": 0.5}, "j/0-1", "j/0-1/m")
    assert report.to_json() == '{"value":0.5,"metrics":{"acc":0.5},"modelPath":"j/0-1","checkpointPath":"j/0-1/m"}'


@pytest.mark.parametrize(
    ("stored", "field"),
    [
        ({}, "value"),
        ({"value": 1.0}, "metrics"),
        ({"value": 1.0, "metrics": {}}, "metrics: found an empty object"),
        ({"value": 1.0, "metrics": {"a": 1}, "modelPath": 3}, "modelPath"),
        ({"value": 1.0, "metrics": {"a": 1}, "checkpointPath": []}, "checkpointPath: found a list of 0"),
    ],
)
def test_a_damaged_kept_report_is_refused_with_the_fields_name(stored, field):
    """What does not hold a report is refused and the error begins with the field."""
    with pytest.raises(Refused, match=f"^{field}"):
        FinalReport.from_dict(stored)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (True, "found True, a number is needed"),
        (None, "found None, a number is needed"),
        ("0.9", "found '0.9', a number is needed: write float"),
        ([0.9], "found a list of 1"),
        ({}, "found an object"),
        (math.nan, "found nan, a finite number is needed: if training diverged"),
        (-math.inf, "found -inf, a finite"),
        (10**400, "found inf, a finite"),
    ],
)
def test_what_is_no_finite_number_is_refused_with_advice(found, says):
    """Booleans, texts, nothing, NaN and infinities are no metric values."""
    with pytest.raises(Refused, match=f"^acc: {says}"):
        number("acc", found)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (None, "found None, write a dict such as {'acc': 0.93}"),
        ([1], "found a list of 1, write a dict"),
        ({}, "found an empty object, write a dict"),
        ({f"m{i}": 1.0 for i in range(9)}, "found 9 entries, at most 8"),
        ({"": 1.0}, "found the name ''"),
        ({"a\nb": 1.0}, "found the name 'a\\nb'"),
        ({"\ud800": 1.0}, "found the name '\\ud800'"),
        ({3: 1.0}, "found the name 3"),
        ({"a": "b"}, "found 'b'"),
    ],
)
def test_metrics_are_one_to_eight_named_numbers(found, says):
    """Anything else is refused, saying what was found."""
    with pytest.raises(Refused) as refusal:
        numbers("metric", found)
    assert says in str(refusal.value)


def test_whole_numbers_are_numbers():
    """A metric of 1 is 1.0."""
    assert numbers("metric", {"a": 1}) == {"a": 1.0}
    assert isinstance(number("a", 1), float)


def test_an_absent_text_is_empty():
    """A missing or null path means that there is none."""
    assert text({}, "cwd") == text({"cwd": None}, "cwd") == ""


def test_a_quoted_value_is_short():
    """An error never repeats a megabyte."""
    assert len(shown("x" * 1_000_000)) < 130


@pytest.mark.parametrize(
    "line", [b"", b"\n", b"{", b"nope", b"\xff\xfe", b"[1]", b'"text"', b"[" * 60_000, b'{"a":' + b"9" * 5_000 + b"}"]
)
def test_what_is_no_object_in_json_is_refused(line):
    """Damaged, foreign and hostile lines end as a refusal and as nothing else."""
    with pytest.raises(Refused, match=r"^request: "):
        parse_request(line)


def test_a_line_is_read_with_or_without_its_end():
    """The newline is no part of the message."""
    assert parse_request(b'{"a": 1}\n') == parse_request(b'{"a": 1}') == {"a": 1}


@given(st.text())
def test_a_reply_is_one_line_of_ascii(message):
    """Whatever it says, a reply is exactly one line that any old reader decodes."""
    line = encode_reply({"accepted": False, "message": message})
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert json.loads(line.decode("ascii"))["message"] == message


PROBE = """
import sys
before = set(sys.modules)
import autosearch.reporting.messages, autosearch.reporting.checks, autosearch.reporting.inbox
added = {name.partition(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)
ours = sorted(name for name in sys.modules if name.startswith("autosearch"))
memory = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(sorted(added), ours, "asyncio" in sys.modules, memory, sep="|")
"""


def test_what_runs_beside_a_trial_is_small_and_standard_library_only():
    """The modules of the sidecar bring in nothing else, no event loop, and stay below 25 MB."""
    done = subprocess.run([sys.executable, "-S", "-c", PROBE], cwd=OPERATOR, check=True, capture_output=True, text=True)
    added, ours, loop, memory = done.stdout.strip().split("|")
    assert added == "['autosearch']"
    assert set(json.loads(ours.replace("'", '"'))) == {"autosearch", "autosearch.reporting"} | {
        f"autosearch.reporting.{name}" for name in ("messages", "checks", "tree", "inbox")
    }
    assert loop == "False"
    assert int(memory) < 25 * 1024
