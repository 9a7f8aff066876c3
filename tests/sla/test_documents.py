"""Probe files that contradict themselves are refused, with what to write instead."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from chaos.properties.table import APIS
from chaos.sla.documents import Objective, ProbeApi, ProbeDocument, Schedule


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


def probe(**fields: Any) -> ProbeDocument:
    """A probe with these fields and what any needs."""
    rest = {"name": "p", "schedule": {"rate": 5}, "objectives": [{"sli": "availability", "at_least": 0.9}]}
    return ProbeDocument.model_validate({**rest, **fields})


def test_a_probe_can_call_every_api_of_the_table() -> None:
    assert set(get_args(ProbeApi)) == set(APIS)


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "m", "payload": {}},
        {"model": "m", "payload": None},
        {"api": "handlers", "model": "m", "payload": 1},
        {"api": "batch_inference", "model": "m", "payload": 1, "expect_status": [200]},
        {"api": "register", "model": "m", "package": "sleep", "expect_status": [409]},
        {"api": "unregister", "model": "m", "expect_status": [404, 410]},
        {"api": "scale", "model": "m", "workers": 0},
        {"api": "describe", "model": "m"},
        {"api": "health"},
        {"api": "list"},
        {"api": "api_description"},
    ],
)
def test_a_probe_with_what_its_api_needs(fields: dict[str, Any]) -> None:
    found = probe(**fields)

    assert ProbeDocument.model_validate(found.model_dump(by_alias=True, exclude_unset=True)) == found


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"payload": 1}, "'inference' needs 'model'"),
        ({"model": "m"}, "'inference' needs 'payload'"),
        ({"model": "m", "payload": 1, "workers": 2}, "takes no 'workers'"),
        ({"api": "health", "payload": 1}, "'health' takes no 'payload'"),
        ({"api": "list", "model": "m"}, "'list' takes no 'model'"),
        ({"api": "describe"}, "'describe' needs 'model'"),
        ({"api": "scale", "model": "m"}, "'scale' needs 'workers'"),
        ({"api": "register", "model": "m", "expect_status": [409]}, "'register' needs 'package'"),
        ({"api": "register", "model": "m", "package": "p"}, "has to be refused"),
        ({"api": "register", "model": "m", "package": "p", "expect_status": [200, 409]}, "has to be refused"),
        ({"api": "unregister", "model": "m", "expect_status": [200]}, "has to be refused"),
        ({"api": "health", "expect_status": [99]}, "greater than or equal to 200"),
        ({"api": "helth"}, "Input should be"),
    ],
)
def test_a_probe_that_does_not_fit_its_api(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        probe(**fields)
