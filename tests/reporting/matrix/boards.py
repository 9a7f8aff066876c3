"""A matrix with every verdict, and for each property what it would show: for tests of documents, page and board."""

from __future__ import annotations

from typing import Any

from chaos.history import Event
from chaos.properties.base import CellResult, Measure
from chaos.properties.table import TABLE, Cell
from chaos.reporting.matrix.summary import NOT_MEASURED, MatrixSummary
from chaos.sla.results import Verdict

__all__ = ["EVENTS", "FIGURES", "HOSTILE", "matrix"]

HOSTILE = "<img src=x onerror=alert(1)>\x07\ud800 </script>"

OVER_TIME = {"at": [0.0, 0.5, 1.0, 1.5], "seconds": [0.02, 0.03, 5.0, 0.02], "ok": [True, True, False, True]}

FIGURES: dict[str, dict[str, Any]] = {
    "A": {
        "kind": "residuals", "predicted": [0.04, 0.04, 0.08], "completed": [0.041, 0.04, 0.085],
        "residual": [0.02, 0.0, 0.1], "one": 0.04, "workers": 2, "batch": 1,
    },
    "B": {
        "kind": "slopes",
        "series": [
            {
                "name": name, "unit": unit, "at": [0.0, 1.0, 2.0], "values": [5.0, 5.1, 5.3],
                "slope": 0.1, "low": 0.05, "high": 0.15, "start": 5.0,
            }
            for name, unit in (("p50 latency", "ms"), ("proxy descriptors", ""))
        ],
    },
    "C": {
        "groups": [
            {"name": "baseline", "start": 0.0, "end": 0.4, "seconds": [0.02, 0.03], "failed": 0},
            {"name": "burn", "start": 0.4, "end": 1.2, "seconds": [], "failed": 1},
            {"name": "recovery", "start": 1.2, "end": 2.0, "seconds": [0.02], "failed": 0},
        ],
        "quantile": 0.9, "limit": 3.0, "baseline": 0.03, "over_time": OVER_TIME,
    },
    "D": {
        "operations": {
            "up": {
                "points": [[1, 0.05], [2, 0.09], [2, 0.1]], "quartiles": [[1, 0.05], [2, 0.095]],
                "line": {"slope": 0.045, "intercept": 0.005}, "one": 0.05, "words": "scaling up",
            },
            "down": {"points": [], "quartiles": [], "line": {"slope": 0.0, "intercept": 0.0}, "one": None,
                     "words": "x"},
        }
    },
    "E": {
        "users": [1, 2, 4], "throughput": [20.0, 40.0, 41.0], "low": [19.0, 38.0, 40.0], "high": [21.0, 42.0, 42.0],
        "latency": [0.05, 0.05, 0.1], "capacity": 50.0, "places": 2, "knee": [2, 4],
        "waits": [{"operation": "register", "seconds": 0.4, "longest": 0.02}],
    },
    "F": {
        "windows": [{"phase": "baseline", "start": 0.0, "end": 0.5}, {"phase": "fault", "start": 0.5, "end": 1.0}],
        "over_time": OVER_TIME,
        "asked": [{"start": 0.6, "end": 0.7, "operation": "scale", "workers": 99, "status": 400}],
        "processes": {"at": [0.0, 1.0], "count": [2, 2]}, "bearable": 32, "quantile": 0.9, "limit": 2.0,
    },
    "G": {
        "moments": [[cycle, moment] for cycle in range(2) for moment in ("before", "serving", "after")],
        "resources": {
            "processes": [4, 6, 4, 4, 6, 5], "rss": [1e8, 2e8, 1e8, 1e8, 2e8, 1e8], "pss": [None] * 6, "shm": [0] * 6,
        },
        "slopes": {"processes": {"slope": 1.0, "intercept": 4.0, "low": 0.5, "high": 1.5}},
        "warmup": 0, "released": [0.1, None],
    },
    "H": {
        "rounds": [
            {
                "how": "fewer", "start": 0.3, "end": 0.6, "bound": 2.0, "leaving": [77], "gone": None,
                "requests": [
                    {"sent": 0.0, "ended": 0.5, "long": True, "status": 200, "problem": "", "pid": 77},
                    {"sent": 0.1, "ended": 0.2, "long": False, "status": 0, "problem": HOSTILE, "pid": None},
                    {"sent": 0.4, "ended": 0.5, "long": False, "status": 404, "problem": "", "pid": None},
                ],
            }
        ]
    },
    "I": {
        "cases": [
            {
                "name": "scale up", "asked": "a third worker", "how": "told", "status": [500], "words": [HOSTILE],
                "rest": None, "wrong": ["3 workers, not 2"], "before": {"m-i1-abcdef": [2, 2, 2], "n": [1, 1, None]},
                "after": {"m-i1-abcdef": [3, 3, 3], "n": [1, 1, None]},
            }
        ],
        "skipped": [{"case": "memory", "reason": "no such package"}], "loads": {"bystander": {"n": 90, "lost": 1}},
    },
    "J": {
        "operation": "scale",
        "rounds": [
            {
                "round": 1, "sort": "simultaneous", "model": "twin-j1-abcdef", "wanted": 3, "described": [3, 3],
                "processes": 4, "strays": 1, "answers": {"200": 5, "none": 1}, "lost": 1, "spread": 0.0001,
                "rest": 0.001, "wrong": ["4 processes, not 3"],
            }
        ],
    },
}  # fmt: skip
"""By code; with a bit of everything, and a hostile text where texts of others go."""


def _cell(cell: Cell) -> CellResult:
    number = TABLE.index(cell)
    verdict = (Verdict.PASS, Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN)[number % 4]
    if number == 7:
        return CellResult(
            cell.api, cell.code, Verdict.UNKNOWN, "the target has no such thing", applicable=False
        )
    if number == 11:
        return CellResult(cell.api, cell.code, Verdict.UNKNOWN, NOT_MEASURED)
    measures = (
        Measure("first", verdict, "the first " + HOSTILE, 1.5, 1.0, float("inf"), 2.0, "s", 10, True),
        Measure("census", Verdict.PASS, "none was lost", 0.0, None, None, 0.0, "", 99),
    )
    return CellResult(cell.api, cell.code, verdict, measures[0].reason, measures, FIGURES[cell.code], 3.25)


def matrix(target: str = "embedded") -> MatrixSummary:
    """All 32 cells."""
    return MatrixSummary(
        run_id="20261121-120000-matrix-ab12",
        seed=42,
        target=target,
        defects=(),
        version="0.1.0",
        wall=1795262400.0,
        seconds=431.5,
        replay="chaos matrix --target embedded --seed 42",
        cells=tuple(_cell(cell) for cell in TABLE),
        settings={"B": {"seconds": 30.0}},
        problems=(f"measuring list-A left {HOSTILE} behind",),
    )


EVENTS: list[Event] = [
    {
        "kind": "matrix", "at": 100.0, "run_id": "r", "seed": 42, "target": "embedded", "defects": ["shared_queue"],
        "version": "0", "wall": 1.0, "cells": ["list:A", "health:B", "list:B"], "settings": {}, "replay": "",
    },
    {"kind": "measuring", "at": 101.0, "group": "list-A", "code": "A", "apis": ["list"]},
    {
        "kind": "measured", "at": 106.0, "group": "list-A",
        "cells": [{"api": "list", "code": "A", "verdict": "fail", "reason": HOSTILE, "seconds": 4.9}],
    },
    {"kind": "problem", "at": 106.5, "text": HOSTILE},
    {"kind": "measuring", "at": 107.0, "group": "B", "code": "B", "apis": ["health", "list"]},
]  # fmt: skip
