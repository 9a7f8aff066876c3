"""What this machine did before and while a cell was measured: who used its processors, and what was stolen of them.

A duration says something about the target only if the processors were there when the target and the harness wanted
them. So all that was used is told apart: what the process trees of target and harness used themselves, and what
others took. Read from /proc; where there is none (macOS), nothing is measured.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from chaos.targets.base import Processes, Target

__all__ = ["Processors", "Use", "watching"]

PROC = Path("/proc")
BEFORE_SECONDS = 0.4
PERIOD_SECONDS = 0.25
ROOTS_SECONDS = 2.0
"""How long the roots of a target's processes are taken for the same: to find them costs more than to read them."""


@dataclass(frozen=True, slots=True)
class Use:
    """What was used in a span of time; ``busy``, ``own`` and ``steal`` in processors, out of ``cores``.

    ``own`` is the part of ``busy`` that the given process trees used, with children that came and went meanwhile;
    ``steal`` is what the hypervisor gave to others. ``running`` is how many tasks ran or waited to, at its end.
    """

    seconds: float
    cores: int
    busy: float
    own: float
    steal: float
    running: int


@dataclass(frozen=True, slots=True)
class _Member:
    """A process as /proc/PID/stat has it, in seconds: ``used`` by itself, ``reaped``: by children it waited for."""

    started: float
    parent: int
    used: float
    reaped: float


class Processors:
    """Tells what process trees used of the processors from what others did, from one :meth:`read` to the next.

    A process that was seen once is followed wherever it is moved. When one ends, its parent is told how long it ran in
    all its life: what is known of that already is not counted twice.
    """

    def __init__(self) -> None:
        self._tick = 1.0 / os.sysconf("SC_CLK_TCK")
        self._known: dict[int, _Member] = {}
        self._machine: tuple[float, float, float] | None = None
        self._since_boot = 0.0

    def read(self, roots: Iterable[int]) -> Use | None:
        """The use since the reading before, which the first has not; the trees under ``roots`` are our own.

        :raises OSError: if there is no /proc
        """
        at, before = time.monotonic(), self._machine
        lines = (PROC / "stat").read_text().splitlines()
        fields = [float(word) * self._tick for word in lines[0].split()[1:9]]
        cores = sum(line[:3] == "cpu" and line[3].isdigit() for line in lines)
        running = int((PROC / "loadavg").read_text().split()[3].split("/")[0])
        idle, steal = fields[3] + fields[4], fields[7]
        own = self._own(roots)
        self._machine = (at, idle, steal)
        if before is None:
            return None
        seconds = at - before[0]
        stolen = max(steal - before[2], 0.0) / seconds
        busy = max(cores - (idle - before[1]) / seconds - stolen, 0.0)
        return Use(seconds, cores, busy, own / seconds, stolen, running)

    def _own(self, roots: Iterable[int]) -> float:
        everyone = dict(self._read_all())
        before = self._known
        started = {pid for pid, member in before.items() if _is(member, everyone.get(pid))}
        members = _family(everyone, {*roots, *started})
        gone: dict[int, float] = {}
        for pid, member in before.items():
            if pid not in started:
                gone[member.parent] = gone.get(member.parent, 0.0) + member.used + member.reaped
        own, last = 0.0, self._since_boot - self._tick
        self._since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
        for pid, member in members.items():
            then = before.get(pid) if pid in started else None
            if then is None:
                # One that is older than the reading before was not ours to count until now.
                then = _Member(0.0, 0, 0.0, 0.0) if member.started > last else member
            own += member.used - then.used + max(member.reaped - then.reaped - gone.get(pid, 0.0), 0.0)
        self._known = members
        return own if before else 0.0

    def _read_all(self) -> Iterator[tuple[int, _Member]]:
        for name in os.listdir(PROC):
            if name.isdecimal():
                with suppress(OSError):
                    with open(f"{PROC}/{name}/stat", "rb", buffering=0) as file:
                        text = file.read(4096)
                    words = text[text.rindex(b")") + 2 :].split(None, 20)
                    user, system, of_user, of_system = map(int, words[11:15])
                    used, reaped = (user + system) * self._tick, (of_user + of_system) * self._tick
                    yield int(name), _Member(int(words[19]) * self._tick, int(words[1]), used, reaped)


def _is(one: _Member, other: _Member | None) -> bool:
    return other is not None and one.started == other.started


def _family(everyone: Mapping[int, _Member], roots: Iterable[int]) -> dict[int, _Member]:
    """These processes and all that descend from them, as far as they are there."""
    children: dict[int, list[int]] = {}
    for pid, member in everyone.items():
        children.setdefault(member.parent, []).append(pid)
    found: dict[int, _Member] = {}
    waiting = [pid for pid in roots if pid in everyone]
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found[pid] = everyone[pid]
            waiting += children.get(pid, [])
    return found


@asynccontextmanager
async def watching(target: Target, emit: Callable[..., Any]) -> AsyncIterator[None]:
    """Look at the machine for a moment, then, while the block runs, all the time.

    Emits ``environment`` events: ``phase`` (``before``, ``during``) and the fields of :class:`Use`; ``complete`` is
    False if the target's processes run here and cannot be seen, so that they are among the others.
    """
    watch = _Watch(target, emit)
    if not (PROC / "stat").exists():
        yield
        return
    await watch.look("")
    await anyio.sleep(BEFORE_SECONDS)
    await watch.look("before")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch.go_on)
        yield
        tasks.cancel_scope.cancel()
    await watch.look("during")


class _Watch:
    def __init__(self, target: Target, emit: Callable[..., Any]) -> None:
        self._target, self._emit = target, emit
        self._processors = Processors()
        self._roots: list[int] = []
        self._found_at = -ROOTS_SECONDS

    async def go_on(self) -> None:
        while True:
            await anyio.sleep(PERIOD_SECONDS)
            await self.look("during")

    async def look(self, phase: str) -> None:
        use = await anyio.to_thread.run_sync(self._read)
        if use is not None and phase:
            values = {name: round(getattr(use, name), 4) for name in Use.__slots__}
            self._emit("environment", phase=phase, complete=self._complete, **values)

    @property
    def _complete(self) -> bool:
        return bool(self._roots) or not isinstance(self._target, Processes)

    def _read(self) -> Use | None:
        now = time.monotonic()
        if isinstance(self._target, Processes) and now - self._found_at >= ROOTS_SECONDS:
            self._roots, self._found_at = self._target.pids(), now
        return self._processors.read([os.getpid(), *self._roots])
