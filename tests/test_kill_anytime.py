"""Whenever ``chaos run`` is ended, nothing of it is left running and its history is readable.

The instants are drawn; ``CHAOS_KILLS`` sets how many.
"""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

from tests.conftest import ChaosCommand

KILLS = int(os.environ.get("CHAOS_KILLS", "6"))
LONGEST = 7.0
"""Seconds: about as long as the small experiment takes, start and report included."""

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


@pytest.mark.parametrize("seed", range(KILLS))
def test_nothing_is_left(chaos: ChaosCommand, seed: int) -> None:
    number = SIGNALS[seed % len(SIGNALS)]
    process = chaos.start("run", chaos.write())
    time.sleep(random.Random(seed).uniform(0.3, LONGEST))
    if process.poll() is None:
        os.killpg(process.pid, number)  # as Ctrl-C in a terminal does
    ended = chaos.end(process)

    assert chaos.leftovers() == []
    for directory in (chaos.directory / "reports").glob("*"):
        reported = chaos("report", str(directory))
        assert "Traceback" not in reported.output
        if (directory / "history.jsonl").stat().st_size:
            assert reported.exit_code == 0, reported.output
            # A SIGKILL after the last event was written takes nothing from the verdict.
            assert ended.exit_code != 0 or "verdict: pass" in reported.output
