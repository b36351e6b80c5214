"""The runner's loop: the engine's plans become processes, and what processes do becomes the next snapshot.

Owns: when a pass is made, how actions are carried out, and the way to the end when people or the machine want one. What
is done next is decided in `autosearch.engine` alone.
"""

import selectors
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime

from autosearch.api.errors import EnvironmentFaultError
from autosearch.api.job import AutoSearchJob
from autosearch.api.meta import is_true
from autosearch.engine.actions import (
    Action,
    CreateTrial,
    Plan,
    Propose,
    RemoveCleaner,
    RemoveJob,
    RemoveRun,
    StartCleaner,
    StartRun,
    StopRun,
    UpdateJob,
    UpdateTrial,
)
from autosearch.engine.memo import Memo
from autosearch.engine.plan import plan
from autosearch.engine.snapshot import Answer, Snapshot
from autosearch.local.attempts import Attempts
from autosearch.local.live_view import Listener, LiveView, Pace
from autosearch.local.processes import Ended, Processes, SupervisorLostError
from autosearch.local.state import State, fault_of
from autosearch.proposing.proposer import Proposer
from autosearch.search.propose import search_of

GRACE = 30.0
"""Seconds between SIGTERM and SIGKILL where the template does not say, as in Kubernetes."""
HURRIED_GRACE = 5.0
_SUPERVISORS_LOST_IN_A_ROW = 3

Planner = Callable[[Snapshot, datetime, Memo], Plan]


class Loop:
    """One run of the runner, from the first pass to the last.

    Attributes:
        draining: nothing new is started any more.
    """

    def __init__(
        self,
        state: State,
        processes: Processes,
        proposer: Proposer,
        selector: selectors.BaseSelector,
        *,
        listener: Listener | None = None,
        notice: str = "",
        planner: Planner = plan,
    ) -> None:
        """Prepare to run.

        Args:
            listener: shown a view from time to time, and at the end.
            notice: part of every view.
            planner: the engine; tests put simpler ones here.
        """
        self._state = state
        self._processes = processes
        self._proposer = proposer
        self._selector = selector
        self._listener = listener
        self._notice = notice
        self._planner = planner
        self._memo = Memo()
        self._pace = Pace()
        self._answer: Answer | None = None
        self._planned = Plan()
        self._pass_due: float | None = 0.0
        self._wake_due: float | None = None
        self._worker_descriptor: int | None = None
        self._lost_in_a_row = 0
        self.draining = False

    def attach(self, attempts: Attempts) -> None:
        """Take the attempts, which need `changed` of this loop to be made."""
        self._attempts = attempts

    def changed(self, within: float) -> None:
        """Ask for a pass within so many seconds."""
        due = time.monotonic() + within
        self._pass_due = due if self._pass_due is None else min(due, self._pass_due)

    def interrupt(self, number: signal.Signals) -> None:
        """End politely at the first SIGINT, at once at the second one or any other signal."""
        if number == signal.SIGINT and not self.draining:
            self.draining = True
        else:
            self.cut_off(0.0 if self._attempts.cutting_off else HURRIED_GRACE)
        self._pace.note_change()
        self.changed(0.0)

    def cut_off(self, grace: float) -> None:
        """Start nothing more and tell every process to end."""
        self.draining = True
        try:
            self._attempts.cut_off(grace)
        except SupervisorLostError:
            self._replace_supervisor()

    def run(self) -> AutoSearchJob:
        """Go on until the search is finished or suspended, or somebody wanted an end and nothing runs any more.

        Raises:
            EnvironmentFaultError: the disk, the machine or the algorithm does not let the search go on.
        """
        self._watch_supervisor()
        while not self._over():
            self._turn()
        if self._state.fault is not None:
            raise self._state.fault
        self._show(over=True)
        return self._state.job

    def _over(self) -> bool:
        if self._attempts:
            return False
        if self._state.fault is not None:
            return True
        if self._pass_due is not None:
            return False
        return self.draining or self._settled()

    def _settled(self) -> bool:
        """Say whether nothing runs and nothing will without somebody's doing."""
        job = self._state.job
        if is_true(job.status.conditions, "Finished") or job.spec.suspend:
            return True
        if self._proposer.asked is not None or self._wake_due is not None:
            return False
        if self._planned.actions:
            self.changed(0.0)
            return False
        error = self._answer.error if self._answer is not None else ""
        raise EnvironmentFaultError(
            f"the search cannot go on: {error or 'no further trial was proposed'}; the same command tries again"
        )

    def _turn(self) -> None:
        try:
            for key, mask in self._selector.select(self._patience()):
                # An earlier one of this turn may have closed it: the callbacks bear that.
                key.data(mask)
            self._do_what_is_due()
        except SupervisorLostError:
            self._replace_supervisor()
        except OSError as error:
            self._give_up(error)
        # Outside of all that: a closed terminal is no full disk.
        if self._listener is not None and time.monotonic() >= self._pace.due:
            self._show()

    def _patience(self) -> float | None:
        # With a fault nothing is due any more but the ends of the processes.
        going_on = self._state.fault is None
        times = [self._pass_due, self._wake_due, self._attempts.next_store(), self._proposer.due] if going_on else []
        if self._listener is not None:
            times.append(self._pace.due)
        due = min((at for at in times if at is not None), default=None)
        return None if due is None else max(0.0, due - time.monotonic())

    def _do_what_is_due(self) -> None:
        now = time.monotonic()
        if self._state.fault is not None:
            self._give_up(None)
            return
        self._attempts.store_due_observations()
        if self._proposer.due is not None and now >= self._proposer.due:
            self._hear_worker()
        if any(due is not None and now >= due for due in (self._pass_due, self._wake_due)):
            self._pass()

    def _pass(self) -> None:
        now = datetime.now(UTC)
        self._pass_due = None
        snapshot = self._state.snapshot(self._answer, self._proposer.asked, draining=self.draining)
        self._planned = self._planner(snapshot, now, self._memo)
        wake_at = self._planned.wake_at
        self._wake_due = None if wake_at is None else time.monotonic() + max(0.0, (wake_at - now).total_seconds())
        for action in self._planned.actions:
            self._carry_out(action, now)
        if self._planned.actions:
            self._pace.note_change()

    def _carry_out(self, action: Action, now: datetime) -> None:
        match action:
            case UpdateTrial(name, status):
                self._state.write_trial(name, status)
            case UpdateJob(status):
                self._state.write_job(status)
            case StopRun(_, attempt_id, _):
                self._attempts.stop(attempt_id, self._grace())
            case CreateTrial() | StartRun() | Propose() if self.draining:
                pass
            case RemoveRun() | RemoveJob() | StartCleaner() | RemoveCleaner():
                # Only `housekeeping` asks for these; here everything stays until its user removes it.
                pass
            case CreateTrial(trial):
                self._state.create_trial(trial, now)
            case StartRun():
                self._attempts.start(action)
            case Propose(question):
                self._proposer.ask(question, search_of(self._state.job), self._state.records())
                self._watch_worker()

    def _grace(self) -> float:
        given = self._state.job.spec.template["spec"].get("terminationGracePeriodSeconds")
        return GRACE if given is None else float(given)

    def _watch_supervisor(self) -> None:
        self._supervisor_descriptor = self._processes.fileno()
        self._selector.register(self._supervisor_descriptor, selectors.EVENT_READ, self._hear_supervisor)

    def _hear_supervisor(self, _mask: int) -> None:
        told = list(self._processes.news())
        if any(isinstance(news, Ended) for news in told):
            self._lost_in_a_row = 0
        self._attempts.take_all(told)

    def _replace_supervisor(self) -> None:
        self._selector.unregister(self._supervisor_descriptor)
        self._processes.restart()
        self._watch_supervisor()
        self._lost_in_a_row += 1
        if self._lost_in_a_row > _SUPERVISORS_LOST_IN_A_ROW and self._state.fault is None:
            self._state.fault = EnvironmentFaultError(
                "the process that starts the trials is killed again and again: see what kills it (the kernel's log "
                "tells if memory ran out), then run the same command again"
            )
        try:
            self._attempts.lose()
        except OSError as error:
            self._give_up(error)

    def _watch_worker(self) -> None:
        """Listen to the worker's present connection; a replaced one's descriptor may have the same number."""
        if self._worker_descriptor is not None:
            self._selector.unregister(self._worker_descriptor)
        connection = self._proposer.connection
        self._worker_descriptor = None if connection is None else connection.fileno()
        if self._worker_descriptor is not None:
            self._selector.register(self._worker_descriptor, selectors.EVENT_READ, lambda _mask: self._hear_worker())

    def _hear_worker(self) -> None:
        if self._worker_descriptor is not None:
            self._selector.unregister(self._worker_descriptor)
            self._worker_descriptor = None
        answer = self._proposer.answer()
        self._watch_worker()
        if answer is not None:
            self._answer = answer
            self.changed(0.0)

    def _give_up(self, error: OSError | None) -> None:
        """End everything: what cannot be put on record must not go on."""
        if error is not None and self._state.fault is None:
            self._state.fault = fault_of(error, self._state.root)
        if not self._attempts.cutting_off:
            self.cut_off(HURRIED_GRACE)

    def _show(self, *, over: bool = False) -> None:
        if self._listener is None:
            return
        self._pace.note_shown()
        alive = tuple(run for run in self._state.runs.values() if run.alive)
        view = LiveView(
            self._state.job,
            self._state.trials,
            alive,
            datetime.now(UTC),
            self.draining,
            self._notice,
            over,
        )
        self._listener(view)
