"""G on synthetic footprints: a leak is found per cycle and by name, noise is none, too little data is no verdict."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.properties.base import CannotTell, Measure
from chaos.properties.record import CellRecord
from chaos.properties.release import RELEASE
from chaos.sla.results import Verdict
from chaos.traffic.spec import Outcome

IDLE = {"processes": 4, "ports": 4, "shared": 0, "partitions": 0, "fds": 53, "threads": 11}
SERVING = {"processes": 2, "ports": 2, "partitions": 2, "fds": 14, "threads": 6, "memory": 7 << 20}
SETTINGS = {"cycles": 10, "warmup": 2, "release_seconds": 4.0, "leak_counted": 0.25, "leak_bytes": 192 * 1024}


def record(
    leaks: dict[str, float] | None = None,
    *,
    odd: dict[int, dict[str, int]] | None = None,
    serving: dict[str, int] | None = None,
    cycles: int = 10,
    late: tuple[int, ...] = (),
    answered: int = 6,
    unread: tuple[str, ...] = (),
    memory_noise: float = 0.0,
) -> CellRecord:
    """A cell in which each cycle leaves so much of a resource; ``odd`` is what is more after some cycles only."""
    rng = np.random.default_rng(1)
    events: list[dict[str, Any]] = []

    def read(moment: str, cycle: int, plus: dict[str, int]) -> None:
        found: dict[str, Any] = {**IDLE, "memory": 80 << 20, "rss": 140 << 20, "pss": 90 << 20}
        for name, leak in (leaks or {}).items():
            found[name] += int(leak * (cycle + (moment == "after")))
        for name, value in plus.items():
            found[name] += value
        found["memory"] += int(rng.normal(0, 1) * memory_noise)
        found.update(dict.fromkeys(unread))
        events.append({"kind": "footprint", "at": 0.0, "cycle": cycle, "moment": moment, **found})

    read("before", 0, {})
    for cycle in range(cycles):
        rows = [[float(cycle), float(cycle), cycle + 0.01, Outcome.OK]] * answered
        events.append({"kind": "requests", "at": 0.0, "load": "inferences", "rows": rows})
        read("serving", cycle, SERVING if serving is None else serving)
        read("after", cycle, (odd or {}).get(cycle, {}))
        seconds = None if cycle in late else 0.05
        note = {"cycle": cycle, "seconds": seconds, "waited": 4.0}
        events.append({"kind": "note", "at": 0.0, "about": "release", **note})
    return CellRecord("unregister", "G", 1, SETTINGS, 0.0, 9.0, "measured", "", tuple(events))


def failed(found: CellRecord) -> dict[str, Measure]:
    """The measures that fail."""
    return {each.name: each for each in RELEASE.judge(found) if each.verdict is Verdict.FAIL}


def test_what_gives_everything_back_passes() -> None:
    measures = RELEASE.judge(record(memory_noise=50_000))

    assert {each.verdict for each in measures} == {Verdict.PASS}
    assert len(measures) == 9
    assert not any(each.timed for each in measures), "on a busy machine it would have been no faster"


@given(st.sampled_from(["processes", "ports", "shared", "partitions", "fds", "threads"]), st.integers(1, 5))
def test_a_leak_is_found_with_its_size(name: str, leak: int) -> None:
    found = failed(record({name: leak}))
    words = {"shared": "shared memory objects", "fds": "descriptors"}.get(name, name)
    measure = found[f"{words} left per cycle"]

    assert (measure.estimate, measure.low, measure.high) == (leak, leak, leak)
    assert ("left at the end" in found) is (name not in ("fds", "threads"))


@given(st.integers(300_000, 10_000_000))
def test_a_leak_of_memory_is_found_through_noise(leak: int) -> None:
    (measure,) = failed(record({"memory": leak}, memory_noise=50_000)).values()

    assert measure.name == "memory left per cycle"
    assert measure.low is not None
    assert measure.high is not None
    assert measure.low <= measure.high
    assert measure.estimate == pytest.approx(leak, rel=0.25)


def test_a_small_growth_is_no_leak() -> None:
    assert failed(record({"memory": 20_000})) == {}


def test_what_the_first_cycles_fill_is_no_leak() -> None:
    filled = {cycle: {"threads": 3, "fds": 5, "memory": 9 << 20} for cycle in range(1, 10)}
    assert failed(record(odd=filled)) == {}


def test_a_thread_that_is_there_once_is_no_leak() -> None:
    measures = RELEASE.judge(record(odd={5: {"threads": 1, "fds": 1}}))

    assert {each.verdict for each in measures} == {Verdict.PASS}


def test_a_process_that_is_left_once_is_found_at_the_end() -> None:
    found = failed(record(odd={cycle: {"processes": 1, "ports": 1} for cycle in range(8, 10)}))

    assert set(found) == {"left at the end"}
    assert "1 processes, 1 ports" in found["left at the end"].reason


def test_a_cycle_that_took_too_long_is_the_machines_doing_or_not() -> None:
    found = failed(record(late=(4,)))

    (measure,) = found.values()
    assert measure.name == "cycles not released within 4 s"
    assert measure.estimate == 1
    assert measure.timed


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (record(cycles=6), "4 cycles"),
        (record(cycles=9), "cycles after the warm-up"),
        (record(answered=0), "0 inferences"),
        (record(serving={}), "took no more while it served"),
    ],
)
def test_what_was_not_measured_is_not_judged(broken: CellRecord, says: str) -> None:
    with pytest.raises(CannotTell, match=says):
        RELEASE.judge(broken)
    RELEASE.figure(broken)


def test_what_cannot_be_read_is_not_claimed() -> None:
    measures = RELEASE.judge(record(unread=("ports", "shared", "partitions", "pss")))

    assert [each.name for each in measures[:3]] == [
        "processes left per cycle",
        "descriptors left per cycle",
        "threads left per cycle",
    ]


def test_the_figure_is_a_staircase() -> None:
    figure = RELEASE.figure(record({"processes": 2}))

    assert figure["moments"][:3] == [[0, "before"], [0, "serving"], [0, "after"]]
    assert figure["resources"]["processes"][:5] == [4, 6, 6, 8, 8]
    assert figure["slopes"]["processes"]["slope"] == 2
    assert figure["warmup"] == 2
    assert len(figure["released"]) == 10
