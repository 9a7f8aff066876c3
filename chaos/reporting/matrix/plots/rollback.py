"""I: the state before and after each operation that cannot be satisfied, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chaos.reporting.matrix.plots.base import Picture, Table, bare, rested
from chaos.reporting.words import NOTHING

__all__ = ["draw"]

States = Mapping[str, Sequence[int | None]]


def draw(data: Mapping[str, Any]) -> list[Picture]:
    """From what :class:`chaos.properties.rollback.Rollback` shows."""
    found: list[Picture] = [
        Table(
            "State before and after",
            "Of each model that changed: workers asked for, ready, and processes that live. What cannot be satisfied "
            "must leave it as it was.",
            ("What was asked", "Answer", "State", "At rest after", "What is wrong"),
            tuple((bool(case["wrong"]), _row(case)) for case in data["cases"]),
        )
    ]
    if data["loads"]:
        rows = tuple(
            (bool(one["lost"]), (load, str(one["n"]), str(one["lost"])))
            for load, one in data["loads"].items()
        )
        found.append(
            Table(
                "Who was served meanwhile",
                "No request of others may be lost.",
                ("Load", "Requests", "Lost"),
                rows,
            )
        )
    if data["skipped"]:
        skipped = tuple((False, (one["case"], one["reason"])) for one in data["skipped"])
        found.append(Table("What could not be tried", "On this target.", ("Case", "Reason"), skipped))
    return found


def _row(case: Mapping[str, Any]) -> tuple[str, ...]:
    answers = [
        f"{status or 'none'}: {words}" for status, words in zip(case["status"], case["words"], strict=True)
    ]
    return (
        f"{case['name']}: {case['asked']}",
        "; ".join(answers) or NOTHING,
        _changed(case["before"], case["after"]),
        rested(case["rest"]),
        "; ".join(case["wrong"]) or NOTHING,
    )


def _changed(before: States, after: States) -> str:
    changed = [
        f"{bare(model)}: {_state(before.get(model))} \N{RIGHTWARDS ARROW} {_state(after.get(model))}"
        for model in dict.fromkeys((*before, *after))
        if before.get(model) != after.get(model)
    ]
    same = sum(before[model] == after.get(model) for model in before)
    return "; ".join([*changed, f"{same} models as before"])


def _state(numbers: Sequence[int | None] | None) -> str:
    if numbers is None:
        return "not there"
    return "/".join("?" if number is None else str(number) for number in numbers)
