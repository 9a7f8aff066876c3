"""Probe files that contradict themselves are refused, with what to write instead."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from chaos.sla.documents import Objective, Schedule


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ({"arrival": "users"}, "needs 'users', at least 1"),
        ({"arrival": "constant"}, "needs a 'rate' above 0"),
        ({"arrival": "ramp", "to_rate": 5}, "needs 'ramp_seconds' above 0"),
        ({"arrival": "bursts", "rate": 5}, "Input should be"),
    ],
)
def test_a_schedule_without_what_it_needs(schedule: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Schedule.model_validate(schedule)


@pytest.mark.parametrize(
    "schedule",
    [{"rate": 5}, {"arrival": "users", "users": 2}, {"arrival": "ramp", "to_rate": 5, "ramp_seconds": 2}],
)
def test_a_schedule_with_it(schedule: dict[str, Any]) -> None:
    assert Schedule.model_validate(schedule)


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        ({"sli": "availability"}, "exactly one of"),
        ({"sli": "availability", "at_least": 0.9, "at_least_ratio": 0.9}, "exactly one of"),
        ({"sli": "latency", "at_most": 1}, "'quantile' goes with"),
        ({"sli": "throughput", "quantile": 0.5, "at_least": 1}, "'quantile' goes with"),
        ({"sli": "latency", "quantile": 0.5, "at_least": 1}, "has at_most"),
        ({"sli": "correctness", "at_most": 1}, "has at_least"),
        ({"sli": "availability", "at_least": 99}, "between 0 and 1"),
        (
            {"sli": "throughput", "at_least_ratio": 0.9, "phases": ["baseline"]},
            "cannot be judged in the baseline",
        ),
        ({"sli": "throughput", "at_least": 1, "phases": []}, "at least 1 item"),
        ({"sli": "throughput", "at_least": float("nan")}, "finite"),
        ({"sli": "latency", "quantile": 0.5, "at_most": float("inf")}, "finite"),
    ],
)
def test_an_objective_that_cannot_be_meant(objective: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Objective.model_validate(objective)


@pytest.mark.parametrize(
    ("objective", "name", "limit", "upper", "relative"),
    [
        ({"sli": "availability", "at_least": 0.9}, "availability", 0.9, False, False),
        ({"sli": "latency", "quantile": 0.999, "at_most": 2}, "p99.9 latency", 2.0, True, False),
        ({"sli": "latency", "quantile": 0.99, "at_most_ratio": 3}, "p99 latency ratio", 3.0, True, True),
        ({"sli": "throughput", "at_least_ratio": 0.9}, "throughput ratio", 0.9, False, True),
    ],
)
def test_what_an_objective_says_of_itself(
    objective: dict[str, Any], name: str, limit: float, upper: bool, relative: bool
) -> None:
    found = Objective.model_validate(objective)

    assert (found.name, found.limit, found.upper, found.relative) == (name, limit, upper, relative)
