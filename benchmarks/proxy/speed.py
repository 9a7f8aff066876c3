"""Requests per second and latency of nginx through each way: at saturation, and at a moderate rate."""

from __future__ import annotations

import math
import time

import anyio

from benchmarks.clients import run_worker, run_wrk
from benchmarks.others import Others
from benchmarks.proxy.goals import OTHERS, Goal, Section
from benchmarks.proxy.ways import DIRECT, HAPROXY, OURS, Way, in_turn
from chaos.traffic.spec import Arrivals, Outcome

__all__ = ["at_rate", "saturated"]

_LATENCIES = {"p50": ("p50 ms", 1e3, 3), "p99": ("p99 ms", 1e3, 3)}


async def saturated(ways: list[Way], connections: int, rounds: int, seconds: float, core: int) -> Section:
    """``wrk`` with so many connections, as fast as it can (closed model).

    The cores of the load and of the proxy are about equally busy, so either may be what limits the rate. Beside the
    rate therefore stands what does not depend on that, nor on a noisy machine: the proxy's CPU time per request.
    """
    section = Section(f"saturated by wrk, {connections} connections")
    failed = 0
    for number in range(rounds):
        for way in in_turn(ways, number):
            others, cpu, began = Others(), way.cpu_seconds, time.monotonic()
            run = await anyio.to_thread.run_sync(run_wrk, way.port, connections, seconds, core)
            cpu, took = way.cpu_seconds - cpu, time.monotonic() - began
            section.add(way.name, rate=run.rate, p50=run.p50, p99=run.p99, others=others.share())
            if way.pid is not None:
                section.add(way.name, cpu=cpu / run.requests if run.requests else math.nan, busy=cpu / took)
            if way.name == OURS:
                failed += run.failed
    ours, theirs = (section.figures[name] for name in (OURS, HAPROXY))
    section.goals += [
        Goal.ratio("requests per second", ours["rate"].median, theirs["rate"].median, 0.8, at_least=True),
        Goal.ratio("requests per second of CPU", 1 / ours["cpu"].median, 1 / theirs["cpu"].median, 0.8, True),
        _added_p50(section),
        Goal.ratio("p99", ours["p99"].median, theirs["p99"].median, 3.0),
        Goal("failed requests", failed, 0),
    ]
    section.show(
        {
            "rate": ("requests/s", 1, 0),
            **_LATENCIES,
            "cpu": ("CPU µs/request", 1e6, 1),
            "busy": ("proxy's core busy %", 100, 0),
            **OTHERS,
        }
    )
    return section


async def at_rate(ways: list[Way], rate: float, rounds: int, seconds: float, core: int) -> Section:
    """Our own traffic worker at a constant rate far below saturation (open model); it also checks every answer."""
    section = Section(f"at {rate:,.0f} requests/s")
    failed = 0
    for number in range(rounds):
        for way in in_turn(ways, number):
            others = Others()
            run = await run_worker(way.port, Arrivals("constant", rate=rate), seconds, core)
            section.add(
                way.name,
                p50=run.latency_quantile(0.5),
                p99=run.latency_quantile(0.99),
                others=others.share(),
            )
            if way.name == OURS:
                failed += run.planned - run.outcomes[Outcome.OK]
    section.goals += [
        _added_p50(section),
        Goal.ratio("p99", section.median(OURS, "p99"), section.median(HAPROXY, "p99"), 3.0),
        Goal("failed requests", failed, 0),
    ]
    section.show({**_LATENCIES, **OTHERS})
    return section


def _added_p50(section: Section) -> Goal:
    ours, theirs = (section.median(name, "p50") - section.median(DIRECT, "p50") for name in (OURS, HAPROXY))
    return Goal.ratio(f"added p50 ({ours * 1e6:.0f} and {theirs * 1e6:.0f} µs)", ours, theirs, 1.5)
