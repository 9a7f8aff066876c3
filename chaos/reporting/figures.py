"""The plots of a report, as plotly figures in plain data: traces and layout, colours by name of a CSS property.

The page's script looks the colours up, so one figure serves light, dark and print. Texts that others
chose are escaped, because plotly reads a few HTML tags in them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from chaos.reporting.axes import Figure, css, escaped, headroom, layout_of, note, trace_of
from chaos.reporting.series import KINDS, UNANSWERED, Line, ProbeSeries, Series
from chaos.reporting.words import span

__all__ = ["Figure", "figures_of", "latency_figure", "rate_figure", "resource_figure"]

OK = KINDS[0]
LOOKS = {
    OK: ("--ok", "circle"),
    "refused": ("--refused", "x"),
    "reset": ("--reset", "triangle-down"),
    "timeout": ("--timeout", "diamond"),
    "truncated": ("--truncated", "square"),
    "HTTP 4xx": ("--http4", "cross"),
    "HTTP 5xx": ("--http5", "triangle-up"),
    "wrong answer": ("--wrong", "star"),
    UNANSWERED: ("--unanswered", "hourglass"),
}
"""Colour and symbol of each way a request can end: the sign alone tells them apart."""

FAR = 100.0

RESOURCES = {
    "cpu": ("Processor", "cores", 1.0),
    "rss": ("Memory (RSS)", "MiB", 2.0**20),
    "processes": ("Processes", "processes", 1.0),
    "fds": ("File descriptors", "descriptors", 1.0),
    "threads": ("Threads", "threads", 1.0),
}


def figures_of(series: Series, limits: dict[str, list[tuple[str, float]]]) -> dict[str, Figure]:
    """All figures of a report, by the id of the element that shows them.

    :param limits: for each probe the names and values (seconds) of its absolute latency limits
    """
    found: dict[str, Figure] = {}
    for index, probe in enumerate(series.probes):
        found[f"latency-{index}"] = latency_figure(series, probe, limits.get(probe.name, []))
        found[f"rate-{index}"] = rate_figure(series, probe)
    for line in series.resources:
        found[f"resource-{line.name}"] = resource_figure(series, line)
    return found


def latency_figure(series: Series, probe: ProbeSeries, limits: Sequence[tuple[str, float]]) -> Figure:
    """Latency over time on a log axis: raw points by kind, p50 and p99, the noise floor, the limits."""
    traces: list[Figure] = []
    for points in probe.points:
        colour, symbol = LOOKS[points.kind]
        size = [
            round(min(4.0 + 1.2 * math.log2(count), 11.0) + 3.0 * (points.kind != OK), 1)
            for count in points.count
        ]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": points.kind,
                "x": points.at,
                "y": points.seconds,
                "customdata": [
                    [span(value), count] for value, count in zip(points.seconds, points.count, strict=True)
                ],
                "marker": {"color": css(colour), "symbol": symbol, "size": size, "line": {"width": 0}},
                "opacity": 0.5 if points.kind == OK else 0.9,
                "hovertemplate": f"{points.kind}<br>%{{x:.1f}} s: %{{customdata[0]}}<br>"
                "requests: %{customdata[1]}<extra></extra>",
            }
        )
    traces += [
        trace_of(probe.p50, "p50", "--p50", "solid", 2.0),
        trace_of(probe.p99, "p99", "--p99", "solid", 2.5),
    ]
    traces += [
        trace_of(line, f"noise floor {line.name}", "--noise", "dot", 1.5) for line in series.noise[-1:]
    ]
    layout = layout_of(series, "latency")
    values = _values(probe, series)
    # A limit far above all that was measured would squeeze it into a line.
    values += [value for _name, value in limits if values and value <= FAR * max(values)]
    layout["yaxis"] |= {"type": "log", **_log_ticks(values, headroom(series))}
    for name, value in limits:
        where = {"xref": "paper", "yref": "y", "y0": value, "y1": value}
        dash = {"color": css("--limit"), "width": 1.5, "dash": "dash"}
        layout["shapes"].append({"type": "line", "x0": 0, "x1": 1, "line": dash, **where})
        # Annotations of a log axis are placed by exponent, shapes by value.
        place = {"xref": "paper", "yref": "y", "x": 0.004, "y": math.log10(value)}
        layout["annotations"].append(
            note(
                f"{escaped(name)}: limit {span(value)}",
                "--limit",
                xanchor="left",
                yanchor="bottom",
                **place,
            )
        )
    return {"data": traces, "layout": layout}


def rate_figure(series: Series, probe: ProbeSeries) -> Figure:
    """Requests per second when they were due, stacked by how they ended."""
    traces: list[Figure] = [
        {
            "type": "bar",
            "name": line.name,
            "x": line.at,
            "y": line.values,
            "width": series.bin_seconds,
            "marker": {"color": css(LOOKS[line.name][0]), "line": {"width": 0}},
            "opacity": 0.6 if line.name == OK else 1.0,
            "hovertemplate": f"{line.name}: %{{y:.1f}}/s<extra></extra>",
        }
        for line in probe.rates
    ]
    layout = layout_of(series, "requests per second", lanes=1) | {"barmode": "stack", "bargap": 0}
    highest = max(
        (
            sum(value or 0.0 for value in step)
            for step in zip(*(line.values for line in probe.rates), strict=True)
        ),
        default=1.0,
    )
    layout["yaxis"] |= {"range": [0, round(highest / (0.9 - headroom(series, 1)), 2)]}
    layout["legend"] |= {"y": -0.42, "traceorder": "normal"}
    return {"data": traces, "layout": layout}


def resource_figure(series: Series, line: Line) -> Figure:
    """One resource of the target over time."""
    _title, unit, scale = RESOURCES[line.name]
    scaled = Line(line.name, line.at, [None if value is None else value / scale for value in line.values])
    trace = trace_of(scaled, unit, "--p50", "solid", 2.0)
    trace |= {
        "fill": "tozeroy",
        "fillcolor": css("--area"),
        "hovertemplate": f"%{{y:.4~g}} {unit}<extra></extra>",
    }
    layout = layout_of(series, unit, labelled=False)
    layout["yaxis"] |= {"rangemode": "tozero", "nticks": 4}
    layout |= {"showlegend": False, "margin": {"l": 56, "r": 8, "t": 6, "b": 40}}
    return {"data": [trace], "layout": layout}


def _log_ticks(values: list[float], room: float) -> Figure:
    """A tick at each power of ten, with its unit, and a range that holds all values below that share of room."""
    low = math.floor(math.log10(min(values)) * 2) / 2 if values else -4.0
    high = math.log10(max(values)) + 0.1 if values else 0.0
    high = low + (high - low) / (1 - room)
    decades = range(math.floor(low), math.ceil(high) + 1)
    return {
        "range": [round(low, 2), round(high, 2)],
        "tickvals": [10.0**decade for decade in decades],
        "ticktext": [span(10.0**decade) for decade in decades],
    }


def _values(probe: ProbeSeries, series: Series) -> list[float]:
    lines = (probe.p50, probe.p99, *series.noise[-1:])
    found = [value for points in probe.points for value in points.seconds]
    return found + [value for line in lines for value in line.values if value is not None]
