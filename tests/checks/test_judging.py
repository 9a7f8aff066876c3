"""Checks are read from the run event, judged in its order, and never crash the analysis or pass by accident."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from chaos.checks.documents import CheckDocument
from chaos.checks.evidence import Evidence
from chaos.checks.judging import judge_checks
from chaos.checks.results import CheckResult
from chaos.checks.survivors import Survivors
from chaos.errors import RunDirectoryError
from chaos.history import Event
from chaos.recording import record
from chaos.sla.results import Verdict
from tests.checks.stories import model, probe, run, state

ADAPTER: TypeAdapter[CheckDocument] = TypeAdapter(CheckDocument)
ALL: list[dict[str, Any]] = [
    {"check": "end_state", "model": "iris", "workers": 3},
    {"check": "reconnects"},
    {"check": "executed_once"},
    {"check": "oom", "model": "hungry"},
    {"check": "spared", "probe": "victim"},
    {"check": "survivors"},
]


def judge(*events: Event) -> tuple[CheckResult, ...]:
    return judge_checks(events, record(list(events)))


def test_every_check_is_judged_in_order_and_an_empty_history_proves_none() -> None:
    results = judge(run(probe(), checks=ALL))

    assert [result.name.split()[0] for result in results] == [check["check"] for check in ALL]
    assert {result.verdict for result in results} == {Verdict.UNKNOWN}
    assert all(result.reason for result in results)


def test_a_run_without_checks_has_none() -> None:
    first = run(probe())
    del first["checks"]

    assert judge(first) == ()


@pytest.mark.parametrize(
    "document",
    [
        {"check": "end_state", "model": "iris"},
        {"check": "end_state", "model": "iris", "workers": -1},
        {"check": "reconnects", "within": 0},
        {"check": "reconnects", "link": "cable"},
        {"check": "executed_once", "model": "iris"},
        {"check": "spared", "probe": "victim", "at_most": -1},
        {"check": "weather"},
        {},
    ],
)
def test_a_document_that_means_nothing_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(document)
    with pytest.raises(RunDirectoryError, match=r"checks\.0"):
        judge(run(probe(), checks=[document]))


def test_a_document_survives_its_way_through_the_history() -> None:
    for document in ALL:
        check = ADAPTER.validate_python(document)
        assert ADAPTER.validate_python(check.model_dump(mode="json")) == check


@pytest.mark.parametrize(
    "event",
    [
        {"kind": "state", "at": 1001.0, "models": {"iris": {}}},
        {"kind": "state", "at": 1001.0, "links": [{"name": "manager"}]},
        {"kind": "evidence", "at": 1001.0},
        {"kind": "errors", "at": 1001.0},
    ],
)
def test_evidence_that_is_none_is_refused_in_one_line(event: Event) -> None:
    with pytest.raises(RunDirectoryError, match="cannot be understood"):
        judge(run(probe(), checks=ALL), event)


def test_a_check_that_crashes_knows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: Survivors, _evidence: Evidence) -> CheckResult:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(Survivors, "judge", broken)
    (result,) = judge(run(probe(), checks=ALL[-1:]), state(5, iris=model(1, [1])))

    assert result.verdict is Verdict.UNKNOWN
    assert "was not judged: ZeroDivisionError" in result.reason
