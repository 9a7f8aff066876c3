"""What went wrong with replicas, latest first: bounded, and on disk, so that a new manager knows it too."""

from __future__ import annotations

import json
import os
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

__all__ = ["ErrorEntry", "ErrorHistory", "ErrorType"]

KEPT = 1000
ErrorType = Literal["OOMKilled", "Killed", "Exited", "LoadFailed"]


@dataclass(frozen=True, slots=True)
class ErrorEntry:
    """One replica's end, or its failure to begin.

    ``at`` is the wall clock (ISO 8601, UTC), ``monotonic`` the machine's monotonic clock in seconds. ``by`` says who
    ended a replica that was out of memory: the ``kernel``, or the ``limit`` that the platform set.
    """

    at: str
    monotonic: float
    model: str
    worker: str
    pid: int
    type: ErrorType
    by: Literal["kernel", "limit", ""] = ""
    detail: str = ""


class ErrorHistory:
    """The latest errors of all models. Each goes to the end of the file at once, which is rewritten now and then."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: deque[ErrorEntry] = deque(maxlen=KEPT)
        self._lines = 0
        try:
            lines = path.read_text("utf-8").splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            try:
                self._entries.append(ErrorEntry(**json.loads(line)))
            except (ValueError, TypeError):
                continue  # the manager was killed while it wrote this one
        self._rewrite()

    def add(self, entry: ErrorEntry) -> None:
        """Remember it, in the place of the oldest if there are too many."""
        self._entries.append(entry)
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(entry)) + "\n")
        self._lines += 1
        if self._lines > 2 * KEPT:
            self._rewrite()

    def latest(self, model: str = "", limit: int = KEPT) -> list[dict[str, Any]]:
        """At most ``limit`` errors, latest first; of one model if it is named."""
        chosen = [asdict(entry) for entry in reversed(self._entries) if not model or entry.model == model]
        return chosen[: max(0, limit)]

    def clear(self, model: str = "") -> int:
        """Forget them, those of one model if it is named; how many they were."""
        before = len(self._entries)
        kept = [entry for entry in self._entries if model and entry.model != model]
        self._entries = deque(kept, maxlen=KEPT)
        self._rewrite()
        return before - len(kept)

    def _rewrite(self) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_text("".join(json.dumps(asdict(entry)) + "\n" for entry in self._entries), "utf-8")
        os.replace(fresh, self._path)
        self._lines = len(self._entries)
