"""``python -m benchmarks.proxy``: is the fault proxy without toxics as good as HAProxy in TCP mode?

Each proxy has a core to itself when it is its turn; wrk (or our traffic worker) and nginx share the other. That is
the same for both, nothing disturbs the proxy, and the direct way tells what the load's core can do alone. With
one core for the load the proxy may not be what limits the rate, so its CPU time per request is compared as well.
The ways take turns in rounds, in changing order, and medians (with ranges) are compared. Exit code 1 if a goal is
missed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import anyio

from benchmarks.nginx import nginx
from benchmarks.proxy.goals import Section
from benchmarks.proxy.memory import many_connections, stalled_readers
from benchmarks.proxy.speed import at_rate, saturated
from benchmarks.proxy.transfer import transfers
from benchmarks.proxy.ways import open_ways
from benchmarks.tools import require

DISTURBED = 0.1
"""The others' share of the machine above which rates and latencies say little."""
PARTS = ("saturated", "rate", "transfer", "memory")


async def measure(options: argparse.Namespace, load_core: int, proxy_core: int) -> list[Section]:
    """All the parts that were asked for."""
    parts: list[str] = options.parts
    sections: list[Section] = []
    with nginx(load_core) as port:
        async with open_ways(port, proxy_core) as ways:
            turns = options.rounds, options.seconds, load_core
            if "saturated" in parts:
                sections += [await saturated(ways, connections, *turns) for connections in (32, 128)]
            if "rate" in parts:
                sections.append(await at_rate(ways, options.rate, *turns))
        if "transfer" in parts:
            sections.append(await transfers(options.rounds, load_core, proxy_core))
        if "memory" in parts:
            sections.append(
                await many_connections(port, proxy_core, options.connections, options.memory_seconds)
            )
            sections.append(await stalled_readers(load_core, proxy_core, options.memory_seconds))
    return sections


def main() -> int:
    """Read the options, measure, print, and write the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.proxy", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="alternating rounds of the ways")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of each way's turn")
    parser.add_argument("--rate", type=float, default=2000.0, help="requests a second of the open model")
    parser.add_argument("--connections", type=int, default=1000, help="connections of the memory part")
    parser.add_argument("--memory-seconds", type=float, default=10.0, help="how long memory is watched")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="only these")
    parser.add_argument("--json", type=Path, help="write the numbers to this file as well")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        parser.error("two cores are needed: one for the load, one for the proxy")
    require("nginx", "haproxy", "wrk", "taskset", "setpriv")
    load_core, proxy_core = cores[:2]
    os.sched_setaffinity(0, {load_core})  # what we do ourselves is load as well
    sections = anyio.run(measure, options, load_core, proxy_core)
    missed = [goal for section in sections for goal in section.goals if not goal.met]
    print(f"\n{len(missed)} goals missed" if missed else "\nall goals met")
    others = max((section.others for section in sections), default=0.0)
    if others > DISTURBED:
        print(f"Others used {others:.0%} of the machine: trust CPU and memory only; run it again alone.")
    if options.json:
        options.json.write_text(json.dumps([section.as_json() for section in sections], indent=1) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
