"""How a verification went on: programs that had run over time, and what the harness held in memory meanwhile."""

from __future__ import annotations

from chaos.reporting.axes import Figure
from chaos.reporting.matrix.plots.base import figure, line, thinned
from chaos.reporting.verify.summary import VerifySummary

__all__ = ["examples_figure", "memory_figure"]

SMALL: Figure = {"margin": {"l": 60, "r": 12, "t": 8, "b": 44}, "showlegend": False}


def examples_figure(summary: VerifySummary) -> Figure:
    """How many programs had run, by the time since the beginning."""
    at, number = thinned(
        [0.0, *(round(each.at, 3) for each in summary.examples)], [*range(len(summary.examples) + 1)]
    )
    trace = line(
        at, number, "programs", "--p50", shape="hv", hovertemplate="%{y} after %{x:.1f} s<extra></extra>"
    )
    return figure([trace], "seconds since the beginning", "programs", yaxis={"rangemode": "tozero"}, **SMALL)


def memory_figure(summary: VerifySummary) -> Figure:
    """What the harness held, by how many programs had run."""
    examples, held = thinned(
        [each.examples for each in summary.memory], [round(each.rss / 2**20, 1) for each in summary.memory]
    )
    trace = line(
        examples,
        held,
        "memory",
        "--p50",
        mode="lines+markers",
        hovertemplate="%{y:.1f} MiB after %{x} programs<extra></extra>",
    )
    return figure([trace], "programs", "MiB", yaxis={"rangemode": "tozero"}, **SMALL)
