"""How a process of ours dies with its parent, whatever kills the parent.

On Linux the kernel does it (``PR_SET_PDEATHSIG``); everywhere, end of file on a pipe that only the parent
holds does it too.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading

__all__ = ["die_with_parent", "watch_pipe"]

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int | None = None) -> None:
    """Have the kernel kill this process when its parent ends (Linux). Call it first thing after the start.

    :param parent: the parent's process id, where it is known; if it is gone already, this process ends here and now.
        Where it is not, a parent that was gone before is seen at the end of file on its pipe
    :raises OSError: if the kernel refuses
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "cannot ask to die with the parent (prctl)")
    if parent is not None and os.getppid() != parent:
        os._exit(1)


def watch_pipe(descriptor: int) -> None:
    """End this process at end of file on a pipe from its parent; a daemon thread waits for it."""

    def wait() -> None:
        while os.read(descriptor, 4096):
            pass
        os._exit(1)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()
