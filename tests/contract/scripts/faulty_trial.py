"""A trial with one fault, named by its argument; it reports through the SDK, and ends with 1 if it was refused."""

import contextlib
import io
import json
import os
import signal
import sys
import time
from pathlib import Path

from rudder_autosearch.sdk.amaas_tools import AMaasTools

JOB = os.environ["AUTOSEARCH_JOB_ID"]
TRIAL = os.environ["AUTOSEARCH_TRIAL_ID"]
OWN = Path("output", JOB, TRIAL)
FAULT = sys.argv[1]


def report(value=0.5, metric="acc", model=str(OWN), checkpoint="", ids=(JOB, TRIAL)):
    """Report, and give whether it was accepted."""
    flag, message = AMaasTools(*ids).report_final_result(
        metric={metric: value}, export_model_path=model, checkpoint_path=checkpoint
    )
    print(flag, message)
    return flag


def file(path, text="weights"):
    """Make a file and give its path as text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def link_out():
    """Report a model folder that is a link out of the output."""
    Path("elsewhere").mkdir()
    file(Path("elsewhere/model"))
    OWN.symlink_to(Path("elsewhere").resolve())
    return report()


def file_for_folder():
    """Report a file where a folder is wanted."""
    file(OWN)
    return report()


def path_of_another():
    """Report a folder that is another trial's."""
    return report(model=str(Path(file(OWN.with_name("0-99") / "model")).parent))


def fill():
    """Fill the disk, unless told not to, and fail."""
    file(OWN / "model")
    if not Path("output/no-ballast").exists():
        with contextlib.suppress(OSError), (OWN / "ballast").open("wb", buffering=0) as ballast:
            while ballast.write(bytes(4096)):
                pass
    return False


def fill_then_report():
    """Fill the disk and report; the log cannot take a word either."""
    fill()
    with contextlib.redirect_stdout(io.StringIO()):
        return report()


def report_then_crash():
    """Crash after an accepted report."""
    file(OWN / "model")
    report()
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(9)


def hang_after_report():
    """Hang after an accepted report."""
    file(OWN / "model")
    report()
    time.sleep(300)


def report_and_file():
    """Report one value and write another to the result file."""
    file(OWN / "model")
    Path(os.environ["AUTOSEARCH_RESULT"]).write_text(json.dumps({"acc": 0.9}))
    return report()


FAULTS = {
    "nan": lambda: report(float("nan"), model=""),
    "wrong-metric": lambda: report(metric="accuracy", model=""),
    "path-outside": lambda: report(model="/tmp"),  # noqa: S108 - the fault itself
    "path-of-another": path_of_another,
    "link-out": link_out,
    "file-for-folder": file_for_folder,
    "folder-for-file": lambda: file(OWN / "model") and report(checkpoint=str(OWN)),
    "checkpoint-missing": lambda: file(OWN / "model") and report(checkpoint=str(OWN / "gone")),
    "checkpoint-empty": lambda: report(checkpoint=file(OWN / "model", "")),
    "empty-model": lambda: OWN.mkdir() or report(),
    "own-ids": lambda: report(model="", ids=("job-1234", "0-0")),
    "two-reports": lambda: file(OWN / "model") and report(0.5) and report(0.7),
    "refused-then-right": lambda: report() or (file(OWN / "model") and report()),
    "report-and-file": report_and_file,
    "report-then-crash": report_then_crash,
    "hang-after-report": hang_after_report,
    "fill": fill,
    "fill-then-report": fill_then_report,
}

sys.exit(0 if FAULTS[FAULT]() else 1)
