"""How the measurement of a cell ends: measured, not applicable, or broken, and never without its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import anyio
import pytest

from chaos.cells.bench import Bench
from chaos.cells.measuring import PROCEDURES, measure, settings_of
from chaos.errors import CapabilityError, ChaosError
from chaos.properties.record import records
from chaos.targets.testing import FakeTarget


class _Procedure:
    code = "E"
    defaults: Mapping[str, float] = {"users": 3.0}

    def __init__(self, error: Exception | None = None, together: bool = False) -> None:
        self.error, self.together = error, together

    async def measure(self, bench: Bench, apis: Sequence[str]) -> None:
        bench.note("measured", apis=list(apis), users=bench.settings["users"])
        async with anyio.create_task_group():
            if self.error is not None:
                raise self.error


async def _measured(
    monkeypatch: pytest.MonkeyPatch, procedure: _Procedure, **given: float
) -> list[dict[str, Any]]:
    monkeypatch.setitem(PROCEDURES, "E", procedure)
    events: list[dict[str, Any]] = []

    def emit(kind: str, at: float | None = None, **values: object) -> None:
        events.append({"kind": kind, "at": at or anyio.current_time(), **values})

    await measure(FakeTarget(), "E", ["health", "list"], 5, emit, given)
    return events


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        (None, "measured", ""),
        (CapabilityError("it cannot scale"), "not applicable", "it cannot scale"),
        (ChaosError("its worker died"), "broken", "its worker died"),
        (KeyError("x"), "broken", "its measurement crashed: KeyError('x') (please report this)"),
    ],
)
async def test_its_outcome(
    error: Exception | None, outcome: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of errors that come out of task groups."""
    found = records(await _measured(monkeypatch, _Procedure(error)))
    assert [(record.api, record.outcome, record.reason) for record in found] == [
        ("health", outcome, reason),
        ("list", outcome, reason),
    ]
    assert all(record.settings == {"users": 3.0} and record.seed == 5 for record in found)


@pytest.mark.anyio
async def test_apis_that_can_be_measured_together_are(monkeypatch: pytest.MonkeyPatch) -> None:
    found = records(await _measured(monkeypatch, _Procedure(together=True), users=7.0))
    assert [record.api for record in found] == ["health", "list"]
    assert found[0].events == found[1].events
    assert [note["apis"] for note in found[0].notes("measured")] == [["health", "list"]]
    assert found[0].notes("measured")[0]["users"] == 7.0


@pytest.mark.anyio
async def test_one_that_is_cancelled_is_broken_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[dict[str, Any]] = []

    class Endless(_Procedure):
        async def measure(self, bench: Bench, apis: Sequence[str]) -> None:
            await anyio.sleep_forever()

    monkeypatch.setitem(PROCEDURES, "E", Endless())
    with anyio.move_on_after(0.8):
        await measure(
            FakeTarget(), "E", ["health"], 1, lambda kind, **values: events.append({"kind": kind, **values})
        )
    assert events[0]["event"] == "begin"
    assert (events[-1]["event"], events[-1]["outcome"]) == ("end", "broken")


def test_a_setting_that_there_is_not_is_named() -> None:
    with pytest.raises(ChaosError, match=r"property E has no setting 'sers' \(it has: workers, "):
        settings_of("E", {"sers": 1.0})
