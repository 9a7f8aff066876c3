"""Measures cells on an embedded platform of its own, with defects or without, as `chaos matrix` does."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio

from chaos.cells.measuring import measure
from chaos.history import Event
from chaos.properties.base import CellResult
from chaos.properties.judging import judge_cells
from chaos.targets.registry import open_by_url


async def run_cells(
    code: str,
    apis: Sequence[str],
    defects: Sequence[str] = (),
    seed: int = 1,
    given: Mapping[str, float] | None = None,
    directory: Path | None = None,
    url: str = "embedded",
    gated: bool | None = None,
) -> tuple[list[Event], tuple[CellResult, ...]]:
    """The events of these cells, and what they are judged to be.

    :param gated: whether a busy machine makes timed measures unknown; if not given, for a platform without defects:
        a defect must be found however busy the machine is that runs the tests, and nobody blamed who has none
    """
    events: list[Event] = []

    def emit(kind: str, at: float | None = None, **values: object) -> None:
        events.append({"kind": kind, "at": time.monotonic() if at is None else at, **values})

    target = open_by_url(url, defects=defects, directory=directory)
    await target.open()
    try:
        await measure(target, code, apis, seed, emit, given)
    finally:
        await target.close()
    gated = not defects if gated is None else gated
    return events, judge_cells(events) if gated else judge_cells(events, lambda _: "")


def main() -> None:
    """python -m tests.cells.harness CODE API,API --defect NAME --seeds N --set name=value"""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("code")
    parser.add_argument("apis")
    parser.add_argument("--defect", action="append", default=[])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--ungated", action="store_true", help="judge as if the machine had been quiet")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--url", default="embedded")
    options = parser.parse_args()
    given = {name: float(value) for name, _, value in (each.partition("=") for each in options.set)}
    for seed in range(1, options.seeds + 1):
        began = time.monotonic()
        words = (options.code, options.apis.split(","), options.defect, seed, given)
        _, results = anyio.run(run_cells, *words, None, options.url, not options.ungated)
        for result in results:
            print(f"{result.api}:{result.code} seed {seed} {result.verdict.value}: {result.reason}")
            for each in result.measures:
                print(f"    {each.verdict.value:8} {each.reason}")
        print(f"  {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
