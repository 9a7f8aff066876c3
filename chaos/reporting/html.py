"""report.html: one file that holds everything, asks no network for anything, and reads well in light and dark.

The page is a jinja2 template with autoescaping; figures go in as JSON and are drawn in the browser by the
copy of plotly.js that comes with plotly. A content security policy forbids the page to load anything.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from chaos.analysis import Summary
from chaos.history import Event
from chaos.operations.checks.judging import judge
from chaos.recording import record
from chaos.reporting.figures import RESOURCES, figures_of
from chaos.reporting.series import KINDS, make_series
from chaos.reporting.states import make_states, state_figures
from chaos.reporting.verify.lanes import lanes_figure
from chaos.reporting.whisker import whiskers
from chaos.reporting.words import (
    HEADLINE,
    NOTHING,
    PHASES,
    SYMBOL,
    ended,
    facts,
    interval,
    limit,
    measured,
    measured_range,
    quantity,
    rows,
    sentence,
    span,
)
from chaos.sla.results import Verdict

__all__ = ["environment", "render_html"]


def render_html(events: Sequence[Event], summary: Summary) -> str:
    """The whole page.

    :raises RunDirectoryError: if the history cannot be understood
    """
    series = make_series(events, summary)
    states = make_states(events, summary.start)
    program = record(list(events)).program
    picture = lanes_figure(program, judge(program)) if program is not None else None
    limits: dict[str, list[tuple[str, float]]] = {}
    for result in summary.objectives:
        entry = (result.objective, result.limit)
        if result.unit == "s" and entry not in limits.setdefault(result.probe, []):
            limits[result.probe].append(entry)
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            summary=summary,
            series=series,
            states=states,
            figures=figures_of(series, limits)
            | state_figures(series, states)
            | ({"program": picture} if picture is not None else {}),
            colours={shade.id: shade.colour for shade in series.faults},
            rows=[(*row, whiskers(row[3].values())) for row in rows(summary.objectives)],
            broken=[result for result in summary.objectives if result.verdict is not Verdict.PASS],
            operations=[event for event in events if event["kind"] == "operation"],
            run=json.dumps(next(iter(events), {}), indent=2, ensure_ascii=False),
            facts=facts(summary),
            kinds=KINDS,
            phases=PHASES,
            resources=RESOURCES,
        )
    )


@cache
def environment() -> Environment:
    """How pages are made: their templates, what these call, and the copy of plotly.js."""
    made = Environment(
        loader=PackageLoader("chaos.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        headline=HEADLINE,
        symbol=SYMBOL,
        nothing=NOTHING,
        plotly=_plotly,
        span=span,
        quantity=quantity,
        interval=interval,
        limit=limit,
        measured=measured,
        measured_range=measured_range,
        ended=ended,
        sentence=sentence,
        source=_source,
        pass_=Verdict.PASS,
        fail=Verdict.FAIL,
        unknown=Verdict.UNKNOWN,
    )
    return made


@cache
def _plotly() -> str:
    """plotly.js, as it can stand inside a script element."""
    return str(get_plotlyjs()).replace("</script", "<\\/script")


def _source(name: str) -> str:
    """Our own style sheet or script, to be set into the page."""
    made = environment()
    assert made.loader is not None  # noqa: S101
    return made.loader.get_source(made, name)[0]
