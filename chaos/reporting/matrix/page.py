"""report.html of a matrix: the board, and below it each cell with its numbers and its plot; one file, no network.

A cell on the board is a link to its section, which opens; plots are drawn when they are first seen.
"""

from __future__ import annotations

from chaos.properties.base import CellResult
from chaos.properties.table import APIS, CODES, Cell
from chaos.reporting.html import environment
from chaos.reporting.matrix.plots import plots_of
from chaos.reporting.matrix.plots.base import Plot
from chaos.reporting.matrix.summary import MatrixSummary, verdict_said
from chaos.reporting.matrix.words import SIGN, headline
from chaos.reporting.words import SYMBOL, instant, measured, measured_range, span

__all__ = ["render_page"]

HEADLINES = {
    "pass": "Every cell holds",
    "fail": "Not every cell holds",
    "unknown": "Some cells cannot be told",
}


def render_page(summary: MatrixSummary) -> str:
    """The whole page."""
    plots = {_id(cell): plots_of(cell) for cell in summary.cells}
    figures = {
        f"{name}-{index}": plot.figure
        for name, found in plots.items()
        for index, plot in enumerate(found)
        if isinstance(plot, Plot)
    }
    return (
        environment()
        .get_template("matrix.html.j2")
        .render(
            summary=summary,
            title=HEADLINES[summary.verdict.value],
            facts=_facts(summary),
            apis=APIS,
            codes=CODES,
            by={Cell(cell.api, cell.code): cell for cell in summary.cells},
            Cell=Cell,
            id=_id,
            verdict=verdict_said,
            said=headline,
            sign=SIGN,
            plots=plots,
            figures=figures,
            number=measured,
            range=measured_range,
            counts=_counts(summary),
            symbols=SYMBOL,
        )
    )


def _id(cell: CellResult) -> str:
    return f"cell-{cell.api}-{cell.code}"


def _facts(summary: MatrixSummary) -> list[tuple[str, str]]:
    given = [
        f"{code}.{name} = {value:g}" for code, of in summary.settings.items() for name, value in of.items()
    ]
    found = [
        ("Target", summary.target),
        ("Seed", str(summary.seed)),
        ("Defects", ", ".join(summary.defects) or "none"),
        ("Duration", span(round(summary.seconds, 1))),
        ("Date", instant(summary.wall)),
    ]
    return [*found, ("Settings", ", ".join(given))] if given else found


def _counts(summary: MatrixSummary) -> list[tuple[str, int]]:
    """How many cells are how, those that there are."""
    verdicts = [verdict_said(cell) for cell in summary.cells]
    return [(verdict, verdicts.count(verdict)) for verdict in SIGN if verdict in verdicts]
