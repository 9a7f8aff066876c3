"""Verdicts on objectives: what passes, what fails, and what the run cannot tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.sla import statistics
from chaos.sla.documents import ProbeDocument
from chaos.sla.judge import judge
from chaos.sla.results import ObjectiveResult, Verdict, Window, worst
from chaos.sla.samples import LOST, Samples
from chaos.traffic.histogram import buckets_of
from chaos.traffic.spec import Outcome

WINDOWS = (Window("baseline", 0.0, 10.05), Window("fault", 10.05, 20.0), Window("recovery", 20.0, 30.0))
NULL = Samples.of([(slot, 0, int(buckets_of(np.array(2e-4))), 5) for slot in range(300)])
P99_RATIO: dict[str, Any] = {"sli": "latency", "quantile": 0.99, "at_most_ratio": 3}


def probe(**objective: Any) -> ProbeDocument:
    """A probe with one objective."""
    return ProbeDocument.model_validate(
        {
            "name": "victim", "model": "m", "payload": {}, "schedule": {"rate": 100}, "timeout": 2.0,
            "objectives": [objective],
        }
    )  # fmt: skip


def traffic(
    rate: int = 10, seconds: float = 0.01, spread: float = 0.2, fault: float = 1.0, failing: float = 0.0
) -> Samples:
    """``rate`` requests a slot over all windows; ``fault`` times slower in the fault, where some fail."""
    rng = np.random.default_rng(11)
    found = []
    for slot in range(300):
        struck = 100 <= slot < 200
        for value in rng.lognormal(np.log(seconds * (fault if struck else 1.0)), spread, rate):
            outcome = Outcome.HTTP_5XX if struck and rng.random() < failing else Outcome.OK
            found.append((slot, int(outcome), int(buckets_of(np.array(value))), 1))
    return Samples.of(found)


def results(samples: Samples, null: Samples = NULL, **objective: Any) -> dict[str, ObjectiveResult]:
    """The results of one objective by phase."""
    return {result.phase: result for result in judge(probe(**objective), samples, WINDOWS, null, seed=1)}


def test_a_relative_objective_is_judged_by_its_whole_interval() -> None:
    assert results(traffic(), **P99_RATIO)["fault"].verdict is Verdict.PASS
    assert results(traffic(fault=10), **P99_RATIO)["fault"].verdict is Verdict.FAIL
    close = results(traffic(fault=3), **P99_RATIO)["fault"]

    assert close.verdict is Verdict.UNKNOWN
    assert "too close to tell" in close.reason
    assert close.low is not None
    assert close.high is not None
    assert close.low <= 3 <= close.high


@pytest.mark.parametrize(
    ("limit", "verdict"), [(0.7, Verdict.PASS), (0.9, Verdict.UNKNOWN), (0.99, Verdict.FAIL)]
)
def test_so_is_one_with_a_lower_limit(limit: float, verdict: Verdict) -> None:
    found = results(traffic(failing=0.1), sli="availability", at_least_ratio=limit)

    assert found["fault"].verdict is verdict


def test_a_relative_objective_is_not_judged_in_the_baseline() -> None:
    assert set(results(traffic(), **P99_RATIO)) == {"fault", "recovery"}


def test_a_reason_says_how_much_and_the_limit() -> None:
    reason = results(traffic(fault=10), **P99_RATIO)["fault"].reason

    assert reason.startswith("p99 latency was ")
    assert " times the baseline (" in reason
    assert reason.endswith("limit 3")
    assert results(traffic(), sli="availability", at_least=0.999)["fault"].reason == (
        "availability was 100 % (99.62 % to 100 %), limit at least 99.9 %"
    )


@pytest.mark.parametrize(
    ("objective", "verdict"),
    [
        ({"sli": "availability", "at_least": 0.85}, Verdict.PASS),
        ({"sli": "availability", "at_least": 0.95}, Verdict.FAIL),
        ({"sli": "availability", "at_least_ratio": 0.8}, Verdict.PASS),
        ({"sli": "availability", "at_least_ratio": 0.99}, Verdict.FAIL),
        ({"sli": "correctness", "at_least": 1.0}, Verdict.PASS),
        ({"sli": "throughput", "at_least": 80}, Verdict.PASS),
        ({"sli": "throughput", "at_least": 95}, Verdict.FAIL),
        ({"sli": "throughput", "at_least_ratio": 0.5}, Verdict.PASS),
        ({"sli": "throughput", "at_least_ratio": 0.99}, Verdict.FAIL),
        ({"sli": "latency", "quantile": 0.5, "at_most": 0.05}, Verdict.PASS),
        ({"sli": "latency", "quantile": 0.99, "at_most": 1.9}, Verdict.FAIL),
    ],
)
def test_every_indicator_with_a_tenth_of_the_requests_failing_in_the_fault(
    objective: dict[str, Any], verdict: Verdict
) -> None:
    found = results(traffic(failing=0.1), **objective)

    assert found["fault"].verdict is verdict, found["fault"]
    assert found["recovery"].verdict is Verdict.PASS


def test_a_wrong_answer_fails_correctness_and_availability() -> None:
    samples = Samples.joined([traffic(), Samples.of([(150, Outcome.WRONG, 900, 30)])])

    assert results(samples, sli="correctness", at_least=1.0)["fault"].verdict is Verdict.FAIL
    assert results(samples, sli="availability", at_least=0.99)["fault"].verdict is Verdict.FAIL


def test_an_outage_has_no_wrong_answers_but_correctness_is_not_passed_by_it() -> None:
    samples = traffic(failing=1.0)

    assert results(samples, sli="correctness", at_least=1.0)["fault"].verdict is Verdict.UNKNOWN
    assert results(samples, sli="availability", at_least=0.5)["fault"].verdict is Verdict.FAIL
    assert results(samples, **P99_RATIO)["fault"].verdict is Verdict.FAIL


def test_failing_fast_does_not_improve_latency_and_the_reason_says_so() -> None:
    found = results(traffic(failing=0.1), **P99_RATIO)["fault"]

    assert found.verdict is Verdict.FAIL
    assert "requests failed and count as slower than any answer" in found.reason


@pytest.mark.parametrize("sli", ["availability", "correctness", "throughput", "latency"])
def test_no_samples_are_unknown(sli: str) -> None:
    limits: dict[str, Any] = {"at_most": 1.0, "quantile": 0.5} if sli == "latency" else {"at_least": 0.0}
    for result in results(Samples.of([]), sli=sli, **limits).values():
        assert result.verdict is Verdict.UNKNOWN
        assert result.n == 0
        assert "not one" in result.reason


def test_too_few_requests_for_a_quantile_are_unknown() -> None:
    few = results(traffic(rate=3), **P99_RATIO)["fault"]
    assert few.verdict is Verdict.UNKNOWN
    assert "300 requests in the baseline phase, and it takes at least 368" in few.reason

    absolute: dict[str, Any] = {"sli": "latency", "quantile": 0.999, "at_most": 1.0}
    assert "at least 1000" in results(traffic(rate=9), **absolute)["fault"].reason
    assert results(traffic(rate=11), **absolute)["fault"].verdict is Verdict.PASS


def test_a_phase_that_never_happened_is_unknown() -> None:
    found = judge(probe(sli="availability", at_least=0.9), traffic(), WINDOWS[:2], NULL)

    assert [r.verdict for r in found] == [Verdict.PASS, Verdict.PASS, Verdict.UNKNOWN]
    assert found[2].reason == "availability cannot be judged: the recovery phase never happened"


def noisy(seconds: float) -> Samples:
    """A null probe that is slower by this much while the fault is in force."""
    cells = [(slot, 0, int(buckets_of(np.array(seconds))), 5) for slot in range(100, 200)]
    return Samples.joined([NULL.where(~((NULL.slot >= 100) & (NULL.slot < 200))), Samples.of(cells)])


def test_what_the_noise_could_explain_is_unknown() -> None:
    # The p99 of the baseline is 16 ms and that of the fault 128 ms.
    slow = traffic(fault=8)
    found = results(slow, noisy(0.1), **P99_RATIO)["fault"]

    assert found.verdict is Verdict.UNKNOWN
    assert "the harness itself was up to 99.8 ms slow" in found.reason
    assert results(slow, noisy(0.02), **P99_RATIO)["fault"].verdict is Verdict.FAIL
    absolute: dict[str, Any] = {"sli": "latency", "quantile": 0.99, "at_most": 0.05}
    assert results(slow, noisy(0.1), **absolute)["fault"].verdict is Verdict.UNKNOWN
    assert results(slow, noisy(0.02), **absolute)["fault"].verdict is Verdict.FAIL
    assert results(slow, Samples.of([]), **P99_RATIO)["fault"].verdict is Verdict.FAIL


def test_a_noisy_baseline_does_not_hide_a_failure() -> None:
    # Half of the baseline's latency is the harness's own: without it, twice as slow is four times as slow.
    slow = traffic(fault=2)
    cells = [(slot, 0, int(buckets_of(np.array(0.011))), 5) for slot in range(100)]
    masked = Samples.joined([NULL.where(NULL.slot >= 100), Samples.of(cells)])
    found = results(slow, masked, **P99_RATIO)["fault"]

    assert found.verdict is Verdict.UNKNOWN
    assert "slow in the baseline" in found.reason
    assert results(slow, NULL, **P99_RATIO)["fault"].verdict is Verdict.PASS


def test_noise_is_no_excuse_for_requests_that_failed() -> None:
    found = results(traffic(failing=0.3), noisy(0.1), sli="availability", at_least=0.99)

    assert found["fault"].verdict is Verdict.FAIL


def test_requests_that_never_completed_are_failures() -> None:
    samples = Samples.joined([traffic(), Samples.of([(150, Outcome.TIMEOUT, LOST, 40)])])
    found = results(samples, sli="availability", at_least=0.99)["fault"]

    assert found.verdict is Verdict.FAIL
    assert found.n == 1040
    assert found.reason.endswith("40 never completed")


def test_a_check_that_crashes_is_unknown_with_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_arguments: object) -> None:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr(statistics, "ratio", crash)
    found = results(traffic(), **P99_RATIO)["fault"]

    assert found.verdict is Verdict.UNKNOWN
    assert "of all things" in found.reason


@pytest.mark.parametrize("broken", ["proportion", "interval", "ratio"])
def test_a_crash_of_one_objective_leaves_the_others_judged(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = probe(**P99_RATIO).model_copy(
        update={
            "objectives": tuple(
                probe(**objective).objectives[0]
                for objective in (
                    P99_RATIO,
                    {"sli": "availability", "at_least": 0.9},
                    {"sli": "throughput", "at_least": 1},
                )
            )
        }
    )
    monkeypatch.setattr(statistics, broken, None)
    verdicts = [r.verdict for r in judge(document, traffic(), WINDOWS, NULL) if r.phase == "fault"]

    assert sorted(verdicts) == [Verdict.PASS, Verdict.PASS, Verdict.UNKNOWN]


def test_the_same_seed_yields_the_same_intervals() -> None:
    samples = traffic(fault=3)

    assert results(samples, **P99_RATIO) == results(samples, **P99_RATIO)


cells = st.lists(
    st.tuples(st.integers(0, 299), st.integers(0, 7), st.integers(0, LOST), st.integers(1, 500)), max_size=12
)


@settings(max_examples=40, deadline=None)
@given(cells)
def test_whatever_was_measured_nothing_is_reported_that_json_cannot_hold(
    found: list[tuple[int, int, int, int]],
) -> None:
    objectives: tuple[dict[str, Any], ...] = (
        P99_RATIO,
        {"sli": "correctness", "at_least_ratio": 0.5},
        {"sli": "throughput", "at_least": 1},
    )
    for objective in objectives:
        for result in results(Samples.of(found), **objective).values():
            assert "please report" not in result.reason
            numbers = [x for x in (result.estimate, result.low, result.high) if x is not None]
            assert np.isfinite(numbers).all()
            assert len(numbers) in (0, 3)
            assert numbers or result.verdict is Verdict.UNKNOWN


verdicts = st.sampled_from(Verdict)


@given(st.lists(verdicts), st.lists(verdicts))
def test_verdicts_merge_by_priority(left: list[Verdict], right: list[Verdict]) -> None:
    both = worst([*left, *right])

    assert both is worst([*right, *left])
    assert (both is Verdict.FAIL) == (Verdict.FAIL in {*left, *right})
    assert (both is Verdict.PASS) == ({*left, *right} == {Verdict.PASS})
    if left and right:
        assert both is worst([worst(left), worst(right)])
