"""``python -m chaos.faults.cpu_helper CORE SHARE`` burns a share of one core's time until its parent ends it.

It counts the CPU time that it has had, not the time that passed: a period in which others had the core is made up for
in the next ones, as far as the core is free then.
"""

from __future__ import annotations

import json
import os
import sys
import time

from chaos.lifeline import die_with_parent, watch_pipe

__all__ = ["main"]

PERIOD = 0.02
DEBT = 5 * PERIOD
"""CPU seconds that are made up for at most; a burner kept off the core for long does not flood it afterwards."""
STRIDE = 2000
"""Turns of the empty loop between two looks at the clock."""


def main() -> None:
    """Pin this process, say so, and burn."""
    die_with_parent()
    watch_pipe(0)
    core, share = int(sys.argv[1]), float(sys.argv[2])
    os.sched_setaffinity(0, {core})
    sys.stdout.write(json.dumps({"core": core}) + "\n")
    sys.stdout.flush()
    burn(share)


def burn(share: float) -> None:
    """Burn that share of the time, for ever."""
    begun = time.monotonic()
    owed, had = 0.0, time.process_time()
    while True:
        end = begun + PERIOD
        owed = min(owed + share * PERIOD, DEBT)
        while time.process_time() - had < owed and time.monotonic() < end:
            for _ in range(STRIDE):
                pass
        now = time.process_time()
        owed, had = owed - (now - had), now
        begun = max(end, time.monotonic())
        time.sleep(max(0.0, end - time.monotonic()))


if __name__ == "__main__":
    main()
