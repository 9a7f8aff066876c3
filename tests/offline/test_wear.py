"""Trends of memory, threads and processes over calls: leaks are found, noise and caches are not taken for them."""

from __future__ import annotations

import random

import pytest

from chaos.handlers.calls import Outcome, Run
from chaos.offline.judged import run_result
from chaos.offline.requests import Request
from chaos.offline.results import CheckResult
from chaos.offline.runs import Ran
from chaos.offline.specs import InferenceTestSample
from chaos.offline.wear import judge_wear, memory_points

MEBI = 1 << 20
REQUEST = Request(InferenceTestSample(data=b"{}"), "", True, True)
LIMIT = 2 << 30


def ran(
    memory: float, *, outcome: Outcome = "ok", threads: int = 1, processes: int = 1, restarted: bool = False
) -> Ran:
    run = Run(outcome, 0.0, memory=int(memory), threads=threads, processes=processes, restarted=restarted)
    return Ran(REQUEST, run, run_result(run, REQUEST, False, True), "", ())


def memory(*values: float, limit: int = LIMIT) -> CheckResult:
    return judge_wear([ran(100 * MEBI + value) for value in values], limit, 0)[2]


@pytest.mark.parametrize("seed", range(10))
def test_noise_is_no_leak(seed: int) -> None:
    noise = random.Random(seed)
    arenas = 0
    values = []
    for _ in range(200):
        arenas += noise.random() < 0.01
        values.append(arenas * MEBI / 2 + noise.gauss(0, 50_000))
    assert memory(*values).verdict == "pass"


@pytest.mark.parametrize("seed", range(10))
def test_a_leak_is_one_through_noise(seed: int) -> None:
    noise = random.Random(seed)
    found = memory(*(40_000 * call + noise.gauss(0, 200_000) for call in range(200)))
    assert found.verdict == "fail"
    assert found.low is not None
    assert found.high is not None
    assert found.low <= 40_000 <= found.high
    assert found.unit == "B/call"


def test_what_levels_off_cannot_be_told() -> None:
    cache = memory(*(min(call, 100) * 100_000 for call in range(200)))
    assert cache.verdict == "unknown"
    assert "more calls are needed" in cache.words


def test_what_is_allocated_at_first_does_not_count() -> None:
    assert memory(*(min(call, 40) * MEBI for call in range(200))).verdict == "pass"


def test_the_limit_has_its_reason() -> None:
    few, many = memory(*[0.0] * 200), memory(*[0.0] * 5000)
    assert few.limit == 2 * MEBI / 150
    assert "200 calls cannot tell less" in few.words
    assert many.limit == (LIMIT - 100 * MEBI) / 1_000_000
    assert "a million calls fill the memory" in many.words


def test_long_series_are_thinned() -> None:
    found = memory(*(1000 * call for call in range(20_000)), limit=64 * MEBI)
    assert found.verdict == "fail"
    assert found.estimate == pytest.approx(1000)


@pytest.mark.parametrize(
    ("threads", "verdict"), [([1] * 50, "pass"), (range(1, 51), "fail"), ([1, *[9] * 49], "pass")]
)
def test_threads_and_processes(threads: list[int], verdict: str) -> None:
    of_threads, of_processes, _ = judge_wear([ran(MEBI, threads=each) for each in threads], LIMIT, 0)
    assert (of_threads.verdict, of_processes.verdict) == (verdict, "pass")
    of_threads, of_processes, _ = judge_wear([ran(MEBI, processes=each) for each in threads], LIMIT, 0)
    assert (of_threads.verdict, of_processes.verdict) == ("pass", verdict)


def test_what_cannot_be_told_is_unknown() -> None:
    assert {check.verdict for check in judge_wear([], LIMIT, 0)} == {"unknown"}
    ended = [ran(MEBI, restarted=number == 30) for number in range(50)]
    assert {check.verdict for check in judge_wear(ended, LIMIT, 0)} == {"unknown"}
    few = judge_wear([ran(MEBI), ran(MEBI, threads=2)], LIMIT, 0)
    assert [check.verdict for check in few] == ["unknown", "pass", "pass"]


def test_an_end_in_between_is_told() -> None:
    calls = [*[ran(MEBI)] * 30, ran(0, outcome="memory")]
    checks = judge_wear(calls, LIMIT, 0)
    assert [check.verdict for check in checks] == ["unknown", "unknown", "fail"]
    assert "call 31 of these ran out of memory" in checks[2].words


def test_what_outlives_its_handler_fails() -> None:
    found = judge_wear([ran(MEBI)] * 40, LIMIT, 2)[1]
    assert (found.verdict, found.estimate) == ("fail", 2.0)


def test_points_are_numbered_through() -> None:
    points = memory_points([ran(1), ran(0)], [ran(2)])
    assert [(each.calls, each.resident, each.phase) for each in points] == [
        (1, 1, "samples"),
        (3, 2, "memory"),
    ]
