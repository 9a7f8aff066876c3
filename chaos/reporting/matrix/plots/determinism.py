"""A: residuals of bursts, or the times of one operation that was repeated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaos.reporting.matrix.plots.base import Picture, Plot, figure, level, line, points, thinned

__all__ = ["draw"]


def draw(data: Mapping[str, Any]) -> list[Picture]:
    """From what :class:`chaos.properties.determinism.Determinism` shows."""
    return _residuals(data) if data["kind"] == "residuals" else [_repeated(data)]


def _residuals(data: Mapping[str, Any]) -> list[Picture]:
    predicted, completed, residual = thinned(data["predicted"], data["completed"], data["residual"])
    predicted = [1e3 * value for value in predicted]
    completed = [1e3 * value for value in completed]
    top = 1.05 * max([*predicted, *completed], default=1.0)
    many = f"{data['workers']} workers" + (f", batches of {data['batch']}" if data["batch"] > 1 else "")
    hover = "predicted %{x:.1f} ms<br>%{y:.4~g}<extra></extra>"
    return [
        Plot(
            "Residuals",
            f"How far each request of a burst was from its place in the order, in times of a single one, with {many}. "
            "A right server leaves a flat cloud around zero.",
            figure(
                [points(predicted, residual, "request", "--ok", hovertemplate=hover)],
                "predicted completion (ms)",
                "residual (service times)",
                shapes=[level(0.0, "--axis", dash="solid")],
            ),
        ),
        Plot(
            "Completion against prediction",
            "The i-th request of a burst is to complete after as many service times as rounds of the workers precede "
            "it; the line is where both agree.",
            figure(
                [
                    line(
                        [0, top],
                        [0, top],
                        "as predicted",
                        "--limit",
                        width=1.5,
                        dash="dash",
                        hoverinfo="skip",
                    ),
                    points(predicted, completed, "request", "--ok", hovertemplate=hover),
                ],
                "predicted completion (ms)",
                "completed after (ms)",
            ),
        ),
    ]


def _repeated(data: Mapping[str, Any]) -> Picture:
    at, seconds = thinned(data["at"], data["seconds"])
    median, tail = 1e3 * data["median"], 1e3 * data["tail"]
    ends = [min(at, default=0.0), max(at, default=1.0)]
    return Plot(
        "The same operation, again and again",
        "How long each took; the lines are the median and the 95th percentile of all.",
        figure(
            [
                points(
                    at, [1e3 * value for value in seconds], "one operation", "--ok",
                    hovertemplate="%{x:.1f} s: %{y:.2f} ms<extra></extra>",
                ),
                line(ends, [median, median], "median", "--p50"),
                line(ends, [tail, tail], "95th percentile", "--p99", dash="dash"),
            ],
            "seconds since the first",
            "milliseconds",
            yaxis={"rangemode": "tozero"},
        ),
    )  # fmt: skip
