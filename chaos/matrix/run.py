"""Runs a matrix: group after group on one target, each judged from its own history, the documents written anew."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from chaos import __version__
from chaos.cells.measuring import measure, settings_of
from chaos.history import Event, HistoryWriter, read_history
from chaos.matrix.directory import ended, judged, mend, summarised
from chaos.matrix.groups import Group
from chaos.matrix.plan import MatrixPlan
from chaos.properties.base import CellResult
from chaos.properties.table import Cell
from chaos.reporting.matrix.summary import MatrixSummary, verdict_said
from chaos.reporting.matrix.write import write_documents
from chaos.reporting.terminal import View
from chaos.session.books import Books
from chaos.session.house import House, Place, house
from chaos.sla.statistics import load
from chaos.targets.options import redacted

__all__ = ["Matrix"]

LONGEST_SECONDS = 600.0
"""After so long, beside what its setting ``seconds`` asks for, a group's measurement is given up."""


class Matrix:
    """One run of a matrix, which may go on with what an earlier one has left.

    :param wrote: called with the summary when a group has ended
    """

    def __init__(
        self, plan: MatrixPlan, view: View, wrote: Callable[[Path, MatrixSummary], object] = write_documents
    ) -> None:
        self.plan = plan
        self._view = view
        self._wrote = wrote
        self._results: dict[Cell, CellResult] = {}
        self._events: list[Event] = []

    async def run(self) -> MatrixSummary:
        """Measure all that is not measured yet; what there is by then, also if it is cancelled, is written down.

        :raises ChaosError: if the target cannot be opened, or the directory not be written to
        """
        load()
        directory = self.plan.directory
        mend(directory)
        if (directory / "history.jsonl").exists():
            self._events = read_history(directory)
        self._history = HistoryWriter(directory)
        try:
            self._begin()
            todo = [group for group in self.plan.groups if not self._kept(group)]
            if todo:
                await self._measure_all(todo)
        finally:
            self._emit("end", status="ended", deviated=False, reason="")
            self._history.close()
            self._wrote(directory, self.summary)
        return self.summary

    @property
    def summary(self) -> MatrixSummary:
        """The matrix as it stands."""
        return summarised(self._events, self._results)

    async def _measure_all(self, todo: list[Group]) -> None:
        plan = self.plan
        async with AsyncExitStack() as stack:
            books = Books(plan.run_id, redacted(plan.url), plan.directory, self._problem)
            await stack.enter_async_context(books)
            tasks = await stack.enter_async_context(anyio.create_task_group())
            stack.callback(tasks.cancel_scope.cancel)
            tasks.start_soon(books.watch)
            place = Place(plan.url, plan.defects, plan.directory, plan.allow)
            opened = await stack.enter_async_context(house(place, books.owe, self._problem))
            last = "the opening"
            for group in todo:
                if not await opened.tidy(last):
                    break
                await self._measure(opened, group)
                last = f"measuring {group.name}"

    async def _measure(self, opened: House, group: Group) -> None:
        """Measure and judge one group; whatever goes wrong is in its history, and its cells are ``unknown``."""
        given = self.plan.settings.get(group.code, {})
        place = self._place(group)
        (place / "history.jsonl").unlink(missing_ok=True)  # what broke off says nothing
        self._emit("measuring", group=group.name, code=group.code, apis=list(group.apis))
        history = HistoryWriter(place)
        try:
            longest = LONGEST_SECONDS + 2 * settings_of(group.code, given).get("seconds", 0.0)
            with anyio.move_on_after(longest) as waited:
                await measure(
                    opened.target, group.code, group.apis, self.plan.seed, history.append, given, opened.tag
                )
            if waited.cancelled_caught:
                self._problem(f"measuring {group.name} did not end within {longest:g} s")
        finally:
            history.close()
        self._results |= await anyio.to_thread.run_sync(judged, place)
        self._told(group)
        self._wrote(self.plan.directory, self.summary)

    def _kept(self, group: Group) -> bool:
        """Whether it was measured before; then it is judged again, and shown."""
        place = self._place(group)
        if not ended(place, group):
            return False
        self._results |= judged(place)
        self._told(group)
        return True

    def _told(self, group: Group) -> None:
        cells = [self._results[cell] for cell in group.cells if cell in self._results]
        self._emit(
            "measured",
            group=group.name,
            cells=[
                {
                    "api": cell.api,
                    "code": cell.code,
                    "verdict": verdict_said(cell),
                    "reason": cell.reason,
                    "seconds": cell.seconds,
                }
                for cell in cells
            ],
        )

    def _place(self, group: Group) -> Path:
        return self.plan.directory / "cells" / group.name

    def _begin(self) -> None:
        plan = self.plan
        self._emit(
            "matrix",
            run_id=plan.run_id,
            seed=plan.seed,
            target=redacted(plan.url),
            defects=list(plan.defects),
            version=__version__,
            wall=time.time(),
            cells=[str(cell) for cell in plan.cells],
            settings={code: dict(given) for code, given in plan.settings.items()},
            replay=plan.replay,
        )

    def _problem(self, text: str) -> None:
        self._emit("problem", text=text)

    def _emit(self, kind: str, **values: Any) -> None:
        event = self._history.append(kind, **values)
        self._events.append(event)
        self._view.event(event)
