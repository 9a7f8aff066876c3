"""What a worker process asks of its operating system and interpreter before it measures anything.

All of these are wishes: a worker without the rights to them measures with more noise, and the
null probe shows how much.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource

__all__ = ["ask_priority", "raise_descriptor_limit", "tune_collector"]

MEASURING = -10
NICEST = 19


def ask_priority(measures: bool) -> None:
    """Ask to run before others (most users may not, and keep what they have), or only when they leave the CPU.

    A niceness would not do for the latter: Linux lets even the nicest finish its slice of some milliseconds
    before whoever wakes up; a process of the class SCHED_IDLE makes way at once.
    """
    if measures:
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, MEASURING)
    elif hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.setpriority(os.PRIO_PROCESS, 0, NICEST)


def raise_descriptor_limit() -> None:
    """Allow as many open files, and so connections, as the hard limit does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError):  # macOS reports no limit, and then does not accept it
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def tune_collector() -> None:
    """Leave what was imported out of garbage collection, and make the rest of it rare.

    A request makes no reference cycles and a connection cuts its own, so there is little to find.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
