"""One attempt's sidecar at work: from the settings to the last word about the attempt.

Owns: the loop, and the order of an acceptance: on the disk, in the termination message, on its way to the operator,
answered. What a good report is, is decided elsewhere.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from autosearch.reporting.checks import Expectation
from autosearch.reporting.inbox import Desk, Inbox
from autosearch.reporting.messages import FinalReport, Message
from autosearch.sidecar.faults import Fault, fault_on_error, say
from autosearch.sidecar.forwarding import Forwarder
from autosearch.sidecar.keeping import Keeping, write_message
from autosearch.sidecar.places import Places
from autosearch.sidecar.preparing import announce, prepare
from autosearch.sidecar.settings import SETTINGS, SidecarSettings, Verdict

LAST_PUSH_SECONDS = 0.8
"""How long the end may wait for the operator to take what it has not seen: the pod holds its GPU meanwhile."""


def serve(places: Places, environment: Mapping[str, str]) -> int:
    """Serve one attempt until the kubelet says that it is over; gives the exit code."""
    os.umask(0o022)
    with _over(places) as over:
        try:
            settings = read_settings(environment)
            sidecar = Sidecar(settings, places)
            prepare(settings, places)
            with fault_on_error("SocketFailed", "run folder: the report socket cannot be opened"):
                inbox = Inbox(places.socket, sidecar.answer)
            announce(places)
        except Fault as fault:
            _leave_fault(fault, places)
            return 1
        say(f"ready for the reports of {settings.job_id} {settings.attempt_id}")
        _answer_until(over, inbox)
    sidecar.end(places.result)
    return 0


def _leave_fault(fault: Fault, places: Places) -> None:
    say(str(fault))
    kept = Keeping(places)
    if kept.accepted is None:
        write_message(places.termination_log, Verdict(fault=fault.word, message=str(fault)))
    else:
        # A result is worth more than the reason why there will be no second one.
        kept.publish()


def read_settings(environment: Mapping[str, str]) -> SidecarSettings:
    """Read the settings.

    Raises:
        Fault: `SettingsInvalid`.
    """
    try:
        settings = SidecarSettings.from_json(environment[SETTINGS])
        expectation(settings, Places())
    except KeyError:
        raise Fault("SettingsInvalid", f"{SETTINGS}: the operator sets this variable; it is missing") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise Fault("SettingsInvalid", f"{SETTINGS}: it cannot be read ({error})") from None
    return settings


def expectation(settings: SidecarSettings, places: Places) -> Expectation:
    """Say what the attempt's reports must be; raises `ValueError` where the settings make no sense."""
    return Expectation(
        job_id=settings.job_id,
        attempt_id=settings.attempt_id,
        metric=settings.metric,
        working_directory=settings.working_directory,
        output_root=places.output,
        output_prefixes=(f"{settings.working_directory}/output",),
        framework=settings.framework,
        checkpoint_required=settings.checkpoint_required,
        model_kept=settings.model_kept,
    )


class Sidecar:
    """What happens to a message, and at the end."""

    def __init__(self, settings: SidecarSettings, places: Places) -> None:
        """Go on where an earlier process of this attempt was."""
        self._keeping = Keeping(places)
        self._forwarder = Forwarder(settings, places.token)
        self._desk = Desk(
            expectation(settings, places), self._keep, self._forwarder.progress, accepted=self._keeping.accepted
        )
        if self._keeping.verdict != Verdict():
            self._keeping.publish()
        if self._desk.accepted is not None:
            self._forward()

    def answer(self, message: Message) -> Message:
        """Answer one message; a refusal of a final report is published before."""
        reply = self._desk.answer(message)
        self._note_refusal()
        return reply

    def end(self, result: str) -> None:
        """Take the result file where no report came, and leave the verdict."""
        if self._desk.accepted is None and os.path.lexists(result):
            self._desk.take_result_file(result)
            self._note_refusal()
        self._keeping.publish()
        self._forwarder.close(LAST_PUSH_SECONDS)
        say("ended with a report" if self._desk.accepted else "ended without a report")

    def _keep(self, report: FinalReport) -> None:
        self._keeping.keep(report)
        self._forward()

    def _forward(self) -> None:
        verdict = self._keeping.verdict
        assert verdict.report is not None and verdict.reported is not None
        self._forwarder.final(verdict.report, verdict.reported)

    def _note_refusal(self) -> None:
        desk, kept = self._desk, self._keeping.verdict
        if (
            desk.accepted is None
            and desk.last_refusal
            and (desk.last_refusal, desk.diverged)
            != (
                kept.refusal,
                kept.diverged,
            )
        ):
            self._keeping.refuse(desk.last_refusal, diverged=desk.diverged)


@contextmanager
def _over(places: Places) -> Iterator[socket.socket]:
    """Give a socket that can be read once SIGTERM came: from the kubelet, when the main containers have ended."""
    woken, waker = socket.socketpair()
    waker.setblocking(False)
    with woken, waker:
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        # Process 1 of a container ignores what it does not handle.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: _leave_before_start(places))
        try:
            yield woken
        finally:
            # What is left takes a second at most, and is not to be broken off by a second signal.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.set_wakeup_fd(-1)


def _leave_before_start(places: Places) -> None:
    """End a long copy that no trial will read any more; where the trial may run, the loop ends in order."""
    if not os.path.lexists(places.ready):
        sys.exit(0)


def _answer_until(over: socket.socket, inbox: Inbox) -> None:
    done: list[int] = []
    with selectors.DefaultSelector() as selector:
        inbox.register(selector)
        selector.register(over, selectors.EVENT_READ, done.append)
        while not done:
            for key, mask in selector.select():
                key.data(mask)
        inbox.close()
