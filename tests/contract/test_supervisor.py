"""The supervisor against real processes: what it starts ends, and what those leave behind ends too."""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autosearch.local import processes as processes_module
from autosearch.local.descendants import all_processes, children_of, token_of
from autosearch.local.processes import Ended, News, Order, Processes, Started, SupervisorLostError, end_strays

_PATIENCE = 10.0


@pytest.fixture
def token(request: pytest.FixtureRequest) -> str:
    """Mark of this test's processes."""
    return f"test-{os.getpid()}-{request.node.name}"


# Stretches the moment between a fork and what the child does first.
_SLOW_FORK = """
import os, time
fork = os.fork
def slow_fork():
    pid = fork()
    if not pid:
        time.sleep(0.5)
    return pid
os.fork = slow_fork
"""


@pytest.fixture
def slow_forks(token: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Processes]:
    """A supervisor whose forked children take their time."""
    monkeypatch.setattr(processes_module, "_PROGRAM", f"{_SLOW_FORK}\n{processes_module._PROGRAM}")
    started = Processes(token)
    yield started
    started.close()


@pytest.fixture
def processes(token: str) -> Iterator[Processes]:
    """A supervisor of this test's own."""
    started = Processes(token)
    yield started
    started.close()


def _order(tmp_path: Path, script: str, name: str = "0-0", **changes: object) -> Order:
    fields = {"id": name, "command": ["sh", "-c", script], "env": {}, "cwd": str(tmp_path), "log": str(tmp_path / name)}
    return Order(**{**fields, **changes})


def _collect(processes: Processes, until: Callable[[list[News]], bool]) -> list[News]:
    """Read news until there is enough; fails after `_PATIENCE`."""
    seen: list[News] = []
    limit = time.monotonic() + _PATIENCE
    with selectors.DefaultSelector() as selector:
        selector.register(processes.fileno(), selectors.EVENT_READ)
        while not until(seen):
            assert time.monotonic() < limit, f"only {seen}"
            if selector.select(0.1):
                seen += processes.news()
    return seen


def _ended(count: int = 1) -> Callable[[list[News]], bool]:
    return lambda seen: sum(isinstance(one, Ended) for one in seen) >= count


def _started(seen: list[News]) -> bool:
    return any(isinstance(one, Started) for one in seen)


def _eventually(check: Callable[[], bool]) -> None:
    limit = time.monotonic() + _PATIENCE
    while not check():
        assert time.monotonic() < limit, "it never came true"
        time.sleep(0.02)


def _marked(token: str) -> list[int]:
    return [pid for pid in all_processes() if token_of(pid).startswith(f"{token}/")]


def test_exit_code_times_and_output_are_told(processes: Processes, tmp_path: Path) -> None:
    """A trial's start and end are told with its exit code, and its log has both of its streams."""
    before = time.time()
    processes.start(_order(tmp_path, "echo out; echo err >&2; exit 3"))
    begun, over = _collect(processes, _ended())
    assert isinstance(begun, Started)
    assert isinstance(over, Ended)
    assert (over.id, over.code, over.oom) == ("0-0", 3, False)
    assert before - 0.1 <= begun.time.timestamp() <= over.time.timestamp() <= time.time()
    assert (tmp_path / "0-0").read_text().split() == ["out", "err"]


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (["no-such-program"], 127, "cannot run 'no-such-program': No such file"),
        (["/etc"], 126, "cannot run '/etc': Permission denied"),
    ],
)
def test_command_that_cannot_start(
    processes: Processes, tmp_path: Path, command: list[str], code: int, words: str
) -> None:
    """A command that cannot be started ends like in a shell: 127 or 126, and a line in the log."""
    processes.start(_order(tmp_path, "", command=command))
    over = _collect(processes, _ended())[-1]
    assert isinstance(over, Ended)
    assert over.code == code
    assert words in (tmp_path / "0-0").read_text()


def test_copy_that_fails_is_told_in_the_log(processes: Processes, tmp_path: Path) -> None:
    """Data that cannot be copied ends the trial with 125 and names the reason."""
    processes.start(_order(tmp_path, "true", copies=[(str(tmp_path / "gone"), str(tmp_path / "there"), [])]))
    over = _collect(processes, _ended())[-1]
    assert isinstance(over, Ended)
    assert over.code == 125
    assert "cannot copy code or data" in (tmp_path / "0-0").read_text()


def test_environment_is_the_runners_plus_the_orders(
    token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial sees the runner's variables and its own, but none of a search around the runner."""
    monkeypatch.setenv("OF_THE_RUNNER", "yes")
    monkeypatch.setenv("AUTOSEARCH_PARAM_OUTER", "no")
    processes = Processes(token)
    processes.start(_order(tmp_path, "echo $OF_THE_RUNNER-$OWN-$AUTOSEARCH_PARAM_OUTER", env={"OWN": "a b"}))
    _collect(processes, _ended())
    processes.close()
    assert (tmp_path / "0-0").read_text() == "yes-a b-\n"


def test_ctrl_c_reaches_no_trial(processes: Processes, tmp_path: Path) -> None:
    """Each trial has a session of its own, and Python's ignored signals are back at their defaults."""
    processes.start(_order(tmp_path, "ps -o sid= -p $$; echo $$; kill -INT $$; sleep 9"))
    over = _collect(processes, _ended())[-1]
    assert isinstance(over, Ended)
    assert over.code == 128 + signal.SIGINT
    session, own = (tmp_path / "0-0").read_text().split()
    assert session == own


def test_sigterm_first_then_sigkill(processes: Processes, tmp_path: Path) -> None:
    """A trial that ignores SIGTERM is killed after its grace; one that heeds it may end in its own way."""
    processes.start(_order(tmp_path, "trap '' TERM; echo ready; sleep 60; sleep 60", "0-0"))
    processes.start(_order(tmp_path, "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done", "0-1"))
    _eventually(lambda: all((tmp_path / n).exists() and (tmp_path / n).read_text() for n in ("0-0", "0-1")))
    for name in ("0-0", "0-1"):
        processes.stop(name, 0.3)
    codes = {one.id: one.code for one in _collect(processes, _ended(2)) if isinstance(one, Ended)}
    assert codes == {"0-0": 128 + signal.SIGKILL, "0-1": 7}


def test_stopping_what_is_gone_is_no_error(processes: Processes, tmp_path: Path) -> None:
    """A stop that crosses the end of its trial changes nothing."""
    processes.start(_order(tmp_path, "exit 0"))
    _collect(processes, _ended())
    processes.stop("0-0", 0.0)
    processes.start(_order(tmp_path, "exit 5", "0-1"))
    over = _collect(processes, _ended())[-1]
    assert isinstance(over, Ended)
    assert over.code == 5


@pytest.mark.parametrize(
    "script",
    [
        "sleep 300 & echo $!; exit 0",
        "setsid sleep 300 & sleep 0.1; exit 0",
        "(setsid sh -c 'setsid sleep 300 & sleep 300' &) ; sleep 0.2; exit 0",
        "setsid env -i sleep 300 & sleep 0.1; exit 0",
    ],
    ids=["background", "own-session", "daemon-with-child", "cleared-environment"],
)
def test_nothing_left_behind(processes: Processes, tmp_path: Path, script: str) -> None:
    """When a trial's end is told, the processes that it left behind are gone, wherever they moved to."""
    processes.start(_order(tmp_path, script))
    _collect(processes, _ended())
    assert children_of(processes.supervisor_pid) == []


def test_neighbours_daemon_lives_as_long_as_its_trial(processes: Processes, tmp_path: Path, token: str) -> None:
    """The end of one trial does not touch what another one, still running, has in the background."""
    daemon = "setsid sh -c 'echo $$ > daemon; exec sleep 300' & while [ ! -f end ]; do sleep 0.05; done"
    processes.start(_order(tmp_path, daemon, "0-0"))
    _eventually((tmp_path / "daemon").exists)
    processes.start(_order(tmp_path, "exit 0", "0-1"))
    _collect(processes, _ended())
    assert any(t == f"{token}/0-0" for t in map(token_of, all_processes()))
    (tmp_path / "end").touch()
    _collect(processes, _ended())
    assert _marked(token) == []


def test_close_kills_everything(token: str, tmp_path: Path) -> None:
    """When the runner's end of the channel closes, no descendant is left."""
    processes = Processes(token)
    processes.start(_order(tmp_path, "setsid sleep 300 & sleep 300"))
    _collect(processes, _started)
    _eventually(lambda: len(_marked(token)) >= 2)
    processes.close()
    assert _marked(token) == []


@pytest.mark.parametrize("victim", ["supervisor", "runner"])
def test_kill_9_leaves_no_orphan(token: str, tmp_path: Path, victim: str) -> None:
    """Whoever of runner and supervisor is killed with SIGKILL, no trial's process outlives it."""
    program = f"""
import time, sys
from pathlib import Path
from autosearch.local.processes import Order, Processes, SupervisorLostError
p = Processes({token!r})
command = ["sh", "-c", "setsid sleep 300 & trap '' TERM; sleep 300"]
p.start(Order("0-0", command, {{}}, {str(tmp_path)!r}, {str(tmp_path / "log")!r}))
print(p.supervisor_pid, flush=True)
while True:
    try:
        p.news()
    except SupervisorLostError:
        p.restart()
        print("restarted", flush=True)
"""
    package = str(Path(sys.modules["autosearch"].__file__ or "").parents[1])
    runner = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": package}
    )
    assert runner.stdout is not None
    supervisor = int(runner.stdout.readline())
    _eventually(lambda: len(_marked(token)) >= 3)
    try:
        if victim == "supervisor":
            os.kill(supervisor, signal.SIGKILL)
            assert runner.stdout.readline() == "restarted\n"
            assert _marked(token) == []
        else:
            runner.kill()
            _eventually(lambda: _marked(token) == [])
    finally:
        runner.kill()
        runner.wait()
        runner.stdout.close()


def test_lost_supervisor_is_told_and_replaced(processes: Processes, tmp_path: Path) -> None:
    """After the supervisor was killed, news and orders say so, and a new one takes orders."""
    os.kill(processes.supervisor_pid, signal.SIGKILL)
    with pytest.raises(SupervisorLostError):
        _collect(processes, _ended())
    with pytest.raises(SupervisorLostError):
        processes.start(_order(tmp_path, "exit 0"))
    processes.restart()
    processes.start(_order(tmp_path, "exit 0", "0-9"))
    assert isinstance(_collect(processes, _ended())[-1], Ended)


def test_sigterm_to_the_supervisor_ends_all(token: str, tmp_path: Path) -> None:
    """A supervisor that is asked to end takes its trials with it."""
    processes = Processes(token)
    processes.start(_order(tmp_path, "sleep 300"))
    _collect(processes, _started)
    os.kill(processes.supervisor_pid, signal.SIGTERM)
    with pytest.raises(SupervisorLostError):
        _collect(processes, lambda _seen: False)
    assert _marked(token) == []
    processes.close()


def test_stop_just_after_the_fork_is_heard(slow_forks: Processes, tmp_path: Path) -> None:
    """A stop that comes before the child has a group of its own ends it by SIGTERM all the same."""
    slow_forks.start(_order(tmp_path, "sleep 60"))
    slow_forks.stop("0-0", 30.0)
    over = _collect(slow_forks, _ended())[-1]
    assert isinstance(over, Ended)
    assert over.code == 128 + signal.SIGTERM


def test_sigterm_just_after_the_fork_is_the_childs_alone(slow_forks: Processes, tmp_path: Path) -> None:
    """A signal to a child that still has the supervisor's handlers does not reach the supervisor."""
    slow_forks.start(_order(tmp_path, "sleep 60", "0-0"))
    slow_forks.start(_order(tmp_path, "sleep 1; exit 7", "0-1"))
    _collect(slow_forks, _started)
    os.kill(min(children_of(slow_forks.supervisor_pid)), signal.SIGTERM)
    codes = {one.id: one.code for one in _collect(slow_forks, _ended(2)) if isinstance(one, Ended)}
    assert codes == {"0-0": 128 + signal.SIGTERM, "0-1": 7}


def test_log_that_cannot_be_opened_ends_one_trial(processes: Processes, tmp_path: Path) -> None:
    """A trial whose log cannot be made ends with 125, and its neighbour goes on."""
    processes.start(_order(tmp_path, "sleep 0.3; exit 7", "0-0"))
    processes.start(_order(tmp_path, "exit 0", "0-1", log=str(tmp_path / "gone" / "log")))
    codes = {one.id: one.code for one in _collect(processes, _ended(2)) if isinstance(one, Ended)}
    assert codes == {"0-0": 7, "0-1": 125}


def test_strays_of_an_earlier_runner_are_ended(token: str) -> None:
    """Processes that carry the search's mark are killed at the start, even if nobody supervises them."""
    stray = subprocess.Popen(["sleep", "300"], env={**os.environ, "AUTOSEARCH_RUN": f"{token}/0-0"})
    _eventually(lambda: _marked(token) == [stray.pid])
    end_strays(token)
    assert _marked(token) == []
    stray.wait()


def test_supervisor_loads_the_standard_library_alone() -> None:
    """The supervisor stays small: nothing of AutoSearch but itself and its three neighbours is imported for it."""
    package = Path(sys.modules["autosearch"].__file__ or "").parents[1]
    program = "import sys; sys.path.append(sys.argv[1]); import autosearch.local.supervisor; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(package)], capture_output=True, text=True, check=True
    )
    names = {name for name in loaded.stdout.split() if name.split(".")[0] not in sys.stdlib_module_names}
    ours = {f"autosearch.local.{name}" for name in ("supervisor", "descendants", "copying")}
    ours |= {"autosearch.proposing", "autosearch.proposing.parent"}
    assert names == {"__main__", "autosearch", "autosearch.local", *ours} - ({"__main__"} - names)
