"""What all tests share."""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background jobs ignore Ctrl-C, and so would all programs that the tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
