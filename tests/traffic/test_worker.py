"""The worker as a process: what it answers on its pipe, and that it never outlives whoever started it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any

import psutil
import pytest

from chaos.traffic.spec import NONCE, Arrivals, HttpRequest, Stream, WorkerSpec

WORKER = [sys.executable, "-m", "chaos.traffic.worker"]
SPEC = WorkerSpec("w", (), null_rate=100.0)
STREAM = Stream("s", HttpRequest("http://127.0.0.1:9/", body=NONCE.encode()), Arrivals("constant", rate=20.0))


@contextmanager
def _worker(spec: WorkerSpec | None) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        WORKER, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    )
    try:
        if spec is not None:
            _tell(process, spec.to_json())
        yield process
    finally:
        process.kill()
        process.wait(10)
        for pipe_end in (process.stdin, process.stdout, process.stderr):
            if pipe_end is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe_end.close()


def _tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _next(process: subprocess.Popen[str], kind: str) -> dict[str, Any]:
    assert process.stdout is not None
    for line in process.stdout:
        frame: dict[str, Any] = json.loads(line)
        if frame["kind"] == kind:
            return frame
    raise AssertionError(f"no frame {kind!r} before the end")


def _rest(process: subprocess.Popen[str]) -> tuple[list[dict[str, Any]], str]:
    """Frames and stderr up to the end, with stdin kept open."""
    assert process.stdout is not None
    assert process.stderr is not None
    frames = [json.loads(line) for line in process.stdout]
    process.wait(10)
    return frames, process.stderr.read()


def test_its_life() -> None:
    with _worker(replace(SPEC, streams=(STREAM,))) as process:
        hello = _next(process, "hello")
        assert hello["pid"] == process.pid
        assert hello["worker"] == "w"
        assert abs(hello["wall"] - time.time()) < 60
        assert hello["monotonic"] <= time.monotonic()
        frames = [_next(process, "frame") for _ in range(10)]
        assert frames[-1]["at"] - frames[0]["at"] > 0.5
        assert set(frames[0]["streams"]) == {"s", "null"}
        _tell(process, '{"command": "stop"}')
        rest, stderr = _rest(process)
    assert (process.returncode, stderr) == (0, "")
    # Each ends when what it has in flight does, so either may be the first.
    assert sorted(frame["stream"] for frame in rest if frame["kind"] == "stopped") == ["null", "s"]
    last = [frame for frame in rest if frame["kind"] == "frame"][-1]["streams"]
    for name, outcome in (("s", 1), ("null", 0)):
        entry = last[name]
        assert entry["planned"] == entry["sent"] == entry["done"] > 0
        assert entry["in_flight"] == 0
        cells = [
            cell
            for frame in [*frames, *rest]
            if frame["kind"] == "frame"
            for cell in frame["streams"][name]["cells"]
        ]
        assert {cell[1] for cell in cells} == {outcome}
        late = [
            pair
            for frame in [*frames, *rest]
            if frame["kind"] == "frame"
            for pair in frame["streams"][name]["late"]
        ]
        assert sum(cell[3] for cell in cells) == sum(pair[1] for pair in late) == entry["done"]


def test_a_stream_with_each_tells_every_request_and_others_none() -> None:
    burst = Stream("b", STREAM.request, Arrivals("burst", users=7, seconds=0.2), each=True)
    with _worker(WorkerSpec("w", (burst, STREAM))) as process:
        frames = [_next(process, "frame") for _ in range(8)]
        _tell(process, '{"command": "stop"}')
        rest, _ = _rest(process)
    frames += [frame for frame in rest if frame["kind"] == "frame"]
    rows = [row for frame in frames for row in frame["streams"]["b"]["each"]]
    assert len(rows) == frames[-1]["streams"]["b"]["done"]
    assert all(intended <= started <= ended for intended, started, ended, _ in rows)
    assert {outcome for *_, outcome in rows} == {1}, "nobody listens there"
    bursts = sorted({intended for intended, *_ in rows})
    assert len(bursts) >= 3
    assert len(rows) == 7 * len(bursts)
    assert all(0.19 < later - sooner < 0.21 for sooner, later in pairwise(bursts))
    assert all("each" not in frame["streams"]["s"] for frame in frames)


def test_a_paused_stream_waits_and_a_stopped_one_ends_alone() -> None:
    streams = (replace(STREAM, paused=True), replace(STREAM, name="t"))
    with _worker(WorkerSpec("w", streams)) as process:
        frames = [_next(process, "frame") for _ in range(4)]
        assert frames[-1]["streams"]["s"]["planned"] == 0
        assert frames[-1]["streams"]["t"]["planned"] > 0
        _tell(process, '{"command": "start", "stream": "s"}')
        while not _next(process, "frame")["streams"]["s"]["done"]:
            pass
        _tell(process, '{"command": "stop", "stream": "t"}')
        assert _next(process, "stopped")["stream"] == "t"
        first, second = (_next(process, "frame")["streams"] for _ in range(2))
        assert first["t"] == second["t"]
        assert process.poll() is None


def test_a_slow_reader_gets_fewer_frames_and_loses_nothing() -> None:
    bulk = tuple(replace(STREAM, name=f"{number:01000}", paused=True) for number in range(40))
    with _worker(replace(SPEC, streams=bulk, null_rate=2000.0, frame_seconds=0.01)) as process:
        begin = _next(process, "hello")["at"]
        time.sleep(1.5)
        _tell(process, '{"command": "stop"}')
        rest, _ = _rest(process)
    taken = rest[-1]["at"] - begin
    assert len([frame for frame in rest if frame["kind"] == "frame"]) < taken / 0.01 / 3
    entries = [frame["streams"]["null"] for frame in rest if frame["kind"] == "frame"]
    assert sum(cell[3] for entry in entries for cell in entry["cells"]) == entries[-1]["planned"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "not a worker spec|Expecting value"),
        ("{}", "not a worker spec"),
        ("[1]", "not a worker spec"),
        (replace(SPEC, streams=(STREAM, STREAM)).to_json(), "each name once"),
        (replace(SPEC, streams=(replace(STREAM, name="null"),)).to_json(), "taken"),
        (replace(SPEC, frame_seconds=1.0).to_json(), "frame_seconds"),
        (replace(SPEC, null_rate=-1.0).to_json(), "null_rate"),
        (replace(SPEC, streams=(replace(STREAM, timeout=0.0),)).to_json(), "stream 's': timeout"),
        (replace(SPEC, streams=(replace(STREAM, max_connections=0),)).to_json(), "max_connections"),
        (replace(SPEC, streams=(replace(STREAM, request=HttpRequest("x")),)).to_json(), "url"),
        (replace(SPEC, streams=(replace(STREAM, timeout="soon"),)).to_json(), "stream 's'"),  # type: ignore[arg-type]
        (replace(SPEC, frame_seconds="often").to_json(), "worker spec"),  # type: ignore[arg-type]
        (replace(SPEC, measures="very").to_json(), "measures"),  # type: ignore[arg-type]
        (replace(SPEC, streams=(replace(STREAM, arrivals=Arrivals("constant")),)).to_json(), "rate"),
        (replace(SPEC, streams=(replace(STREAM, seed=-1),)).to_json(), "stream 's'"),
    ],
)  # fmt: skip
def test_a_bad_spec_is_one_error_and_no_traceback(line: str, words: str) -> None:
    with _worker(None) as process:
        _tell(process, line)
        frames, stderr = _rest(process)
    assert process.returncode == 1
    assert stderr == ""
    (error,) = [frame for frame in frames if frame["kind"] != "hello"]
    assert error["kind"] == "error"
    assert re.search(words, error["message"])


@pytest.mark.parametrize(
    "command", ["nonsense", "[]", '{"command": "start", "stream": "x"}', '{"command": "fly"}']
)
def test_a_command_that_makes_no_sense_ends_it(command: str) -> None:
    with _worker(SPEC) as process:
        _next(process, "hello")
        _tell(process, command)
        frames, stderr = _rest(process)
    assert (process.returncode, stderr) == (1, "")
    assert "unknown command" in frames[-1]["message"]


def test_the_end_of_its_input_is_its_end() -> None:
    with _worker(SPEC) as process:
        _next(process, "hello")
        assert process.stdin is not None
        process.stdin.close()
        process.wait(10)


def test_nobody_to_write_to_is_its_end() -> None:
    with _worker(SPEC) as process:
        _next(process, "hello")
        assert process.stdout is not None
        process.stdout.close()
        process.wait(10)


def test_sigterm_is_a_stop_and_sigint_is_nothing() -> None:
    with _worker(SPEC) as process:
        _next(process, "hello")
        process.send_signal(signal.SIGINT)
        for _ in range(5):
            _next(process, "frame")
        process.send_signal(signal.SIGTERM)
        frames, stderr = _rest(process)
    assert (process.returncode, stderr) == (0, "")
    assert frames[-1] == {"kind": "stopped", "at": frames[-1]["at"], "stream": "null"}


def test_it_dies_with_its_parent() -> None:
    # All its pipes lead here and stay open, so that only the kernel can tell of the death in between.
    code = (
        "import subprocess, time\n"
        f"worker = subprocess.Popen({WORKER!r}, start_new_session=True)\n"
        "time.sleep(60)\n"
    )
    pipe = subprocess.PIPE
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True)
    try:
        _tell(parent, SPEC.to_json())
        worker = psutil.Process(_next(parent, "hello")["pid"])
        assert worker.is_running()
        os.kill(parent.pid, signal.SIGKILL)
        gone, _ = psutil.wait_procs([worker], timeout=10)
        assert gone == [worker] or worker.status() == psutil.STATUS_ZOMBIE
    finally:
        parent.kill()
        parent.communicate()
