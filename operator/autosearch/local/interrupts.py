"""The signals by which people end a runner.

Owns: SIGINT and SIGTERM while a search runs. It counts them; what they mean is the runner's business.
"""

import contextlib
import selectors
import signal
import socket
import threading
from collections.abc import Callable, Iterator

_CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def caught(selector: selectors.BaseSelector, received: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Call `received` from the selector's loop for each signal.

    Outside the main thread, where Python has no signals, nothing is caught.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours, written = socket.socketpair()
    ours.setblocking(False)
    written.setblocking(False)
    selector.register(ours, selectors.EVENT_READ, lambda _mask: _pass_on(ours, received))
    wakeup = signal.set_wakeup_fd(written.fileno(), warn_on_full_buffer=False)
    handlers = {number: signal.signal(number, _ignore) for number in _CAUGHT}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
        selector.unregister(ours)
        ours.close()
        written.close()


def _ignore(_number: int, _frame: object) -> None:
    """Do nothing: the number arrives on the wake-up socket."""


def _pass_on(ours: socket.socket, received: Callable[[signal.Signals], None]) -> None:
    for number in ours.recv(1024):
        if number in _CAUGHT:
            received(signal.Signals(number))
