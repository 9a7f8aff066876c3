"""Every property replaced by the synthetic one, for tests of what runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.cells.measuring import PROCEDURES
from chaos.properties.judging import PROPERTIES
from chaos.properties.table import CODES
from chaos.session import house
from tests.matrix.synthetic import Synthetic, SyntheticProcedure


@pytest.fixture
def synthetic(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A directory to measure in, with ledgers of its own."""
    for code in CODES:
        monkeypatch.setitem(PROCEDURES, code, SyntheticProcedure(code, together=code == "B"))
        monkeypatch.setitem(PROPERTIES, code, Synthetic(code))
    monkeypatch.setattr(house, "CALM_SECONDS", 3.0)
    monkeypatch.setenv("CHAOS_LEDGER", str(tmp_path / "ledgers"))
    return tmp_path / "out"
