"""A traffic worker: ``python -m chaos.traffic.worker`` sends requests, and says what became of them.

What it is told on stdin and what it answers on stdout is described in :mod:`chaos.traffic.spec`. It
lives in a session of its own, ignores SIGINT, takes SIGTERM for ``stop``, and never outlives whoever
started it: the kernel kills it with its parent (Linux), and an end of file on stdin ends it at once.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from contextlib import AsyncExitStack
from typing import Any

import uvloop

from chaos.errors import ChaosError
from chaos.lifeline import die_with_parent
from chaos.traffic import environment
from chaos.traffic.frames import FrameWriter
from chaos.traffic.null import NULL, echo_server, null_stream
from chaos.traffic.spec import WorkerSpec
from chaos.traffic.stream import TrafficStream

__all__ = ["main"]

_LONGEST_LINE = 256 * 1024 * 1024


def main() -> int:
    """Run until told to stop; the exit code."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return int(uvloop.run(_serve()))


async def _serve() -> int:
    frames = FrameWriter()
    problem = ""
    try:
        await frames.open()
        commands = await _open_stdin()
        spec = _read_spec(await commands.readline())
        environment.raise_descriptor_limit()
        environment.ask_priority(spec.measures)
        await _Worker(spec, frames).run(commands)
    except* (ChaosError, ValueError) as group:
        problem = "; ".join(_messages(group))
    if problem:
        frames.write("error", message=problem)
    await frames.close()
    return 1 if problem else 0


def _messages(group: BaseExceptionGroup[Any]) -> list[str]:
    messages: list[str] = []
    for error in group.exceptions:
        messages += _messages(error) if isinstance(error, BaseExceptionGroup) else [str(error)]
    return list(dict.fromkeys(messages))


async def _open_stdin() -> asyncio.StreamReader:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_LONGEST_LINE)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


def _read_spec(line: bytes) -> WorkerSpec:
    if not line:
        raise ChaosError("no worker spec on stdin (one line of JSON is expected)")
    spec = WorkerSpec.from_json(line)
    try:
        _check_spec(spec)
    except TypeError as error:
        raise ValueError(f"a value of the wrong type in the worker spec: {error}") from error
    return spec


def _check_spec(spec: WorkerSpec) -> None:
    names = [stream.name for stream in spec.streams]
    if len({NULL, *names}) != len(names) + 1:
        raise ValueError(f"streams are named {names} (each name once, and {NULL!r} is taken)")
    if not 0.005 <= spec.frame_seconds <= 0.1:
        raise ValueError(f"frame_seconds is {spec.frame_seconds!r} (0.005 to 0.1)")
    if not 0 <= spec.null_rate <= 10_000:
        raise ValueError(f"null_rate is {spec.null_rate!r} (0 to 10000 requests a second)")
    if not isinstance(spec.measures, bool):
        raise ValueError(f"measures is {spec.measures!r} (true or false)")


class _Worker:
    def __init__(self, spec: WorkerSpec, frames: FrameWriter) -> None:
        self._spec = spec
        self._frames = frames
        self._streams: dict[str, TrafficStream] = {}
        self._announced: set[str] = set()
        self._stopping = asyncio.Event()
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, commands: asyncio.StreamReader) -> None:
        """Run the streams; return when all were stopped and the last frame is out."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._on_broken)
        loop.add_signal_handler(signal.SIGTERM, self._stop)
        async with AsyncExitStack() as stack:
            port = await stack.enter_async_context(echo_server()) if self._spec.null_rate else None
            async with asyncio.TaskGroup() as tasks:
                self._make_streams(tasks, port)
                environment.tune_collector()
                helpers = [
                    tasks.create_task(self._obey(commands)),
                    tasks.create_task(self._report()),
                    tasks.create_task(self._watch()),
                ]
                self._frames.write(
                    "hello",
                    pid=os.getpid(),
                    monotonic=time.monotonic(),
                    wall=time.time(),
                    worker=self._spec.worker,
                )
                paused = {stream.name for stream in self._spec.streams if stream.paused}
                for name, stream in self._streams.items():
                    if name not in paused:
                        stream.start()
                await self._stopping.wait()
                for stream in self._streams.values():
                    await stream.finished.wait()
                for helper in helpers:
                    helper.cancel()
                for stream in self._streams.values():
                    stream.close()
        self._write_frame()

    def _make_streams(self, tasks: asyncio.TaskGroup, port: int | None) -> None:
        streams = list(self._spec.streams)
        if port is not None:
            seed = streams[0].seed if streams else 0
            streams.append(null_stream(port, self._spec.null_rate, seed))
        for stream in streams:
            try:
                self._streams[stream.name] = TrafficStream(stream, self._spec.worker, tasks)
            except (ValueError, TypeError) as error:
                raise ValueError(f"stream {stream.name!r}: {error}") from error

    def _stop(self) -> None:
        for stream in self._streams.values():
            stream.stop()
        self._stopping.set()

    async def _obey(self, commands: asyncio.StreamReader) -> None:
        while line := await commands.readline():
            match _parse(line):
                case {"command": "stop", "stream": name} if name in self._streams:
                    self._streams[name].stop()
                case {"command": "start", "stream": name} if name in self._streams:
                    self._streams[name].start()
                case {"command": "stop", **rest} if not rest:
                    self._stop()
                case _:
                    known = ", ".join(self._streams)
                    raise ValueError(
                        f"unknown command {line.decode(errors='replace').strip()} (streams: {known})"
                    )
        os._exit(1)  # the session is gone: there is nobody left to measure for

    async def _report(self) -> None:
        due = time.monotonic()
        while True:
            due = max(due + self._spec.frame_seconds, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
            if not self._frames.blocked:
                self._write_frame()

    def _write_frame(self) -> None:
        entries = {name: stream.entry() for name, stream in self._streams.items()}
        self._frames.write("frame", streams=entries)
        for name, stream in self._streams.items():
            if stream.finished.is_set() and name not in self._announced:
                self._announced.add(name)
                self._frames.write("stopped", stream=name)

    async def _watch(self) -> None:
        await self._broken

    def _on_broken(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not self._broken.done():
            self._broken.set_exception(
                ChaosError(f"{context.get('message')}: {error!r} (a bug of the worker's)")
            )


def _parse(line: bytes) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return None


if __name__ == "__main__":
    sys.exit(main())
