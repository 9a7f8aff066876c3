"""The meter adds up frames and wakes whoever waits."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.lowlevel

from chaos.traffic.meter import Meter
from chaos.traffic.spec import Outcome


def frame(done: int, cells: list[list[int]]) -> dict[str, Any]:
    """A frame of one stream."""
    return {"streams": {"s": {"cells": cells, "planned": 9, "sent": 9, "done": done, "in_flight": 9 - done}}}


def test_outcomes_add_up_and_counters_are_the_latest() -> None:
    meter = Meter()
    meter.feed(frame(2, [[1, 0, 500, 1], [1, 6, 400, 1]]))
    meter.feed(frame(5, [[2, 0, 500, 3]]))

    totals = meter.streams["s"]
    assert totals.outcomes == {Outcome.OK: 4, Outcome.HTTP_5XX: 1}
    assert (totals.planned, totals.done, totals.in_flight) == (9, 5, 4)


def test_waiting_ends_with_the_condition_or_with_the_worker() -> None:
    async def main() -> list[str]:
        meter, order = Meter(), []

        async def wait(name: str, done: int) -> None:
            await meter.until(lambda: "s" in meter.streams and meter.streams["s"].done >= done)
            order.append(name)

        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(wait, "never", 99)
                tasks.start_soon(wait, "two", 2)
                await anyio.lowlevel.checkpoint()
                for done in (1, 2):
                    meter.feed(frame(done, []))
                    await anyio.sleep(0.01)
                meter.died("killed")
        return order

    assert anyio.run(main) == ["two", "never"]
