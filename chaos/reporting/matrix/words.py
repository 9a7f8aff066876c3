"""How a cell's verdict is said and shown, the same on the terminal, in the page and in tables."""

from __future__ import annotations

from chaos.reporting.matrix.summary import NOT_APPLICABLE
from chaos.reporting.words import SYMBOL
from chaos.sla.results import Verdict

__all__ = ["SIGN", "STYLE", "headline"]

SIGN = {verdict.value: SYMBOL[verdict] for verdict in Verdict} | {NOT_APPLICABLE: "\N{EN DASH}"}
STYLE = {
    Verdict.PASS.value: "green",
    Verdict.FAIL.value: "bold red",
    Verdict.UNKNOWN.value: "bold yellow",
    NOT_APPLICABLE: "dim",
}
"""Of rich, in the order in which verdicts are counted."""


def headline(verdict: str) -> str:
    """A verdict in the words of a reader."""
    return {"not_applicable": "not applicable"}.get(verdict, verdict)
