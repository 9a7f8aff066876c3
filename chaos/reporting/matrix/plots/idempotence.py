"""J: the state that each round of equal operations ended in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaos.reporting.matrix.plots.base import Picture, Table, bare, rested
from chaos.reporting.words import NOTHING, span

__all__ = ["draw"]

HEADS = (
    "Round",
    "Asked",
    "Wanted",
    "Described",
    "Processes",
    "Answers",
    "Started within",
    "At rest after",
    "What is wrong",
)
SORTS = {
    "alone": "once",
    "simultaneous": "at the same time",
    "sequence": "one after another",
    "lost": "with answers lost",
}


def draw(data: Mapping[str, Any]) -> list[Picture]:
    """From what :class:`chaos.properties.idempotence.Idempotence` shows."""
    return [
        Table(
            f"End states of {data['operation']}",
            "Each round asks for the same several times; described and running have to be what one would leave.",
            HEADS,
            tuple((bool(one["wrong"]), _row(one)) for one in data["rounds"]),
        )
    ]


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    answers = ", ".join(f"{count} with {status}" for status, count in one["answers"].items())
    lost = f", {one['lost']} lost on purpose" if one["lost"] else ""
    described = one["described"]
    strays = f" and {one['strays']} of no model" if one["strays"] else ""
    return (
        f"{one['round']}: {bare(one['model'])}",
        SORTS.get(one["sort"], one["sort"]),
        f"{one['wanted']} workers" if one["wanted"] else "gone",
        "not there" if described is None else f"{described[0]} asked for, {described[1]} ready",
        (NOTHING if one["processes"] is None else str(one["processes"])) + strays,
        (answers or NOTHING) + lost,
        span(one["spread"]),
        rested(one["rest"]),
        "; ".join(one["wrong"]) or NOTHING,
    )
