"""What a handler's process said of a call, as a result. It is not believed: a handler may have said it."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast, get_args

from chaos.handlers.calls import Call, Kept, Outcome, Run, Value
from chaos.handlers.mishaps import place_in

__all__ = ["Told", "place_of"]

_OUTCOMES = frozenset(get_args(Outcome))
_LINE = re.compile(r'^  File "(.*)", line (\d+) in ', re.MULTILINE)
TRACE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Told:
    """What was done, how it ended, and all that was said of it; ``common`` is what a call and a run have both."""

    did: str
    outcome: Outcome
    said: dict[str, Any]
    body: bytes
    common: dict[str, Any]
    functions: dict[str, float]
    value: Value | None

    @classmethod
    def of(cls, did: str, said: dict[str, Any], body: bytes = b"") -> Self:
        """The same, checked.

        :raises ValueError: if it makes no sense
        """
        outcome, status, value = said.get("outcome"), said.get("status"), said.get("value")
        if outcome not in _OUTCOMES:
            raise ValueError(f"no such outcome: {outcome}")
        try:
            common = {
                "outcome": outcome,
                "seconds": float(said.get("seconds", 0.0)),
                "content_type": _text(said.get("content_type")),
                "error": _text(said.get("error")),
                "error_type": _text(said.get("error_type")),
                "status": int(status) if status is not None else None,
                "place": _text(said.get("place")),
                "memory": int(said.get("memory", 0)),
                "threads": int(said.get("threads", 0)),
                "loads": int(said.get("loads", 0)),
            }
            functions = {name: float(took) for name, took in said.get("functions", {}).items()}
            described = (
                Value(*(_text(value[each]) for each in ("type", "words", "digest"))) if value else None
            )
        except (TypeError, OverflowError, AttributeError, KeyError) as error:
            raise ValueError(str(error)) from None
        return cls(did, cast(Outcome, outcome), said, body, common, functions, described)

    def call(self, function: str, *, kept: int | None = None, restarted: bool = False) -> Call:
        """As a call of one function."""
        return Call(
            function=function,
            kept=Kept(kept) if kept is not None and self.value is not None else None,
            value=self.value,
            body=self.body if self.said.get("has_body") else None,
            proper=bool(self.said.get("proper", True)),
            processes=self.said.get("processes", 0),
            printed=self.said.get("printed", ""),
            restarted=restarted,
            **self.common,
        )

    def run(self, *, restarted: bool = False) -> Run:
        """As a request through the whole pipeline."""
        return Run(
            functions=self.functions,
            body=self.body,
            processes=self.said.get("processes", 0),
            printed=self.said.get("printed", ""),
            restarted=restarted,
            **self.common,
        )

    def after(self, earlier: Told) -> Told:
        """The same, with what was printed in an earlier step before it."""
        self.said["printed"] = earlier.said.get("printed", "") + self.said.get("printed", "")
        return self

    def names(self, key: str) -> frozenset[str]:
        """A list of names in it."""
        found = self.said.get(key)
        return frozenset(map(str, found)) if isinstance(found, list) else frozenset()


def place_of(trace: Path, directory: Path) -> str:
    """The innermost line of the package that a process noted as it was ended; empty if there is none."""
    with suppress(OSError), trace.open("rb") as file:
        for found, line in _LINE.findall(file.read(TRACE_BYTES).decode(errors="replace")):
            if place := place_in(found, int(line), directory):
                return place
    return ""


def _text(value: object) -> str:
    """Text that can be written as UTF-8; empty for None."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} in place of text")
    return value.encode(errors="replace").decode()
