"""``python -m benchmarks.handler``: what does isolation cost, and do samples in parallel use both cores?

The four functions are called bare, in this process, and in isolation, in turns, so that a noisy machine is noisy for
both. Then two handlers in isolation share samples, beside two bare processes that share as many: what two cores give,
which may be less than twice one, is the machine's. Exit code 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.handler.bare import BODY, JSON, bare_functions, write_package
from chaos.handlers.isolation import Isolated

Report = dict[str, Any]

TURN = 10
"""Samples of one turn: a tenth of a second, so that what disturbs the one disturbs the other."""
MOST_OVERHEAD = 0.10
LEAST_SCALING = 0.9
"""Of the scaling that bare processes have on the same two cores."""


def overhead(directory: Path, samples: int) -> Report:
    """Wall time of isolation over that of bare calls, in short turns: the median over pairs of turns is told."""
    call = bare_functions(directory)
    took: dict[str, list[float]] = {"bare": [], "isolated": []}
    predicted: list[float] = []
    with Isolated(directory) as handler:
        assert handler.run(BODY, JSON).body == call()
        for _ in range(-(-samples // TURN)):
            begin = time.perf_counter()
            for _ in range(TURN):
                call()
            took["bare"].append(time.perf_counter() - begin)
            begin = time.perf_counter()
            predicted += [handler.run(BODY, JSON).functions["predict_fn"] for _ in range(TURN)]
            took["isolated"].append(time.perf_counter() - begin)
    ratios = sorted(isolated / bare for bare, isolated in zip(took["bare"], took["isolated"], strict=True))
    cost, whole = median(ratios) - 1, sum(took["isolated"]) / sum(took["bare"]) - 1
    print(
        f"{len(predicted)} samples, predict_fn {1e3 * median(predicted):.2f} ms, bare {sum(took['bare']):.2f} s,"
    )
    print(
        f"isolated {sum(took['isolated']):.2f} s ({100 * whole:+.1f} %); by pairs of {TURN} samples", end=" "
    )
    print(f"isolation costs {100 * cost:.1f} % of wall time (goal under {100 * MOST_OVERHEAD:.0f} %)")
    return {
        "samples": len(predicted),
        "seconds": took,
        "predict": median(predicted),
        "overhead": cost,
        "whole": whole,
    }


def scaling(directory: Path, samples: int, rounds: int) -> Report:
    """How many times faster two processes are than one; isolated, and bare."""
    found: dict[str, list[float]] = {"bare": [], "isolated": []}
    share = max(2, samples // rounds // 2)
    with ExitStack() as stack:
        handlers = [stack.enter_context(Isolated(directory)) for _ in range(2)]
        bare = [_bare_process(stack, directory, share) for _ in range(2)]
        for handler in handlers:
            handler.load()
        for number in range(1, rounds + 1):
            found["bare"].append(_speedup(lambda process: _call_bare(process), bare))
            found["isolated"].append(_speedup(lambda handler: _call(handler, share), handlers))
            print(
                f"round {number}: two processes are {found['bare'][-1]:.2f} x as fast as one bare,", end=" "
            )
            print(f"{found['isolated'][-1]:.2f} x isolated")
    medians = {name: median(values) for name, values in found.items()}
    ratio = medians["isolated"] / medians["bare"]
    print(
        f"two handlers are {medians['isolated']:.2f} x as fast as one, bare processes {medians['bare']:.2f} x:"
    )
    print(f"{ratio:.2f} of what the machine gives (goal {LEAST_SCALING})")
    return {"speedup": found, "medians": medians, "ratio": ratio}


def _speedup(work: Any, pair: list[Any]) -> float:
    """Twice the time of one of a pair, by that of both at once."""
    begin = time.perf_counter()
    work(pair[0])
    alone = time.perf_counter() - begin
    begin = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, pair))
    return 2 * alone / (time.perf_counter() - begin)


def _call(handler: Isolated, samples: int) -> None:
    for _ in range(samples):
        assert handler.run(BODY, JSON).outcome == "ok"


def _bare_process(stack: ExitStack, directory: Path, samples: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.handler.bare", str(directory), str(samples)]
    process = stack.enter_context(
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def _call_bare(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    process.stdout.readline()


def main() -> int:
    """Read the options, measure, and write the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.handler", description=__doc__)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5, help="of one process and two")
    parser.add_argument("--milliseconds", type=float, default=10.0, help="that predict_fn computes")
    parser.add_argument("--json", type=Path, help="write the numbers to this file as well")
    options = parser.parse_args()
    if len(os.sched_getaffinity(0)) < 2:
        parser.error("two cores are needed")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name) / "busy"
        write_package(directory, options.milliseconds / 1e3)
        report = {
            "overhead": overhead(directory, options.samples),
            "scaling": scaling(directory, options.samples, options.rounds),
        }
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    held = report["overhead"]["overhead"] < MOST_OVERHEAD and report["scaling"]["ratio"] >= LEAST_SCALING
    print("the goals are met" if held else "a goal is missed")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
