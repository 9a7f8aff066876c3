"""Handler processes that serve requests: a few, each with one request at a time, replaced when they are gone."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from chaos.errors import ChaosError, DocumentError
from chaos.handlers.isolation import Call, Isolated, Run
from chaos.handlers.limits import Limits

__all__ = ["Busy", "Pool"]

LOOK_SECONDS = 0.5
"""How often processes without a request are looked at: one may end by itself."""
RETRY_SECONDS = 0.5
RETRY_MOST_SECONDS = 30.0
"""How long a process whose package does not load again is left alone, at first and at the most."""

Result = TypeVar("Result")


class Busy(Exception):  # noqa: N818
    """The pool takes no request now, as the message says."""


class _Worker:
    """One handler process, and the one thread that speaks to it: the process ends with the thread that started it."""

    def __init__(self, directory: Path, limits: Limits, number: int) -> None:
        self.isolated = Isolated(directory, limits)
        self.loaded = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"handler-{number}")

    async def call(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Have the thread call it."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: function(*arguments))

    async def load(self) -> str:
        """Load the package; why it does not load, empty if it does.

        :raises ChaosError: if no process can be started
        """
        self.loaded = False
        call = await self.call(self.isolated.load)
        self.loaded = call.outcome == "ok"
        return "" if self.loaded else _words(call)

    async def close(self) -> None:
        """End the process, whatever it does, and then the thread."""
        self.loaded = False
        with suppress(ProcessLookupError):
            if self.isolated.pid > 0:
                os.kill(self.isolated.pid, signal.SIGKILL)
        await self.call(self.isolated.close)
        self._thread.shutdown(wait=False)


class Pool:
    """Serves one package; every method belongs to one event loop.

    :param directory: of the package
    :param workers: how many processes
    :param queue: how many requests may wait for one
    :param heard: told in a few words what became of a process
    """

    def __init__(
        self, directory: Path, limits: Limits, workers: int, queue: int, heard: Callable[[str], None]
    ) -> None:
        self._directory = directory
        self._workers = [_Worker(directory, limits, number) for number in range(workers)]
        self._free: list[_Worker] = []
        self._waiting: deque[asyncio.Future[_Worker]] = deque()
        self._queue = queue
        self._heard = heard
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def ready(self) -> bool:
        """Whether a process has loaded the model, and lives as far as is known."""
        return any(worker.loaded for worker in self._workers)

    async def start(self) -> None:
        """Start all processes; return when each has loaded the package.

        :raises ChaosError: if it does not load, in its own words, or no process can be started
        """
        for problem in await asyncio.gather(*(worker.load() for worker in self._workers)):
            if problem:
                raise DocumentError(str(self._directory), problem, "chaos handler test tells more")
        for worker in self._workers:
            self._give(worker)
        self._task(self._look())

    async def invoke(self, body: bytes, content_type: str | None, accept: str) -> Run:
        """Have a process answer, when one is free.

        :raises Busy: if too many wait already, or no process has the model
        """
        if not self.ready:
            raise Busy("no process has loaded the model")
        if not self._free and len(self._waiting) >= self._queue:
            raise Busy(f"{len(self._waiting)} requests wait already")
        worker = await self._take()
        # who asked may go; the process is free when it has answered, and not before
        return await asyncio.shield(self._task(self._served(worker, body, content_type, accept)))

    async def close(self) -> None:
        """End all processes, whatever they do."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(worker.close() for worker in self._workers))

    async def _take(self) -> _Worker:
        if self._free:
            return self._free.pop()
        turn: asyncio.Future[_Worker] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give(turn.result())
            raise

    def _give(self, worker: _Worker) -> None:
        """It is free: the first that waits has it."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(worker)
                return
        self._free.append(worker)

    async def _served(self, worker: _Worker, body: bytes, content_type: str | None, accept: str) -> Run:
        try:
            run = await worker.call(worker.isolated.run, body, content_type, accept)
        except ChaosError as error:
            self._lose(worker, str(error))
            raise Busy(str(error)) from None
        if worker.isolated.alive:
            self._give(worker)
        else:
            self._lose(worker, _words(run))
        return run

    async def _look(self) -> None:
        """Find the processes that ended while nobody asked anything of them."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for worker in [worker for worker in self._free if not worker.isolated.alive]:
                self._free.remove(worker)
                self._lose(worker, "without a request")

    def _lose(self, worker: _Worker, why: str) -> None:
        worker.loaded = False
        self._heard(f"a handler process ended ({why}) and is replaced")
        self._task(self._replaced(worker))

    async def _replaced(self, worker: _Worker) -> None:
        """Have it load again, until it does."""
        seconds = RETRY_SECONDS
        while problem := await _problem(worker):
            self._heard(f"the package does not load any more: {problem}")
            await asyncio.sleep(seconds)
            seconds = min(2 * seconds, RETRY_MOST_SECONDS)
        self._give(worker)

    def _task(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _problem(worker: _Worker) -> str:
    try:
        return await worker.load()
    except ChaosError as error:
        return str(error)


def _words(call: Call | Run) -> str:
    """What went wrong, and where."""
    said = ": ".join(part for part in (call.error_type, call.error) if part) or call.outcome
    return f"{call.place}: {said}" if call.place else said
