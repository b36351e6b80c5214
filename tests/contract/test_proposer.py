"""The worker process of the algorithms: answers, faults, time limits, and its end with its parent."""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from autosearch.api.algorithms import Random, Tpe
from autosearch.api.parameters import Parameter
from autosearch.engine.snapshot import Answer, Question
from autosearch.proposing.proposer import Proposer
from autosearch.search.records import Search, TrialRecord
from autosearch.search.space import SearchSpace

QUESTION = Question(slots=2, known=1, finished=1, planned=10)
_START = """
import os, sys
from multiprocessing.connection import Connection
sys.path.insert(0, sys.argv[1])
connection = Connection(int(sys.argv[2]))
"""
PATIENCE = 20.0


@pytest.fixture
def search() -> Search:
    """A random search over one float."""
    space = SearchSpace.of([Parameter.from_dict({"name": "x", "float": {"min": 0.0, "max": 1.0}})])
    return Search("job", space, "random", Random(), maximize=True, seed=7, max_trials=10, metric="acc")


@pytest.fixture
def proposer_of(tmp_path: Path) -> Iterator[Callable[..., Proposer]]:
    """Make proposers that are closed at the end."""
    made: list[Proposer] = []

    def make(**options: object) -> Proposer:
        made.append(Proposer(tmp_path / "algorithm.log", **options))  # type: ignore[arg-type]  # any options
        return made[-1]

    yield make
    for proposer in made:
        proposer.close()


def _known() -> list[TrialRecord]:
    return [TrialRecord("job-0-0", 0, "Succeeded", {"x": 0.5}, value=1.0, completion="2026-01-31T12:00:00.000000Z")]


def _answer(proposer: Proposer) -> Answer:
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        assert proposer.connection is not None
        assert proposer.due is not None
        with selectors.DefaultSelector() as selector:
            selector.register(proposer.connection, selectors.EVENT_READ)
            selector.select(max(0.0, min(proposer.due, limit) - time.monotonic()))
        if (answer := proposer.answer()) is not None:
            return answer
    pytest.fail("no answer came")


def test_question_is_answered_by_the_algorithm(proposer_of: Callable[..., Proposer], search: Search) -> None:
    """A question gets as many proposals as it has slots, and the same one again the same answer."""
    proposer = proposer_of()
    assert (proposer.asked, proposer.due, proposer.answer()) == (None, None, None)
    proposer.ask(QUESTION, search, _known())
    assert proposer.asked == QUESTION
    first = _answer(proposer)
    assert (first.question, first.error, proposer.asked) == (QUESTION, "", None)
    assert [proposal.number for proposal in first.proposals.trials] == [1, 2]
    proposer.ask(QUESTION, search, _known())
    assert _answer(proposer) == first


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ("import sys; sys.exit(3)", "ended unexpectedly"),
        (_START + "connection.recv(); connection.send('numbers do not add up')", "numbers do not add up"),
        (_START + "connection.recv(); connection.send_bytes(b'nonsense')", "ended unexpectedly"),
        (_START + "import time; time.sleep(60)", "took longer than 0.3 s"),
    ],
    ids=["dies", "error", "garbage", "hangs"],
)
def test_faults_become_the_answer(
    proposer_of: Callable[..., Proposer], search: Search, program: str, error: str
) -> None:
    """A worker that dies, errs, talks nonsense or hangs gives an answer with an error, never a hang."""
    proposer = proposer_of(program=program, time_limit=0.3 if "sleep" in program else PATIENCE)
    proposer.ask(QUESTION, search, [])
    answer = _answer(proposer)
    assert error in answer.error
    assert answer.proposals.trials == ()


def test_a_worker_that_died_once_is_replaced(
    proposer_of: Callable[..., Proposer], search: Search, tmp_path: Path
) -> None:
    """One death, such as a kill for memory, is not the end: the question is asked again."""
    flag = tmp_path / "died"
    program = f"""{_START}
from pathlib import Path
if not Path({str(flag)!r}).exists():
    Path({str(flag)!r}).touch()
    os._exit(9)
from autosearch.search.records import Proposals
connection.recv()
connection.send(Proposals(exhausted=True))
"""
    proposer = proposer_of(program=program)
    proposer.ask(QUESTION, search, [])
    answer = _answer(proposer)
    assert flag.exists()
    assert (answer.error, answer.proposals.exhausted) == ("", True)


def test_worker_killed_between_questions_is_replaced(proposer_of: Callable[..., Proposer], search: Search) -> None:
    """A worker that was killed while idle costs nothing but a new start."""
    proposer = proposer_of()
    proposer.ask(QUESTION, search, _known())
    first = _answer(proposer)
    assert proposer._worker is not None
    proposer._worker.kill()
    proposer._worker.wait()
    proposer.ask(QUESTION, search, _known())
    assert _answer(proposer) == first


def _many() -> list[TrialRecord]:
    """More than a socket's buffer holds."""
    return [TrialRecord(f"job-0-{number}", number, "Succeeded", {"x": 0.5}, value=1.0) for number in range(20_000)]


@pytest.mark.parametrize(
    ("program", "error"),
    [("import time; time.sleep(60)", "took longer than"), ("import sys; sys.exit(3)", "ended unexpectedly")],
    ids=["hangs", "dies"],
)
def test_question_of_any_size_never_holds_the_runner_up(
    proposer_of: Callable[..., Proposer], search: Search, program: str, error: str
) -> None:
    """A worker that reads nothing of a long question costs the runner no time, and gives an answer with an error."""
    proposer = proposer_of(program=program, time_limit=1.0)
    begun = time.monotonic()
    proposer.ask(QUESTION, search, _many())
    assert time.monotonic() - begun < 0.9
    assert error in _answer(proposer).error
    proposer.close()
    assert proposer._sending is None


def test_long_question_arrives_whole(proposer_of: Callable[..., Proposer], search: Search) -> None:
    """A question that is longer than the socket's buffer is answered like any other."""
    proposer = proposer_of()
    proposer.ask(QUESTION, replace(search, max_trials=30_000), _many())
    answer = _answer(proposer)
    assert (answer.error, [proposal.number for proposal in answer.proposals.trials]) == ("", [20_000, 20_001])


def test_a_newer_question_replaces_the_old_one(proposer_of: Callable[..., Proposer], search: Search) -> None:
    """Only the last question is answered."""
    proposer = proposer_of()
    newer = Question(slots=1, known=0, finished=0, planned=10)
    proposer.ask(QUESTION, search, [])
    proposer.ask(newer, search, [])
    assert _answer(proposer).question == newer


def test_worker_dies_with_the_runner(tmp_path: Path) -> None:
    """A worker in the middle of a long computation does not outlive a runner that was killed."""
    package = str(Path(sys.modules["autosearch"].__file__ or "").parents[1])
    program = f"""
import sys, time
from pathlib import Path
from autosearch.proposing import proposer
start = proposer._PROGRAM.split("from autosearch.search")[0]
slow = start + "import time; print('working', flush=True); time.sleep(60)"
p = proposer.Proposer(Path({str(tmp_path / "log")!r}), program=slow)
p._start()
print(p._worker.pid, flush=True)
time.sleep(60)
"""
    runner = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": package}
    )
    assert runner.stdout is not None
    worker = int(runner.stdout.readline())
    _eventually(lambda: "working" in (tmp_path / "log").read_text())
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    runner.stdout.close()
    _eventually(lambda: not _runs(worker))


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _eventually(check: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE
    while not check():
        assert time.monotonic() < limit, "it never came true"
        time.sleep(0.02)


def _history(count: int) -> list[TrialRecord]:
    times = (f"2026-01-31T12:00:{second:02}.000000Z" for second in range(count))
    return [
        TrialRecord(f"job-0-{n}", n, "Succeeded", {"x": n / count}, value=-abs(n / count - 0.4), completion=time)
        for n, time in enumerate(times)
    ]


def test_changes_alone_are_sent(proposer_of: Callable[..., Proposer], search: Search) -> None:
    """A worker that is told what has changed answers as one that is told everything."""
    model = replace(search, algorithm="tpe", settings=Tpe(startup_trials=2), max_trials=100)
    kept, whole = proposer_of(), _history(12)
    running = [*whole[:6], replace(whole[6], state="Running", value=None, completion=None)]
    for trials in (whole[:4], running, whole[:9], whole, whole[:3], whole):
        question = replace(QUESTION, known=len(trials))
        kept.ask(question, model, trials)
        answer = _answer(kept)
        fresh = proposer_of()
        fresh.ask(question, model, trials)
        assert not answer.error
        assert answer == _answer(fresh)
        fresh.close()


def test_a_worker_that_has_forgotten_a_job_is_told_everything(
    proposer_of: Callable[..., Proposer], search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that was not asked for long gets the same answer, though its worker keeps only some jobs."""
    monkeypatch.setattr("autosearch.proposing.proposer._REMEMBERED", 100)
    one, trials = proposer_of(), _history(5)
    one.ask(QUESTION, search, trials)
    first = _answer(one)
    for number in range(40):
        one.ask(QUESTION, replace(search, job_name=f"other-{number}"), trials)
        assert not _answer(one).error
    one.ask(QUESTION, search, trials)
    assert _answer(one) == first
