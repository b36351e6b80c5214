"""The attempts that are under way: each one's process, reports, slot and working directory.

Owns: an attempt from the order to start it until nothing of it is left but its record. It never judges an outcome: it
records what happened, and the engine decides what that means.
"""

import os
import selectors
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from autosearch.api.trial import Trial
from autosearch.engine.actions import StartRun
from autosearch.engine.command_line import command_line
from autosearch.engine.names import job_id
from autosearch.engine.snapshot import Report, Run
from autosearch.local.gpus import Slots
from autosearch.local.logs import log_tail
from autosearch.local.processes import Ended, News, Processes, Started
from autosearch.local.progress import Progress
from autosearch.local.state import State
from autosearch.local.store import Store
from autosearch.local.workspace import SOCKET, Workshop, Workspace
from autosearch.reporting.checks import Expectation
from autosearch.reporting.inbox import Desk, Inbox
from autosearch.reporting.messages import FinalReport

_NOTICE_START_WITHIN = 0.1
_NEXT_TO_NOTHING = 16 * 1024
_DISK_FULL = "autosearch: No space left on device: the disk of the output directory is full"


@dataclass(slots=True)
class _Attempt:
    run_id: str
    slot: int
    place: Workspace
    desk: Desk
    inbox: Inbox
    progress: Progress


class Attempts:
    """All attempts that are under way.

    Attributes:
        cutting_off: from now on what ends without a report was interrupted by us.
    """

    def __init__(
        self,
        state: State,
        store: Store,
        workshop: Workshop,
        processes: Processes,
        *,
        slots: Slots,
        sockets: Path,
        selector: selectors.BaseSelector,
        changed: Callable[[float], None],
    ) -> None:
        """Take over what an attempt needs.

        Args:
            changed: called when there is something new to plan with, with the seconds that may pass until then.
        """
        self._state = state
        self._store = store
        self._workshop = workshop
        self._processes = processes
        self._slots = slots
        self._sockets = sockets
        self._selector = selector
        self._changed = changed
        self._live: dict[str, _Attempt] = {}
        self.cutting_off = False

    def __bool__(self) -> bool:
        return bool(self._live)

    def start(self, action: StartRun) -> None:
        """Start an attempt; that it exists already is success.

        Raises:
            OSError: if its record or its working directory cannot be made.
            SupervisorLostError: if there is nobody to start it.
        """
        if action.attempt_id in self._state.runs:
            return
        trial = self._state.trials[action.trial_name]
        run = Run(trial.name, action.attempt_id, uid=str(uuid.uuid4()), gpus=self._slots.gpus_each)
        place = self._workshop.place(action.attempt_id)
        if place.model.exists() or place.model.is_symlink():
            self._refuse_foreign(run, place.model)
            return
        self._state.write_run(run)
        line = command_line(self._state.job, trial, run.attempt_id, action.resume_checkpoint_path)
        try:
            attempt = self._live[run.attempt_id] = self._open(trial, run, place)
            added = {SOCKET: str(attempt.inbox.path), **self._slots.environment(attempt.slot)}
            order = self._workshop.order(run.attempt_id, line, added)
        except OSError:
            self._forget(run)
            raise
        self._processes.start(order)

    def _forget(self, run: Run) -> None:
        """Let go of an attempt that could not be started: no process of it will ever end."""
        if run.attempt_id in self._live:
            self._close(self._live[run.attempt_id])
        self._state.note_run(replace(run, alive=False, ended=datetime.now(UTC), disrupted=True, reason="Interrupted"))

    def _refuse_foreign(self, run: Run, folder: Path) -> None:
        now = datetime.now(UTC)
        message = f"{folder} existed before this attempt; nothing of ours wrote there, so the next attempt id is taken"
        self._state.write_run(
            replace(run, alive=False, ended=now, disrupted=True, reason="DirectoryExists", message=message)
        )
        self._changed(0.0)

    def _open(self, trial: Trial, run: Run, place: Workspace) -> _Attempt:
        identity = run.attempt_id
        progress = Progress(self._state, trial, self._changed)
        desk = Desk(
            self._expectation(identity, place),
            keep=lambda report: self._keep(identity, report),
            progress=progress.take,
        )
        inbox = Inbox(self._sockets / identity, desk.answer)
        inbox.register(self._selector)
        return _Attempt(identity, self._slots.take(), place, desk, inbox, progress)

    def _expectation(self, attempt_id: str, place: Workspace) -> Expectation:
        job, output = self._state.job, str(self._store.output)
        return Expectation(
            job_id=job_id(job),
            attempt_id=attempt_id,
            metric=job.spec.objective.metric,
            framework=job.spec.framework or "",
            working_directory=str(place.cwd),
            output_root=output,
            output_prefixes=(f"{place.cwd}/output", output),
            checkpoint_required=job.spec.algorithm.pbt is not None,
        )

    def stop(self, attempt_id: str, grace: float) -> None:
        """Tell an attempt's process to end; that it is gone already is success.

        Raises:
            SupervisorLostError: if there is nobody to stop it.
        """
        run = self._state.runs.get(attempt_id)
        if run is not None and run.alive and attempt_id in self._live:
            self._state.note_run(replace(run, stopping=True))
            self._processes.stop(attempt_id, grace)

    def cut_off(self, grace: float) -> None:
        """Tell all processes to end; what does not report by then was interrupted.

        Raises:
            SupervisorLostError: if there is nobody to stop them.
        """
        self.cutting_off = True
        for attempt_id in list(self._live):
            self.stop(attempt_id, grace)

    def take_all(self, told: Iterable[News]) -> None:
        """Record what the supervisor tells, all of it, whatever fails; then raises the first `OSError`."""
        failed: OSError | None = None
        for news in told:
            try:
                self._take(news)
            except OSError as error:
                failed = failed or error
        if failed is not None:
            raise failed

    def _take(self, news: News) -> None:
        attempt, run = self._live.get(news.id), self._state.runs.get(news.id)
        if attempt is None or run is None:
            return
        if isinstance(news, Started):
            self._state.note_run(replace(run, started=news.time))
            self._changed(_NOTICE_START_WITHIN)
        else:
            self._end(attempt, news)

    def lose(self) -> None:
        """Record that all processes are gone, by no fault of theirs; raises `OSError`."""
        now = datetime.now(UTC)
        before, self.cutting_off = self.cutting_off, True
        try:
            self.take_all([Ended(name, 128 + 9, now, oom=False) for name in self._live])
        finally:
            self.cutting_off = before

    def _end(self, attempt: _Attempt, news: Ended) -> None:
        self._close(attempt)
        try:
            attempt.progress.store()
        finally:
            self._record_end(attempt, news)

    def _record_end(self, attempt: _Attempt, news: Ended) -> None:
        if os.path.lexists(attempt.place.result):
            attempt.desk.take_result_file(attempt.place.result)
        run = self._ended(attempt, self._state.runs[attempt.run_id], news)
        # Once more in memory whatever the disk does: the process is gone.
        self._state.note_run(run)
        self._changed(0.0)
        attempt.place.remove()
        self._state.write_run(run)

    def close(self) -> None:
        """Close the inboxes of what still runs; may be repeated."""
        for attempt in self._live.values():
            attempt.inbox.close()

    def _close(self, attempt: _Attempt) -> None:
        attempt.inbox.close()
        del self._live[attempt.run_id]
        self._slots.free(attempt.slot)

    def _ended(self, attempt: _Attempt, run: Run, news: Ended) -> Run:
        refusal = "" if run.report is not None else attempt.desk.last_refusal
        disrupted = self.cutting_off and run.report is None
        reason = "Interrupted" if disrupted else "OOMKilled" if news.oom else ""
        return replace(
            run,
            alive=False,
            stopping=False,
            ended=news.time,
            exit_code=news.code,
            reason=reason,
            message="" if run.report is not None else self._last_words(run.attempt_id),
            disrupted=disrupted,
            refusal=refusal,
            diverged=bool(refusal) and attempt.desk.diverged,
        )

    def _last_words(self, attempt_id: str) -> str:
        tail = log_tail(self._store.log(attempt_id))
        # On a full disk the script's own complaint did not reach the log.
        return f"{tail}\n{_DISK_FULL}".strip() if is_full(self._store.root) else tail

    def _keep(self, attempt_id: str, report: FinalReport) -> None:
        kept = Report(report.value, report.metrics, report.model_path, report.checkpoint_path)
        run = replace(self._state.runs[attempt_id], report=kept, reported=datetime.now(UTC))
        if attempt_id in self._live:
            self._state.write_run(run, durable=True)
        else:
            # Read from the result file: its record is written with the end, and nobody waits for an answer.
            self._state.note_run(run)
        self._changed(_NOTICE_START_WITHIN)

    def next_store(self) -> float | None:
        """When observations are to be written next, on the clock of `time.monotonic`."""
        times = (attempt.progress.due for attempt in self._live.values())
        return min((due for due in times if due is not None), default=None)

    def store_due_observations(self) -> None:
        """Write the observations whose time has come; raises `OSError`."""
        now = time.monotonic()
        for attempt in list(self._live.values()):
            due = attempt.progress.due
            if due is not None and now >= due:
                attempt.progress.store()


def is_full(folder: Path) -> bool:
    """Say whether next to nothing can be written to a folder's disk."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < _NEXT_TO_NOTHING
