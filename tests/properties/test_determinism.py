"""A on simulated servers: what is deterministic passes, and each thing that makes it less so has its measure."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from chaos.cells.determinism import DETERMINISM as PROCEDURE
from chaos.properties.base import CannotTell, Measure
from chaos.properties.determinism import DETERMINISM
from chaos.properties.judging import judge_cell
from chaos.properties.record import CellRecord
from chaos.sla.results import Verdict

SERVICE, OVERHEAD = 0.04, 0.001
Event = dict[str, Any]
Row = list[float]


def served(
    arrivals: Sequence[float],
    workers: int,
    seed: int,
    newest_first: bool = False,
    stall: Callable[[int], float] = lambda _: 0.0,
) -> list[Row]:
    """What a server makes of requests; ``stall`` is how much later than it could it begins its n-th."""
    rng = np.random.default_rng(seed)
    free, waiting, rows = [0.0] * workers, list(arrivals), list[Row]()
    while waiting:
        begun = max(heapq.heappop(free), waiting[0])
        here = sum(each <= begun for each in waiting)
        sent = waiting.pop(here - 1 if newest_first else 0)
        ended = begun + stall(len(rows)) + SERVICE + rng.gamma(4, OVERHEAD / 4)
        heapq.heappush(free, ended)
        rows.append([sent, sent, ended, 0])
    return rows


def bursts(size: int, times: int, gap: float) -> list[float]:
    return [burst * gap + each * 1e-5 for burst in range(times) for each in range(size)]


def of_bursts(rows: list[Row], gap: float) -> list[Row]:
    """The same rows, with the intended start that a burst has."""
    return [[round(row[0] / gap) * gap, *row[1:]] for row in rows]


def inference(
    seed: int = 1, more: Sequence[Event] = (), idle: float = 0.0, busy: float = 0.0, **how: Any
) -> CellRecord:
    """A cell of a server that is like that; one that was idle, or has others waiting, takes so much longer."""
    loads = {
        "single": of_bursts(served(bursts(1, 20, 0.1), 2, seed, **how), 0.1),
        "bursts": of_bursts(served(bursts(6, 20, 0.3), 2, seed + 1, **{"stall": lambda _: busy, **how}), 0.3),
        "idle": [
            [*row[:2], row[2] + idle, 0] for row in of_bursts(served(bursts(1, 8, 0.7), 2, seed + 2), 0.7)
        ],
        "queue": served(np.arange(0, 1.5, SERVICE / 2 / 1.25).tolist(), 2, seed + 3, **how),
    }
    plan = {"workers": 2, "batch": 1, "service": SERVICE, "delay": 0.0, "burst": 6}
    events = [{"kind": "note", "at": 0.0, "about": "plan", **plan}, *more]
    events += [{"kind": "requests", "at": 0.0, "load": load, "rows": rows} for load, rows in loads.items()]
    return cell("inference", events)


def cell(api: str, events: Sequence[Event], seed: int = 1) -> CellRecord:
    return CellRecord(api, "A", seed, dict(PROCEDURE.defaults), 0.0, 9.0, "measured", "", tuple(events))


def reads(latency: Sequence[float], shapes: Sequence[str] = ("x", "x"), lost: int = 0) -> CellRecord:
    rows = [[i / 60, i / 60, i / 60 + each, 6 if i < lost else 0] for i, each in enumerate(latency)]
    events: list[Event] = [{"kind": "note", "at": 0.0, "about": "shape", "shape": each} for each in shapes]
    return cell("list", [*events, {"kind": "requests", "at": 0.0, "load": "steady", "rows": rows}])


def registrations(seconds: Sequence[float] | NDArray[np.float64]) -> CellRecord:
    said = {"kind": "call", "at": 0.0, "operation": "register", "model": "m", "outcome": "ok"}
    return cell("register", [{**said, "start": i * 1.0, "end": i + each} for i, each in enumerate(seconds)])


def refused_at_once() -> CellRecord:
    said = {"kind": "call", "at": 0.0, "operation": "register", "model": "m", "start": 0.0, "end": 0.1}
    return cell("register", [{**said, "outcome": "fail", "detail": "no such package"}])


def verdicts(record: CellRecord) -> dict[str, Verdict]:
    return {measure.name: measure.verdict for measure in DETERMINISM.judge(record)}


def failed(record: CellRecord) -> set[str]:
    return {name for name, verdict in verdicts(record).items() if verdict is Verdict.FAIL}


@pytest.mark.parametrize("seed", range(3))
def test_a_server_that_is_deterministic(seed: int) -> None:
    found = verdicts(inference(seed))

    assert set(found.values()) == {Verdict.PASS}, found
    assert next(iter(found)) == "residual"
    assert {"slope", "fit", "spread within a rank", "after idle", "overtaken"} < set(found)


def test_a_stall_of_some_requests() -> None:
    assert "residual" in failed(inference(stall=lambda number: 0.03 if number % 4 == 3 else 0.0))


def test_a_server_that_is_slower_when_it_is_busy() -> None:
    assert "slope" in failed(inference(busy=0.02))


def test_who_came_last_is_served_first() -> None:
    assert failed(inference(newest_first=True)) == {"overtaken"}


def test_a_reload_after_an_idle_moment() -> None:
    assert failed(inference(idle=0.05)) == {"after idle"}


def test_a_handler_whose_time_is_not_the_time_it_takes() -> None:
    assert "time of one" in failed(inference(stall=lambda _: 0.05))


def told(waiting: float, service: float, served: int = 120) -> list[Event]:
    about = {"kind": "note", "at": 0.0, "about": "timings"}
    last = {"served": served, "waiting": waiting, "service": service}
    first = {"served": 0, "waiting": 0.0, "service": 0.0}
    return [{**about, "when": "before bursts", **first}, {**about, "when": "after bursts", **last}]


def test_what_the_target_tells_of_waiting_and_service() -> None:
    right = verdicts(inference(more=told(120 * 0.041, 120 * 0.041)))
    assert (right["wait told"], right["service told"]) == (Verdict.PASS, Verdict.PASS)

    assert failed(inference(more=told(0.0, 120 * 0.082))) == {"wait told", "service told"}
    with pytest.raises(CannotTell, match="counted no request"):
        DETERMINISM.judge(inference(more=told(0.0, 0.0, served=0)))


def test_reads_of_one_narrow_distribution() -> None:
    rng = np.random.default_rng(1)
    found = verdicts(reads(rng.gamma(20, 0.001 / 20, 300).tolist()))

    assert set(found.values()) == {Verdict.PASS}


def test_reads_that_stall_now_and_then() -> None:
    rng = np.random.default_rng(1)
    latency = rng.gamma(20, 0.001 / 20, 300) + np.where(np.arange(300) % 24 < 3, 0.04, 0.0)

    assert failed(reads(latency.tolist())) == {"tail"}


def test_reads_that_become_slower_for_good() -> None:
    rng = np.random.default_rng(1)
    latency = rng.gamma(20, 0.001 / 20, 300) * np.where(np.arange(300) < 150, 1, 3)

    assert failed(reads(latency.tolist())) == {"constancy"}


def test_an_answer_of_another_shape_and_one_that_is_wrong() -> None:
    latency = np.random.default_rng(1).gamma(20, 0.001 / 20, 300).tolist()

    assert failed(reads(latency, ["3 models", "3 models", "2 models"])) == {"shapes of answers"}
    assert failed(reads(latency, lost=1)) == {"requests not answered rightly"}


def test_registrations() -> None:
    rng = np.random.default_rng(1)
    seconds = rng.gamma(50, 0.1 / 50, 20)

    assert set(verdicts(registrations(seconds)).values()) == {Verdict.PASS}
    assert failed(registrations(seconds + np.where(np.arange(20) % 2, 0.3, 0.0))) == {"spread"}
    assert failed(registrations(seconds * np.where(np.arange(20) < 10, 1, 2.9))) == {"constancy"}
    refused = {**registrations([0.1]).events[0], "outcome": "fail", "detail": "no room"}
    (measure,) = DETERMINISM.judge(cell("register", [*registrations([0.1] * 3).events, refused]))
    assert (measure.verdict, measure.timed) == (Verdict.FAIL, False)
    assert "no room" in measure.reason


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (cell("inference", []), "nothing was sent"),
        (reads([]), "0 answers came"),
        (reads([0.001] * 300, shapes=()), "no answer was looked at"),
        (registrations([0.1] * 8), "7 registrations were made"),
        (refused_at_once(), "the first registration was refused: no such package"),
    ],
)
def test_what_was_not_measured_is_never_a_pass(record: CellRecord, words: str) -> None:
    result = judge_cell(record, lambda _: "")

    assert result.verdict is Verdict.UNKNOWN
    assert words in result.reason


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 30), st.booleans())
def test_a_record_that_breaks_off_anywhere_is_judged_without_a_crash(kept: int, api: bool) -> None:
    whole = inference() if api else reads([0.001] * 300)
    events = [
        {**event, "rows": event["rows"][: kept * 2]} if "rows" in event else event for event in whole.events
    ]
    record = cell(whole.api, events[: max(1, kept)])

    result = judge_cell(record, lambda _: "")

    assert "please report this" not in result.reason
    assert result.verdict is not Verdict.FAIL


def test_figures() -> None:
    shown = DETERMINISM.figure(inference())
    assert shown["kind"] == "residuals"
    assert len(shown["predicted"]) == len(shown["completed"]) == len(shown["residual"]) == 19 * 6
    assert shown["one"] == pytest.approx(SERVICE + OVERHEAD, rel=0.05)

    shown = DETERMINISM.figure(reads([0.001] * 300))
    assert (shown["kind"], len(shown["at"]), shown["median"]) == ("repeated", 300, pytest.approx(0.001))
    assert DETERMINISM.figure(cell("inference", [])) == {}


def test_a_measure_says_what_it_is() -> None:
    measure: Measure = DETERMINISM.judge(inference())[0]

    assert measure.timed
    assert measure.n == 19 * 6
    assert "19 bursts of 6 on 2 workers" in measure.reason
