"""B on made-up soaks: what stays as it is passes, what is lost with each request fails, and noise does neither."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from chaos.cells.drift import DRIFT as PROCEDURE
from chaos.properties.base import CannotTell, Measure
from chaos.properties.drift import DRIFT
from chaos.properties.judging import judge_cell
from chaos.properties.record import CellRecord
from chaos.sla.results import Verdict

Event = dict[str, Any]
Floats = NDArray[np.float64]
MEGA = 1 << 20
SECONDS, RATE = 30.0, 30.0
BEGIN = 1000.0


def soak(
    api: str = "inference",
    seed: int = 1,
    memory: Callable[[Floats], Floats] = np.zeros_like,
    latency: Callable[[Floats], Floats] = np.zeros_like,
    fds: Callable[[Floats], Floats] = np.zeros_like,
    apis: Sequence[str] = ("inference", "list"),
    seconds: float = SECONDS,
    lost: int = 0,
    **given: float,
) -> CellRecord:
    """A soak whose proxy takes so much more memory (MiB) and descriptors, and whose latency rises by so many times of
    itself, at seconds since it began."""
    rng = np.random.default_rng(seed)
    since = np.arange(0, seconds, 1 / RATE)
    took = 0.02 * (1 + latency(since)) * rng.gamma(100, 0.01, since.size)
    rows = [
        [BEGIN + at, BEGIN + at, BEGIN + at + each, 7 if number < lost else 0]
        for number, (at, each) in enumerate(zip(since, took, strict=True))
    ]
    events: list[Event] = [{"kind": "requests", "at": BEGIN, "load": api, "rows": rows}]
    at = np.arange(0, seconds, 0.5)
    pages = rng.integers(-8, 9, at.size) * 4096
    for when, grown, page, more in zip(at, memory(at) * MEGA, pages, fds(at), strict=True):
        proxy = {
            "processes": 1,
            "rss": 40 * MEGA + int(grown) + int(page),
            "fds": 20 + int(more),
            "threads": 3,
        }
        roles = {"proxy": proxy, "replica": {"processes": 2, "rss": 60 * MEGA, "fds": 24, "threads": 9}}
        events.append(
            {
                "kind": "note",
                "at": BEGIN + when,
                "about": "sample",
                "roles": roles,
                "processes": 5 + int(when) % 2,
            }
        )
    span = {"begin": BEGIN, "end": BEGIN + seconds}
    events.append({"kind": "note", "at": BEGIN, "about": "soak", **span, "apis": list(apis), "rate": RATE})
    return cell(api, events, **given)


def cell(api: str, events: Sequence[Event], **given: float) -> CellRecord:
    planned = {**PROCEDURE.defaults, **given}
    return CellRecord(api, "B", 1, planned, BEGIN, BEGIN + 40, "measured", "", tuple(events))


def failed(record: CellRecord) -> set[str]:
    return {measure.name for measure in DRIFT.judge(record) if measure.verdict is Verdict.FAIL}


def measure(record: CellRecord, name: str) -> Measure:
    (found,) = [each for each in DRIFT.judge(record) if each.name == name]
    return found


@pytest.mark.parametrize("seed", range(4))
def test_what_stays_as_it_is(seed: int) -> None:
    measures = DRIFT.judge(soak(seed=seed))

    assert {each.verdict for each in measures} == {Verdict.PASS}, measures
    assert [each.name for each in measures] == [
        "p50 latency",
        "p95 latency",
        *(f"{role} {what}" for role in ("proxy", "replica") for what in ("memory", "descriptors", "threads")),
        "processes",
        "requests not answered rightly",
    ]


def test_each_loss_has_its_measure() -> None:
    assert failed(soak(memory=lambda at: 0.2 * at)) == {"proxy memory"}
    assert failed(soak(fds=lambda at: 1.5 * at)) == {"proxy descriptors"}
    assert failed(soak(latency=lambda at: 0.08 * at)) == {"p50 latency"}
    assert failed(soak(latency=lambda at: 0.8 * at)) == {"p50 latency", "p95 latency"}
    assert failed(soak(lost=1)) == {"requests not answered rightly"}


@settings(max_examples=20, deadline=None)
@given(st.floats(0.15, 5.0), st.integers(0, 100))
def test_the_slope_that_went_in_comes_out_as_a_day(slope: float, seed: int) -> None:
    found = measure(soak(seed=seed, memory=lambda at: slope * at), "proxy memory")

    assert found.verdict is Verdict.FAIL
    assert found.estimate == pytest.approx(slope * 86400, rel=0.05)
    assert found.unit == "MiB/day"


def test_what_so_short_a_soak_cannot_tell_is_no_failure_until_it_is_longer() -> None:
    def slow(at: Floats) -> Floats:
        return 0.02 * at

    short = measure(soak(memory=slow), "proxy memory")
    assert short.verdict is Verdict.PASS
    assert "so short a soak cannot tell less" in short.reason

    long = measure(soak(memory=slow, seconds=240), "proxy memory")
    assert long.verdict is Verdict.FAIL

    strict = measure(soak(memory=slow, rss_noise=0.1, rss_share=0), "proxy memory")
    assert strict.verdict is Verdict.FAIL


def test_a_large_heap_that_fills_is_noise() -> None:
    def heap(at: Floats) -> Floats:
        return 400 + 0.2 * at

    assert measure(soak(memory=heap), "proxy memory").verdict is Verdict.PASS
    assert measure(soak(memory=heap, rss_share=0), "proxy memory").verdict is Verdict.FAIL


def test_the_limit_of_a_day_counts_once_a_soak_can_tell() -> None:
    found = measure(soak(rss_noise=0.001, rss_day=1e6), "proxy memory")

    assert found.limit == pytest.approx(1e6)
    assert "as set" in found.reason


def test_a_rise_that_levels_off_is_not_judged_by_a_short_soak() -> None:
    def warm(at: Floats) -> Floats:
        return np.asarray(np.minimum(at, 20.0) * 0.5)

    found = measure(soak(memory=warm), "proxy memory")

    assert found.verdict is Verdict.UNKNOWN
    assert "levels off" in found.reason


def test_the_warm_up_is_cut_away() -> None:
    def warm(at: Floats) -> Floats:
        return np.asarray(np.minimum(at, 7.0) * 5)

    assert failed(soak(memory=warm)) == set()


def test_seldom_a_false_alarm() -> None:
    found = [failed(soak(seed=seed)) for seed in range(60)]

    assert sum(map(bool, found)) == 0


def test_who_is_charged() -> None:
    assert "charged to all of inference, list" in measure(soak(), "proxy memory").reason
    assert "charged" not in measure(soak(apis=("inference",)), "proxy memory").reason
    assert "replica memory" not in [each.name for each in DRIFT.judge(soak("list"))]


def test_latency_alone_is_never_a_pass() -> None:
    whole = soak()
    remote = cell("inference", [each for each in whole.events if each.get("about") != "sample"])

    result = judge_cell(remote, lambda _: "")

    assert result.verdict is Verdict.UNKNOWN
    assert "not on this machine" in result.reason


def test_a_process_that_ended_is_no_sudden_gain() -> None:
    whole = soak()
    events = [dict(each) for each in whole.events]
    for event in [each for each in events if each.get("about") == "sample"][40:]:
        event["roles"] = {**event["roles"], "proxy": {"processes": 0, "rss": 0, "fds": 0, "threads": 0}}

    with pytest.raises(CannotTell, match="processes of the proxy ended"):
        DRIFT.judge(cell("inference", events))


def test_registrations() -> None:
    calls: list[Event] = []
    for number in range(60):
        start = BEGIN + number * 0.5
        for operation, took in (("register", 0.05), ("unregister", 0.02)):
            call = {
                "operation": operation,
                "model": "m",
                "outcome": "ok",
                "start": start,
                "end": start + took,
            }
            calls.append({"kind": "call", "at": start, **call})
    rest = [each for each in soak().events if each["kind"] != "requests"]
    assert failed(cell("register", [*calls, *rest])) == set()

    for number, event in enumerate(calls):
        event["end"] += number * 0.005
    assert failed(cell("register", [*calls, *rest])) == {"p50 latency"}

    calls[0]["outcome"] = "fail"
    assert "operations that did not succeed" in failed(cell("register", [*calls, *rest]))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 70))
def test_a_soak_that_breaks_off_anywhere_is_unknown(kept: int) -> None:
    result = judge_cell(cell("inference", soak().events[:kept]), lambda _: "")

    assert result.verdict is Verdict.UNKNOWN or kept > 61
    assert "please report this" not in result.reason


def test_figure() -> None:
    shown = DRIFT.figure(soak(memory=lambda at: 0.2 * at))

    series = {each["name"]: each for each in shown["series"]}
    assert shown["kind"] == "slopes"
    assert series["proxy memory"]["slope"] == pytest.approx(0.2, rel=0.05)
    assert series["proxy memory"]["start"] == pytest.approx(41.5, rel=0.02)
    assert min(series["p50 latency"]["at"]) >= 7.5
    assert DRIFT.figure(cell("inference", []))["series"] == []
