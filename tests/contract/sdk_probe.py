"""A script that uses the SDK, for any Python from 3.6: says what it got as lines of JSON.

Run as `python sdk_probe.py MODE`; the environment is AutoSearch's. Needs the standard library and the SDK alone.
"""

import json
import os
import pathlib
import sys
import time

from autosearch_sdk import report_progress
from rudder_autosearch.sdk.amaas_tools import AMaasTools

JOB = os.environ.get("AUTOSEARCH_JOB_ID", "job-1234")
TRIAL = os.environ.get("AUTOSEARCH_TRIAL_ID", "0-0")


class Scalar:
    """Like a numpy scalar: no float, but can become one."""

    def __init__(self, value):
        self.value = value

    def __float__(self):
        return float(self.value)


class Tensor(Scalar):
    """Like a tensor or array of one element: `float` may warn or fail, `item` does not."""

    def __float__(self):
        raise TypeError("only length-1 arrays can be converted")

    def item(self):
        """Return the one element, as numpy and torch do."""
        if isinstance(self.value, list) and len(self.value) != 1:
            raise ValueError("can only convert an array of size 1")
        return self.value


class BrokenError(Exception):
    """Raised by objects that no report may be disturbed by."""


class Hostile:
    """Fails whatever is asked of it."""

    def __str__(self):
        raise BrokenError("no text")

    def __float__(self):
        raise BrokenError("no number")


def say(name, result):
    """Print one result."""
    print("RESULT " + json.dumps([name, list(result)]), flush=True)


def refused():
    """Everything that must come back as (False, reason)."""
    tools = AMaasTools(JOB, TRIAL)
    say("nothing", tools.report_final_result())
    say("no dict", tools.report_final_result(0.9))
    say("list", tools.report_final_result({"acc": [1, 2]}))
    say("array", tools.report_final_result({"acc": Tensor([1, 2])}))
    say("hostile", tools.report_final_result({"acc": Hostile()}))
    say("huge", tools.report_final_result({"acc": 10**400}))
    say("nan", tools.report_final_result({"acc": float("nan")}))
    say("text", tools.report_final_result({"acc": "0.9"}))
    say("boolean", tools.report_final_result({"acc": Tensor(True)}))
    say("none", tools.report_final_result({"acc": None}))
    say("wrong name", tools.report_final_result({"accuracy": 0.9}))
    say("path", tools.report_final_result({"acc": 0.9}, 7))
    say("long", tools.report_final_result({"acc": 0.9}, "x" * 70000))
    say("other", AMaasTools("job-1234", "0-0").report_final_result({"acc": 0.9}))
    say("hostile id", AMaasTools(Hostile(), None).report_final_result({"acc": 0.9}))
    say("step", report_progress(1.5, {"acc": 1}))
    say("hostile step", report_progress(Hostile(), {"acc": 1}))
    say("no metrics", report_progress(1, {}))


def accepted():
    """Everything that must be taken; the reader keeps the first."""
    say("step 0", report_progress(0, {"acc": Scalar(0.25)}))
    say("step 1", report_progress(step=Tensor(1), metrics={"acc": Tensor(0.5), "loss": 1}, checkpoint_path=None))
    say("step 2", report_progress(Scalar(2), {"acc": 0.75}))
    folder = pathlib.Path("output") / JOB / TRIAL
    folder.mkdir(parents=True)
    (folder / "model.pkl").write_bytes(b"weights")
    tools = AMaasTools(JOB, TRIAL)
    say("first", tools.report_final_result({"acc": Tensor(0.875)}, folder, str(folder / "model.pkl")))
    say("again", tools.report_final_result(metric={"acc": 0.1}, export_model_path="", checkpoint_path=""))


def final():
    """One report."""
    say("final", AMaasTools(JOB, TRIAL).report_final_result({"acc": 0.5}))


def progress():
    """One observation."""
    say("progress", report_progress(3, {"acc": 0.5}))


def interrupted():
    """Ctrl-C within a report is the user's, not ours to swallow."""

    class Interrupting:
        def __float__(self):
            raise KeyboardInterrupt

    AMaasTools(JOB, TRIAL).report_final_result({"acc": Interrupting()})


def vendor():
    """The contract's own loop: three tries, a second apart, stop at the first true flag, assert."""
    tools = AMaasTools(job_id=JOB, trial_id=TRIAL)
    flag, message = False, ""
    for _ in range(3):
        flag, message = tools.report_final_result(metric={"acc": 0.5}, export_model_path="", checkpoint_path="")
        print(f"end_report: flag: {flag}, message: {message}")
        if flag:
            break
        time.sleep(1)
    assert flag, "Report final result failed!"


if __name__ == "__main__":
    globals()[sys.argv[1]]()
