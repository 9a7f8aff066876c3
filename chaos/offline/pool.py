"""Handlers of one package in several processes: who runs what, and what all of them printed and gave away."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from chaos.handlers.isolation import Isolated, Limits

__all__ = ["Pool"]

Item = TypeVar("Item")
Result = TypeVar("Result")

KILL_SECONDS = 0.05


class Pool:
    """Processes for one package, none of them started before it is wanted; all are gone at the end of the context.

    :param size: how many work side by side in :meth:`each`
    """

    def __init__(self, directory: Path, limits: Limits, model_name: str, size: int) -> None:
        self._directory, self._limits, self._model_name = directory, limits, model_name
        self._size = max(1, size)
        self._all: list[Isolated] = []
        self._futures: list[Future[Any]] = []
        self._idle: queue.SimpleQueue[Isolated] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._break_off()
        for handler in self._all:
            handler.close()

    @property
    def canaries(self) -> list[Mapping[str, str]]:
        """The canaries of each handler that there was."""
        return [handler.canaries for handler in self._all]

    @property
    def leaked(self) -> set[str]:
        """The names of canaries that any of them printed so far."""
        return {name for handler in self._all for name in handler.leaked}

    @contextmanager
    def one(self) -> Iterator[Isolated]:
        """A handler for as long as it is in use: one that is idle, or a new one."""
        try:
            handler = self._idle.get_nowait()
        except queue.Empty:
            handler = Isolated(self._directory, self._limits, model_name=self._model_name)
            self._all.append(handler)
        yield handler
        self._idle.put(handler)

    def each(self, function: Callable[[Isolated, Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """What comes of each item, in their order, as it is there; several are worked on side by side."""
        if self._size == 1 or len(items) < 2:
            for item in items:
                with self.one() as handler:
                    yield function(handler, item)
            return

        def work(item: Item) -> Result:
            with self.one() as handler:
                return function(handler, item)

        executor = ThreadPoolExecutor(min(self._size, len(items)), thread_name_prefix="handler")
        self._futures += [executor.submit(work, item) for item in items]
        executor.shutdown(wait=False)
        try:
            for future in tuple(self._futures):
                yield future.result()
        finally:
            self._break_off()

    def _break_off(self) -> None:
        """Whoever asks for the end, as by a signal, does not wait for what a handler may still take."""
        for future in self._futures:
            future.cancel()
        while wait(self._futures, KILL_SECONDS).not_done:
            for handler in self._all:
                handler.kill()
        self._futures.clear()
