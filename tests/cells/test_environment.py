"""Who used the processors: what process trees used themselves is told from what others did, whatever they start."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest

from chaos.cells.environment import PROC, Processors, watching
from chaos.errors import ChaosError, single
from chaos.targets.testing import FakeTarget

pytestmark = pytest.mark.skipif(not (PROC / "stat").exists(), reason="there is no /proc on this system")

BURNER = """
import sys, time
def burn(seconds):
    while time.process_time() - began < seconds:
        pass
for line in sys.stdin:
    began = time.process_time()
    burn(float(line))
    print(flush=True)
"""

PARENT = """
import json, os, subprocess, sys
for line in sys.stdin:
    before = os.times()
    for _ in range(int(line)):
        subprocess.run([sys.executable, "-S", "-c", "for _ in range(400_000): pass"], check=True)
    print(json.dumps(sum(os.times()[:4]) - sum(before[:4])), flush=True)
"""

ORPHAN = """
import os, signal, sys, time
sys.stdin.readline()
if os.fork() == 0:
    print(os.getpid(), flush=True)
    sys.stdin.readline()
    began = time.process_time()
    while time.process_time() - began < 0.3:
        pass
    print(flush=True)
    sys.stdin.readline()
else:
    signal.pause()
"""


@contextmanager
def _python(code: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _ask(process: subprocess.Popen[str], line: object) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
    return process.stdout.readline()


def test_own_is_what_the_own_trees_used_and_others_are_not_in_it() -> None:
    with _python(BURNER) as own, _python(BURNER) as other:
        processors = Processors()
        assert processors.read([own.pid]) is None, "there is nothing to compare the first with"
        _ask(own, 0.3)
        _ask(other, 0.5)
        use = processors.read([own.pid])
    assert use is not None
    assert use.own * use.seconds == pytest.approx(0.3, abs=0.05)
    assert (use.busy - use.own) * use.seconds > 0.4
    assert use.cores == psutil.cpu_count()
    assert use.running >= 1


def test_children_that_come_and_go_are_counted_once() -> None:
    with _python(PARENT) as parent:
        processors = Processors()
        processors.read([parent.pid])
        told, seen = 0.0, 0.0
        for _ in range(4):
            told += json.loads(_ask(parent, 4))
            use = processors.read([parent.pid])
            assert use is not None
            seen += use.own * use.seconds
    assert told > 0.2
    assert seen == pytest.approx(told, abs=0.1)


def test_a_child_that_was_seen_running_is_not_counted_again_when_its_parent_waits_for_it() -> None:
    code = (
        f"import subprocess, sys\nchild = subprocess.Popen([sys.executable, '-S', '-c', {BURNER!r}])\n"
        "child.wait()\nprint(flush=True)\nsys.stdin.readline()"
    )
    with _python(code) as parent:
        processors = Processors()
        processors.read([parent.pid])
        _ask(parent, 0.4)  # its child reads the pipe too
        (child,) = psutil.Process(parent.pid).children()
        use = processors.read([parent.pid])
        assert use is not None
        assert use.own * use.seconds > 0.35
        child.kill()
        assert parent.stdout is not None
        parent.stdout.readline()
        after = processors.read([parent.pid])
    assert after is not None
    assert after.own * after.seconds < 0.2


def test_a_process_is_followed_when_its_parent_ends() -> None:
    with _python(ORPHAN) as parent:
        processors = Processors()
        processors.read([parent.pid])
        orphan = int(_ask(parent, ""))
        processors.read([parent.pid])
        parent.kill()
        parent.wait(10)
        processors.read([parent.pid])
        _ask(parent, "")
        use = processors.read([parent.pid])
        psutil.Process(orphan).kill()
    assert use is not None
    assert use.own * use.seconds == pytest.approx(0.3, abs=0.1)


class _Events(list[dict[str, Any]]):
    def emit(self, kind: str, at: float | None = None, **values: object) -> None:
        assert kind == "environment"
        self.append(values)


@pytest.mark.anyio
async def test_it_is_watched_before_and_all_the_while() -> None:
    events = _Events()
    with _python(BURNER) as target:
        async with watching(FakeTarget(processes=[target.pid]), events.emit):
            assert [event["phase"] for event in events] == ["before"]
            await anyio.to_thread.run_sync(_ask, target, 0.5)
            await anyio.sleep(0.3)
    during = events[1:]
    assert {event["phase"] for event in during} == {"during"}
    assert sum(event["own"] * event["seconds"] for event in during) > 0.45
    assert len(during) >= 3, "it is read while the block runs, and once more at its end"
    assert all(event["complete"] for event in events)


@pytest.mark.anyio
async def test_a_target_whose_processes_are_not_seen_makes_it_incomplete() -> None:
    events = _Events()
    async with watching(FakeTarget(), events.emit):
        pass
    assert [event["complete"] for event in events] == [False, False]


@pytest.mark.anyio
async def test_what_goes_wrong_within_comes_out() -> None:
    with pytest.raises((ChaosError, ExceptionGroup)) as raised:
        async with watching(FakeTarget(), _Events().emit):
            raise ChaosError("the target is gone")
    assert str(single(raised.value)) == "the target is gone"


@pytest.mark.anyio
async def test_without_proc_nothing_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("chaos.cells.environment.PROC", tmp_path)
    events = _Events()
    async with watching(FakeTarget(), events.emit):
        pass
    assert events == []
