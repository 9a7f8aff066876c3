"""What checks judge by is the run's own: a measured cell that looks at the target does so for itself."""

from __future__ import annotations

from typing import Any

from chaos.checks.evidence import gather
from chaos.history import Event
from chaos.recording import record
from tests.checks.stories import START, model, run, state


def cell(at: float, event: str, **values: Any) -> Event:
    """The beginning or the end of a cell."""
    return {"kind": "cell", "at": START + at, "event": event, "code": "J", "apis": ["scale"], **values}


def test_what_a_cell_looked_at_is_no_evidence_for_checks() -> None:
    events = [
        run(),
        state(1, iris=model(2, [1, 2])),
        cell(2, "begin", seed=1, settings={}),
        state(3, iris=model(5, [])),
        cell(4, "end", outcome="measured", reason=""),
        state(5, iris=model(2, [1, 2])),
    ]

    seen = gather(events, record(events)).states_of("iris")

    assert [at - START for at, _ in seen] == [1, 5]
