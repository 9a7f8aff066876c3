"""What the picture of a program tells of a bar or a mark that is pointed at: lines of text, escaped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chaos.operations.checks.base import Violation
from chaos.operations.record import Done, Seen
from chaos.reporting.axes import escaped
from chaos.reporting.words import span

__all__ = ["after", "asked", "found", "stood"]

MOST = 300
"""Characters of a text that others chose."""
WIDTH = 80
"""Of a line, in characters."""

LOOKS = {"end": "at the end", "clean": "when all was unregistered"}


def after(at: float, zero: float) -> str:
    """An instant, as the time since the program began; both of the monotonic clock."""
    return span(round(at - zero, 6))


def asked(done: Done, zero: float) -> str:
    """An operation: what was asked and when, and what was answered."""
    words = (
        f"answered {done.status}"
        if done.status
        else "never sent"
        if done.outcome == "fail"
        else "not answered"
    )
    lines = [
        f"<b>{escaped(str(done))}</b>{' (asked again)' if done.again else ''}, at {after(done.start, zero)}",
        f"{words} after {span(done.end - done.start)}" + (", its answer let go of" if done.lost else ""),
    ]
    if isinstance(done.told, dict):
        told = ", ".join(f"{key} {value}" for key, value in done.told.items())
        lines.append(f"told: {escaped(told)}")
    elif done.told is not None:
        lines.append(f"told: {escaped(', '.join(map(str, done.told)) or 'none of the models')}")
    return "<br>".join([*lines, *_wrapped(done.detail)])


def found(violation: Violation) -> str:
    """What a check found."""
    return f"<b>✗ {escaped(violation.check)}</b>: {'<br>'.join(_wrapped(violation.words))}"


def stood(seen: Seen, zero: float, models: Mapping[str, str]) -> str:
    """What a look saw of the program's models.

    :param models: by their real names, those that the program has for them
    """
    where = LOOKS.get(seen.when, f"after step {seen.step + 1}")
    rest = "it did not come to rest" if seen.rest is None else f"at rest after {span(seen.rest)}"
    return "<br>".join([f"{after(seen.at, zero)}, {where}: {rest}", *_standing(seen, models)])


def _standing(seen: Seen, models: Mapping[str, str]) -> list[str]:
    state = seen.state
    if state["error"]:
        return [f"what there is could not be read: {escaped(state['error'])}"]
    lines = [
        f"{models[name]}: {each['desired']} asked for, {each['workers']} ready"
        + ("" if each["alive"] is None else f", {each['alive']} alive")
        for name, each in sorted(state["models"].items())
        if name in models
    ]
    strays = [f"{state['strays']} processes of no model"] if state["strays"] else []
    return [escaped(line) for line in [*(lines or ["none of the models"]), *strays]]


def _wrapped(text: str) -> Iterator[str]:
    """Lines of whole words, as many as one looks at."""
    line = ""
    for word in text[:MOST].split():
        if line and len(line) + len(word) > WIDTH:
            yield escaped(line, MOST)
            line = ""
        line += f" {word}" if line else word
    if line:
        yield escaped(line, MOST) + ("…" if len(text) > MOST else "")
