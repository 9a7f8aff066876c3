"""Coverage as tables: every operation has a row, and what was never reached is a zero, not a gap."""

from __future__ import annotations

from chaos.operations.coverage import Coverage
from chaos.reporting.verify.summary import summarise
from chaos.reporting.verify.tables import circumstances, states
from tests.reporting.verify.searches import passing

COVERAGE = summarise(passing()).coverage


def test_by_state() -> None:
    table = states(COVERAGE)
    by = dict(table.rows)

    assert list(by) == ["register", "unregister", "infer", "describe", "list", "scale"]
    assert [heat.times for heat in by["register"]] == [12, 0, 4, 0, 0, None]
    assert [heat.times for heat in by["list"]] == [None] * 5 + [4]
    assert by["infer"][3].share == 1.0, "the most of all"
    assert 0 < (by["list"][5].share or 0) < (by["register"][0].share or 0) < 1
    assert (table.reached, table.possible) == (6, 26)
    assert len(table.heads) == 6


def test_by_circumstances() -> None:
    table = circumstances(COVERAGE)
    by = dict(table.rows)

    assert table.heads == ("alone", "beside", "none", "process", "ok", "fail", "info")
    assert [heat.times for heat in by["scale"]] == [8, 4, 8, 4, 8, 0, 4]
    assert sum(width for _, width in table.groups) == len(table.heads)
    assert by["infer"][1].share == by["infer"][3].share == by["infer"][4].share == 1.0, "each group by itself"


def test_nothing_was_reached() -> None:
    assert states(Coverage()).reached == circumstances(Coverage()).reached == 0
