"""Run a program that ends when its parent does, also when the parent is killed: launch.py PARENT_PID COMMAND...

It becomes the program, so the process id stays. Linux only; the parent is the thread that started it.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(sys.argv[1]):
        sys.exit("the parent had gone before the program was started")
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - the tests' own command
