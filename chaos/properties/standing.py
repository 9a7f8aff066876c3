"""What stands on a target, and in what two of such states differ: what it lists and describes, and what runs (D12).

A state is plain JSON: ``listed`` (names, sorted), ``models`` (by name: ``desired``, ``workers`` that are ready, their
``pids``, and processes ``alive``, null where nobody can count them), ``strays`` (replica processes of no model that is
listed, or null), ``error`` (what could not be read).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["ACCOUNTS", "State", "as_asked", "differences", "in_short"]

State = Mapping[str, Any]

SHOWN = 3

ACCOUNTS = {"desired": "workers asked for", "workers": "workers ready", "alive": "processes"}


def differences(before: State, after: State, but: str = "") -> list[str]:
    """What is not as it was, in words; the model ``but`` is passed over."""
    return [*_differences(before, after, but)]


def as_asked(before: State, after: State, model: str, workers: int) -> list[str]:
    """What is not as it is if the model has exactly so many workers, or is gone with 0, and nothing else changed."""
    left = [f"model '{model}' is still listed"] if model in after["listed"] else []
    return [*(_accounts(after, model, workers) if workers else left), *differences(before, after, model)]


def in_short(wrong: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = f", and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
    return "; ".join(wrong[:SHOWN]) + more


def _differences(before: State, after: State, but: str) -> Iterator[str]:
    if after["error"]:
        yield f"what there is could not be read: {after['error']}"
        return
    had, has = set(before["listed"]) - {but}, set(after["listed"]) - {but}
    for name in sorted(had - has):
        yield f"model '{name}' is no longer listed"
    for name in sorted(has - had):
        yield f"model '{name}' is listed, and was not"
    for name in sorted(had & has):
        yield from _model(name, before["models"].get(name), after["models"].get(name))
    more = (after["strays"] or 0) - (before["strays"] or 0)
    if more > 0:
        yield f"{more} more {'process' if more == 1 else 'processes'} of no model that is listed"


def _model(name: str, before: State | None, after: State | None) -> Iterator[str]:
    if before is None or after is None:
        yield f"model '{name}' is listed, but not described"
        return
    for key, what in ACCOUNTS.items():
        if before[key] != after[key] and None not in (before[key], after[key]):
            yield f"model '{name}' has {after[key]} {what}, and had {before[key]}"
    ended = set(before["pids"]) - set(after["pids"])
    if ended and len(after["pids"]) >= len(before["pids"]):
        yield f"model '{name}' has other processes: {len(ended)} of {len(before['pids'])} were ended, and started anew"


def _accounts(state: State, model: str, workers: int) -> Iterator[str]:
    if state["error"]:
        yield f"what there is could not be read: {state['error']}"
        return
    if model not in state["listed"]:
        yield f"model '{model}' is not listed"
    described = state["models"].get(model)
    if described is None:
        yield f"model '{model}' is not described"
        return
    for key, what in ACCOUNTS.items():
        if described[key] not in (workers, None):
            yield f"model '{model}' has {described[key]} {what}, wanted {workers}"
    if described["pids"] and len(described["pids"]) != workers:
        yield f"model '{model}' has {len(described['pids'])} pids, wanted {workers}"
