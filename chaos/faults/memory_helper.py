"""``python -m chaos.faults.memory_helper MEBIBYTES STEP SPARE`` takes memory in steps and keeps it.

Before each step it looks whether the spare memory would be left; if not, it ends and gives back what it has.
"""

from __future__ import annotations

import json
import mmap
import signal
import sys
from pathlib import Path

import psutil

from chaos.lifeline import die_with_parent, watch_pipe

__all__ = ["main"]

FIRST_TO_GO = "1000"


def main() -> int:
    """Take it, say so, and wait for the end."""
    die_with_parent()
    watch_pipe(0)
    wanted, step, spare = map(int, sys.argv[1:])
    Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO)
    taken: list[mmap.mmap] = []
    held = 0
    while held < wanted:
        size = min(step, wanted - held)
        available = psutil.virtual_memory().available >> 20
        if available - size < spare:
            _say({"error": f"only {held} of {wanted} MiB could be taken, others took memory too (take less)"})
            return 1
        # populated: the kernel gives each page now, as if it had been written to
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE
        taken.append(mmap.mmap(-1, size << 20, flags=flags))
        held += size
    _say({"mebibytes": held})
    while True:
        signal.pause()


def _say(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
