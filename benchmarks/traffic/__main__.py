"""``python -m benchmarks.traffic``: is the traffic worker fast, punctual, and of constant size?

nginx has one core and the client the other. The clients take turns, so that a noisy machine is
noisy for all of them; the medians over the rounds are compared.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import anyio
import numpy as np
import psutil

from benchmarks.clients import hey_rate, run_worker, run_wrk
from benchmarks.nginx import nginx
from benchmarks.tools import require
from chaos.traffic.spec import Arrivals, Outcome

Report = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the server listens, and which core is the clients'."""

    port: int
    core: int


async def compare(place: Place, rounds: int, seconds: float, connections: int) -> Report:
    """The closed loop beside wrk and hey, in alternating rounds."""
    rates: dict[str, list[float]] = {"worker": [], "wrk": [], "hey": []}
    wrong = 0
    for number in range(1, rounds + 1):
        run = await run_worker(place.port, Arrivals("users", users=connections), seconds, place.core)
        wrong += run.done - run.outcomes[Outcome.OK]
        rates["worker"].append(run.rate)
        wrk = await anyio.to_thread.run_sync(run_wrk, place.port, connections, seconds, place.core)
        rates["wrk"].append(wrk.rate)
        rates["hey"].append(
            await anyio.to_thread.run_sync(hey_rate, place.port, connections, seconds, place.core)
        )
        print(
            f"round {number}: " + ", ".join(f"{name} {values[-1]:,.0f}/s" for name, values in rates.items())
        )
    medians = {name: median(values) for name, values in rates.items()}
    ratios = {name: medians["worker"] / medians[name] for name in ("wrk", "hey")}
    print(f"closed loop, {connections} connections: {ratios['wrk']:.2f} x wrk (goal 0.6),", end=" ")
    print(f"{ratios['hey']:.2f} x hey (goal 2), {wrong} failed")
    return {"connections": connections, "rates": rates, "medians": medians, "ratios": ratios, "failed": wrong}


async def punctual(place: Place, rate: float, seconds: float) -> Report:
    """The open loop at a constant rate: is everything sent that was planned, and when?"""
    run = await run_worker(place.port, Arrivals("constant", rate=rate), seconds, place.core)
    late = {f"p{100 * quantile:g}": run.late_quantile(quantile) * 1e3 for quantile in (0.5, 0.99, 0.999)}
    print(f"open loop, {rate:,.0f}/s for {seconds:.0f} s: planned {run.planned}, sent {run.sent},", end=" ")
    print(f"done {run.done}, ok {run.outcomes[Outcome.OK]}; late by", end=" ")
    print(", ".join(f"{name} {value:.3f} ms" for name, value in late.items()), "(goal p99 < 2 ms)")
    outcomes = {outcome.label: count for outcome, count in run.outcomes.items()}
    return {
        "rate": rate,
        "seconds": seconds,
        "planned": run.planned,
        "sent": run.sent,
        "done": run.done,
        "outcomes": outcomes,
        "late_ms": late,
    }


async def memory(place: Place, minutes: float, rate: float) -> Report:
    """Resident memory of a worker under a constant rate, once a second, and its slope after a tenth of the time."""
    samples: list[tuple[float, int]] = []

    async def watch(pid: int) -> None:
        process, begin = psutil.Process(pid), anyio.current_time()
        while (elapsed := anyio.current_time() - begin) < minutes * 60 - 1:
            samples.append((elapsed, process.memory_info().rss))
            await anyio.sleep(1.0)

    await run_worker(place.port, Arrivals("constant", rate=rate), minutes * 60, place.core, watch)
    settled = [sample for sample in samples if sample[0] >= minutes * 6]
    at, rss = np.array(settled, dtype=np.float64).T
    slope = float(np.polyfit(at, rss, 1)[0]) * 60 / 1024
    first, last = rss[0] / 2**20, rss[-1] / 2**20
    print(
        f"memory at {rate:,.0f}/s: {first:.1f} MiB at first, {last:.1f} MiB after {minutes:g} min,", end=" "
    )
    print(f"slope {slope:+.1f} KiB a minute")
    return {"minutes": minutes, "rate": rate, "samples": samples, "slope_kib_per_minute": slope}


async def measure(options: argparse.Namespace) -> Report:
    """All that was asked for."""
    server_core, client_core = sorted(os.sched_getaffinity(0))[:2]
    report: Report = {}
    with nginx(server_core) as port:
        place = Place(port, client_core)
        if options.memory:
            report["memory"] = await memory(place, options.memory, options.rate)
        else:
            report["closed"] = await compare(place, options.rounds, options.seconds, options.connections)
            report["open"] = await punctual(place, options.rate, options.open_seconds)
    return report


def main() -> None:
    """Read the options, measure, and write the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.traffic", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="alternating rounds of the closed loop")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of each client's turn")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rate", type=float, default=5000.0, help="requests a second, open loop and memory")
    parser.add_argument("--open-seconds", type=float, default=30.0)
    parser.add_argument("--memory", type=float, metavar="MINUTES", help="measure resident memory instead")
    parser.add_argument("--json", type=Path, help="write the numbers to this file as well")
    options = parser.parse_args()
    if len(os.sched_getaffinity(0)) < 2:
        parser.error("two cores are needed: one for nginx, one for the client")
    require("nginx", "taskset", "setpriv", *([] if options.memory else ["wrk", "hey"]))
    report = anyio.run(measure, options)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
