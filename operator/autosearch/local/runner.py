"""Runs a search on this machine, or reads what one has left.

Owns: what both need of an output directory, in the right order, and the end of all of it. The work is the loop's.
"""

import selectors
from contextlib import ExitStack
from pathlib import Path

from autosearch.api.errors import AutoSearchError, InvalidInputError, Problem, StateConflictError
from autosearch.api.job import AutoSearchJob
from autosearch.api.meta import is_true
from autosearch.api.trial import Trial
from autosearch.local.attempts import Attempts
from autosearch.local.gpus import Slots, visible_gpus
from autosearch.local.interrupts import caught
from autosearch.local.live_view import Listener
from autosearch.local.lock import Lock
from autosearch.local.loop import Loop
from autosearch.local.processes import Processes
from autosearch.local.state import State, fault_of
from autosearch.local.store import Store
from autosearch.local.workspace import Sources, Workshop, check_sources, ignored_fields
from autosearch.proposing.proposer import TIME_LIMIT, Proposer


class SearchInterruptedError(AutoSearchError):
    """Somebody ended the runner before the search was over; the same command goes on.

    Attributes:
        job: the search as it was left.
    """

    def __init__(self, job: AutoSearchJob) -> None:
        self.job = job
        counts = job.status.trials
        of = "" if counts.planned is None else f" of {counts.planned}"
        ended = counts.succeeded + counts.early_stopped + counts.failed + counts.stopped
        super().__init__(
            f"interrupted with {ended}{of} trials finished; run the same command again to go on from there"
        )


def run_search(
    job: AutoSearchJob,
    *,
    output: Path,
    code: Path | None = None,
    train_data: Path | None = None,
    test_data: Path | None = None,
    listener: Listener | None = None,
    time_limit: float = TIME_LIMIT,
) -> AutoSearchJob:
    """Run a search to its end, or go on with the one that `output` holds; gives the job, finished or suspended.

    Args:
        job: the search; its uid, creation time and status are taken from `output` where it goes on.
        output: directory for models, logs and state; made if missing.
        code: folder that is copied into each trial's working directory; the data are found there by their names.
        listener: shown the search at most four times a second, and at the end.
        time_limit: seconds for one answer of the algorithm.

    Raises:
        InvalidInputError: a folder that the job needs is not given or cannot be read.
        StateConflictError: `output` holds another search, a damaged one, or another runner's.
        EnvironmentFaultError: the machine refuses what is needed; nothing accepted is lost.
        SearchInterruptedError: a signal ended the runner.
    """
    root = _resolved("--output", output)
    given = _sources(job, root, {"--code": code, "--train-data": train_data, "--test-data": test_data})
    with ExitStack() as stack:
        lock = Lock(root)
        stack.callback(lock.release)
        try:
            loop = _prepared(job, Store(root), given, lock, stack, listener, time_limit)
        except OSError as error:
            raise fault_of(error, root) from None
        done = loop.run()
        if loop.draining and not is_true(done.status.conditions, "Finished"):
            raise SearchInterruptedError(done)
        return done


def _sources(job: AutoSearchJob, root: Path, folders: dict[str, Path | None]) -> Sources:
    given = Sources(*(path and _resolved(flag, path) for flag, path in folders.items()))
    check_sources(job, given, root)
    return given


def _prepared(
    job: AutoSearchJob,
    store: Store,
    given: Sources,
    lock: Lock,
    stack: ExitStack,
    listener: Listener | None,
    time_limit: float,
) -> Loop:
    """Make everything that the loop needs, each with its end on the stack."""
    # First of all: it kills what an earlier runner's trials may have left, before their folders are touched.
    processes = Processes(lock.identity, held=[lock.fileno()])
    stack.callback(processes.close)
    store.prepare()
    state = State.open(store, job)
    workshop = Workshop(state.job, store, given)
    workshop.prepare()
    selector = stack.enter_context(selectors.DefaultSelector())
    proposer = Proposer(store.logs / "algorithm.log", time_limit)
    stack.callback(proposer.close)
    loop = Loop(state, processes, proposer, selector, listener=listener, notice=ignored_fields(state.job))
    slots = Slots(visible_gpus())
    attempts = Attempts(
        state, store, workshop, processes, slots=slots, sockets=lock.sockets, selector=selector, changed=loop.changed
    )
    stack.callback(attempts.close)
    loop.attach(attempts)
    stack.enter_context(caught(selector, loop.interrupt))
    return loop


def _resolved(flag: str, path: Path) -> Path:
    """Give the real path; raises `InvalidInputError` for one that no file system or no JSON could hold."""
    try:
        found = path.resolve()
        str(found).encode()
        found.exists()
    except (OSError, RuntimeError, UnicodeEncodeError) as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeEncodeError) else getattr(error, "strerror", "") or error
        raise InvalidInputError([Problem(flag, ascii(str(path)), f"cannot be used: {reason}")]) from None
    return found


def open_results(output: Path) -> tuple[AutoSearchJob, list[Trial]]:
    """Read a search and its trials, in the order of their numbers; nothing is changed, a runner may be at work.

    Raises:
        StateConflictError: there is no search in that directory, or a file is damaged.
    """
    store = Store(_resolved("DIR", output))
    job = store.job()
    if job is None:
        raise StateConflictError(f"{output}: holds no search (there is no job.json): give the --output of a run")
    return job, store.trials()
