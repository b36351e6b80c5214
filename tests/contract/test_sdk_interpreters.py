"""The SDK inside real scripts, on every Python that training images have, against a real inbox."""

import json
import os
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from autosearch.reporting.checks import Expectation
from autosearch.reporting.inbox import Desk, Inbox
from autosearch.reporting.messages import ProgressAnswer

SDK = Path(__file__).parents[2] / "sdk"
PROBE = Path(__file__).parent / "sdk_probe.py"
REQUIRED = ("3.6", "3.7", "3.8")
VERSIONS = (*REQUIRED, "3.9", "3.10", "3.11", "3.12", "3.13")


def works(interpreter, version):
    """Whether a file is a Python of that version: a version manager's stand-in may be none."""
    ask = [interpreter, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        done = subprocess.run(ask, check=False, capture_output=True, text=True, timeout=30)
    except OSError:
        return False
    return done.stdout.strip() == version


def interpreter_of(version):
    """Find a Python: ourselves, a version manager's, also the one that ours comes from, or one on the PATH."""
    ours = sys.executable if version == "{}.{}".format(*sys.version_info) else None
    folders = [Path.home() / ".pyenv" / "versions", Path(sys.base_prefix).parent]
    managed = [path for folder in folders for path in sorted(folder.glob(f"{version}.*/bin/python"))]
    found = [ours, *map(str, managed), shutil.which(f"python{version}")]
    return next((path for path in found if path and works(path, version)), None)


@pytest.fixture(scope="module", params=VERSIONS)
def python(request):
    """Each interpreter; a missing one is a loud skip, and a failure in CI if images really have it."""
    found = interpreter_of(request.param)
    if not found:
        missing = f"the SDK was NOT tried on Python {request.param}: no such interpreter here"
        if os.environ.get("CI") == "true" and request.param in REQUIRED:
            pytest.fail(missing)
        pytest.skip(missing)
    return found


class Trial:
    """A trial's surroundings: a working directory with an output, a socket, a desk, and a loop."""

    def __init__(self, folder, socket_path):
        self.folder, self.socket = folder, socket_path
        self.kept, self.seen = [], []
        (folder / "output").mkdir()
        self.desk = Desk(
            Expectation(
                job_id="iris-1a2b3c4d",
                attempt_id="0-3",
                metric="acc",
                working_directory=str(folder),
                output_root=str(folder / "output"),
                output_prefixes=(str(folder / "output"),),
            ),
            self.kept.append,
            self.progress,
        )

    def progress(self, report):
        """Take observations, and ask to stop at step 2."""
        self.seen.append(report)
        return ProgressAnswer(accepted=True, stop=report.step == 2)

    def start(self, python, mode, **environment):
        """Start the probe as AutoSearch would."""
        fixed = {
            "PYTHONPATH": str(SDK),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PATH": os.environ["PATH"],
            "AUTOSEARCH_SOCKET": str(self.socket),
            "AUTOSEARCH_JOB_ID": "iris-1a2b3c4d",
            "AUTOSEARCH_TRIAL_ID": "0-3",
        }
        return subprocess.Popen(
            [python, str(PROBE), mode],
            cwd=self.folder,
            env=fixed | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def serve(self, process, answer=None):
        """Be the inbox until the script ends."""
        with selectors.DefaultSelector() as selector:
            inbox = Inbox(self.socket, answer or self.desk.answer)
            inbox.register(selector)
            end = time.monotonic() + 60
            while process.poll() is None and time.monotonic() < end:
                for key, mask in selector.select(0.02):
                    key.data(mask)
            inbox.close()
        return self.result(process)

    def result(self, process):
        """What the script said, once it ended."""
        out, err = process.communicate(timeout=60)
        lines = [json.loads(line[7:]) for line in out.splitlines() if line.startswith("RESULT ")]
        return SimpleNamespace(code=process.returncode, said=dict(lines), out=out, err=err)


@pytest.fixture
def trial():
    """A trial in a place short enough for a socket."""
    with tempfile.TemporaryDirectory() as folder:
        yield Trial(Path(folder).resolve(), Path(folder).resolve() / "socket")


def test_good_reports_are_taken_on_every_python(python, trial):
    """Positional and keyword use, scalars, one-element arrays and paths; a repeat gets the first answer."""
    done = trial.serve(trial.start(python, "accepted"))
    assert (done.code, done.err) == (0, "")
    assert [done.said[f"step {step}"][:2] for step in range(3)] == [[True, False], [True, False], [True, True]]
    assert done.said["first"] == done.said["again"] == [True, "accepted"]
    assert [(report.step, report.metrics["acc"]) for report in trial.seen] == [(0, 0.25), (1, 0.5), (2, 0.75)]
    (kept,) = trial.kept
    assert (kept.value, kept.model_path) == (0.875, "iris-1a2b3c4d/0-3")
    assert kept.checkpoint_path == "iris-1a2b3c4d/0-3/model.pkl"


def test_bad_reports_come_back_as_a_reason_and_never_as_an_exception(python, trial):
    """Whatever a script hands over, it gets (False, what to write instead)."""
    done = trial.serve(trial.start(python, "refused"))
    assert (done.code, done.err) == (0, "")
    expected = {
        "nothing": "metric: found NoneType, write a dict",
        "no dict": "metric: found float, write a dict",
        "list": "metric 'acc': found list, which is not one number",
        "array": "metric 'acc': found Tensor, which is not one number",
        "hostile": "metric 'acc': found Hostile",
        "huge": "metric 'acc': found int, which is not one number",
        "nan": "metric 'acc': found nan, a finite number is needed",
        "text": "found '0.9', a number is needed",
        "boolean": "found True, a number is needed",
        "none": "found None, a number is needed",
        "wrong name": "this job's metric is 'acc'",
        "path": "the report could not be made: TypeError",
        "long": "at most 65536 are read",
        "other": "job_id: found 'job-1234', this run's is 'iris-1a2b3c4d'",
        "hostile id": "the report could not be made: BrokenError: no text",
        "step": "step: found 1.5, write a whole number",
        "hostile step": "step: found Hostile",
        "no metrics": "metrics: found an empty object",
    }
    assert set(done.said) == set(expected)
    for name, text in expected.items():
        assert done.said[name][0] is False, name
        assert text in done.said[name][-1], name
    assert [done.said[name][1] for name in ("step", "hostile step", "no metrics")] == [False] * 3
    assert not trial.kept


def test_without_autosearch_a_script_can_be_tried_by_hand(python, trial):
    """It prints what it would report and goes on, also with the contract's loop."""
    for mode in ("final", "progress", "vendor"):
        done = trial.result(trial.start(python, mode, AUTOSEARCH_SOCKET="", AUTOSEARCH_JOB_ID="job-1234"))
        assert done.code == 0
        assert 'it would report: {"type": ' in done.out
        assert all(said[0] is True and said[1] is not True for said in done.said.values())


def test_an_interrupt_is_not_swallowed(python, trial):
    """Ctrl-C ends the script, in a report as anywhere else."""
    done = trial.result(trial.start(python, "interrupted"))
    assert done.code != 0
    assert "KeyboardInterrupt" in done.err


def test_the_contracts_loop_succeeds_at_once(python, trial):
    """An accepted report ends the loop and the script well."""
    done = trial.serve(trial.start(python, "vendor"))
    assert (done.code, done.out.count("end_report")) == (0, 1)
    assert [report.value for report in trial.kept] == [0.5]


def oldest():
    """The oldest interpreter here: what follows depends on time, so it is tried on one."""
    return next(filter(None, map(interpreter_of, VERSIONS)))


def test_the_contracts_loop_succeeds_after_two_refusals(trial):
    """Its third try, after two refusals, is taken, and is the only one that counts."""
    refusals = [{"accepted": False, "message": "not yet"}] * 2
    done = trial.serve(
        trial.start(oldest(), "vendor"), lambda message: refusals.pop() if refusals else trial.desk.answer(message)
    )
    assert (done.code, done.out.count("end_report"), done.out.count("not yet")) == (0, 3, 2)
    assert len(trial.kept) == 1


def test_the_contracts_loop_fails_after_three_refusals(trial):
    """The script ends with an error, and prints the reason each time."""
    done = trial.serve(trial.start(oldest(), "vendor", AUTOSEARCH_TRIAL_ID="0-0"))
    assert done.code != 0
    assert done.out.count("trial_id: found '0-0', this run's is '0-3'") == 3
    assert "AssertionError" in done.err
    assert not trial.kept


def test_a_lost_reply_is_asked_for_again_and_counted_once(trial):
    """The reader dies after keeping the report, before its reply: the script sees nothing but success."""
    process = trial.start(oldest(), "vendor")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(trial.socket))
        listener.listen()
        listener.settimeout(30)
        for torn in (b"", b'{"accepted": fal'):
            link, _ = listener.accept()
            with link:
                trial.desk.answer(json.loads(link.makefile("rb").readline()))
                link.sendall(torn)
    done = trial.serve(process)
    assert (done.code, done.out.count("end_report")) == (0, 1)
    assert len(trial.kept) == 1


def test_a_nonsense_reply_is_asked_for_again(trial):
    """A line that is no JSON object is as good as lost."""
    process = trial.start(oldest(), "vendor")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(trial.socket))
        listener.listen()
        listener.settimeout(30)
        for nonsense in (b"no json\n", b"7\n", b"\xff\n"):
            link, _ = listener.accept()
            with link:
                link.makefile("rb").readline()
                link.sendall(nonsense)
    assert trial.serve(process).code == 0


def test_a_reader_that_starts_late_is_waited_for(trial):
    """No socket, then a dead one, then the reader: within one call of the script."""
    process = trial.start(oldest(), "vendor")
    time.sleep(0.4)
    Inbox(trial.socket, dict)._listener.close()
    time.sleep(0.4)
    done = trial.serve(process)
    assert (done.code, done.out.count("end_report")) == (0, 1)


@pytest.mark.parametrize("listening", [True, False])
@pytest.mark.parametrize("mode", ["final", "progress"])
def test_a_reader_that_never_answers_is_given_up(trial, mode, listening):
    """After the time in the environment the script gets a reason, and is never asked to stop."""
    with socket.socket(socket.AF_UNIX) as listener:
        if listening:
            listener.bind(str(trial.socket))
            listener.listen()
        begun = time.monotonic()
        done = trial.result(trial.start(oldest(), mode, AUTOSEARCH_REPORT_TIMEOUT="1"))
        assert time.monotonic() - begun < 5
    assert done.said[mode][0] is False
    assert done.said[mode][1] is not True
    assert "nobody took the report at" in done.said[mode][-1]
    assert "within 1 s" in done.said[mode][-1]


@pytest.mark.parametrize("nonsense", ["", "soon", "nan", "-1"])
def test_a_nonsense_timeout_is_ignored(trial, nonsense):
    """The default is taken: a typo in the environment costs no result."""
    process = trial.start(oldest(), "final", AUTOSEARCH_REPORT_TIMEOUT=nonsense)
    time.sleep(0.3)
    assert trial.serve(process).said["final"] == [True, "accepted"]
