"""Records of programs made up for tests: a platform that does what it is asked, or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaos.operations.record import ProgramRecord

__all__ = ["Story", "nothing"]

Event = dict[str, Any]


def nothing() -> dict[str, Any]:
    """What stands where nothing does."""
    return {"listed": [], "models": {}, "strays": 0, "error": ""}


class Story:
    """A record in the making. Time goes on by a second with each call."""

    def __init__(self, *models: str, limits: Mapping[str, int] | None = None, reloads: bool = False) -> None:
        self.names = {model: f"{model}-real" for model in models}
        self.now = 100.0
        self.step = -1
        self.events: list[Event] = [
            {
                "kind": "program", "at": self.now, "example": 1, "steps": [], "names": self.names,
                "limits": limits, "reloads": reloads,
            }
        ]  # fmt: skip
        self.standing(when="before")
        self._number = 0

    def call(
        self,
        operation: str,
        model: str = "",
        workers: int = 1,
        outcome: str = "ok",
        *,
        start: float | None = None,
        seconds: float = 0.5,
        same: bool = False,
        **more: Any,
    ) -> Story:
        """An operation: the next step, or with ``same`` a further lane of the last one."""
        if not same:
            self.now += 1.0
            self.step += 1
        began = self.now if start is None else start
        status = {"ok": 200, "fail": 400, "info": 0}[outcome]
        package = "good" if operation == "register" else ""
        event = {
            "kind": "call", "at": began + seconds, "number": self._number, "step": self.step, "lane": self._number,
            "operation": operation, "model": model, "workers": workers, "package": package, "milliseconds": 0.0,
            "start": began, "end": began + seconds, "outcome": outcome, "status": status, "detail": "",
            "lost": False, "again": False, "told": None,
        }  # fmt: skip
        self.events.append({**event, **more})
        self._number += 1
        return self

    def standing(
        self,
        rest: float | None = 0.0,
        *,
        when: str = "step",
        strays: int = 0,
        error: str = "",
        **workers: Any,
    ) -> Story:
        """What stands: by model the number of workers, or what is asked for, ready and alive."""
        models = {}
        for model, count in workers.items():
            desired, ready, alive = count if isinstance(count, tuple) else (count, count, count)
            pids = list(range(alive or 0))
            models[self.names[model]] = {"desired": desired, "workers": ready, "pids": pids, "alive": alive}
        self.now += 1.0
        state = {"listed": sorted(models), "models": models, "strays": strays, "error": error}
        self.events.append(
            {
                "kind": "standing",
                "at": self.now,
                "when": when,
                "step": self.step,
                "state": state,
                "rest": rest,
            }
        )
        return self

    def fault(self, event: str) -> Story:
        """A fault begins (``intent``) or ends (``reverted``)."""
        self.now += 1.0
        self.events.append(
            {"kind": "fault", "at": self.now, "event": event, "id": "process-1", "fault": "process"}
        )
        return self

    def rows(self, *outcomes: str, seconds: float = 0.01) -> Story:
        """Requests to the bystander."""
        rows = [{"outcome": outcome, "seconds": seconds, "start": self.now, "n": 1} for outcome in outcomes]
        self.events.append({"kind": "bystander", "at": self.now, "rows": rows})
        return self

    def end(self, **workers: Any) -> ProgramRecord:
        """The whole record; at its end stands what stood last, or what is said, and nothing after the cleaning up."""
        self.standing(when="end", **workers)
        self.standing(when="clean")
        return ProgramRecord(self.events)

    def record(self) -> ProgramRecord:
        """As far as it goes."""
        return ProgramRecord(self.events)
