from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import anyio
import psutil
import pytest

from chaos.errors import TargetError
from chaos.targets import platform
from chaos.targets.context import TargetContext
from chaos.targets.embedded import Embedded, open_target
from chaos.targets.processes import alive, free_port, listeners, session_members, tree
from chaos.targets.url import TargetURL

pytestmark = pytest.mark.anyio

ARGUMENTS = "import json, sys; print(json.dumps({'error': ' '.join(sys.argv[1:])}))"
"""A platform that refuses to start, and says what it was told."""
STUBBORN = """
import json, subprocess, sys, time
code = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", code])
print(json.dumps({"error": f"child {child.pid}"}), flush=True)
time.sleep(60)
"""
OWNER = """
import json, sys
port = int(sys.argv[1])
print(json.dumps({"ready": True, "inference": port, "management": port, "metrics": port}), flush=True)
sys.stdin.read()
"""


def _target(query: str = "", defects: Sequence[str] = (), directory: Path | None = None) -> Embedded:
    url = TargetURL.parse(f"embedded{query}", ["embedded"])
    target = open_target(url, TargetContext(tuple(defects), directory))
    assert isinstance(target, Embedded)
    return target


def _stand_in(monkeypatch: pytest.MonkeyPatch, code: str, *arguments: str) -> None:
    monkeypatch.setattr(platform, "COMMAND", ("-c", code, *arguments))


async def _gone(processes: Sequence[psutil.Process], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while any(alive(process) for process in processes):
        assert time.monotonic() < deadline, [process for process in processes if alive(process)]
        await anyio.sleep(0.05)


async def test_ports_pids_and_log(tmp_path: Path) -> None:
    ports = {name: free_port() for name in ("inference", "management", "metrics")}
    assert len(set(ports.values())) == 3
    target = _target("?" + "&".join(f"{name}={port}" for name, port in ports.items()), directory=tmp_path)
    assert target.pids() == []
    with pytest.raises(TargetError, match="not open"):
        await target.models()

    await target.open()
    try:
        (pid,) = target.pids()
        family = tree(pid)
        assert len(family) > 1
        for port in ports.values():
            assert set(listeners(port)) <= {process.pid for process in family}
            assert listeners(port)
        assert f":{ports['inference']}/" in target.infer_request("m", {}).url
        assert os.getsid(pid) != os.getsid(0), "Ctrl-C is the harness's to handle"
    finally:
        await target.close()

    await _gone(family)
    assert target.pids() == []
    assert (tmp_path / "platform.log").exists()


async def test_a_port_in_use_is_one_clear_error() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        target = _target(f"?management={port}")
        with pytest.raises(TargetError, match=rf"port {port}.*'management', is in use.*pid {os.getpid()}"):
            await target.open()
        await target.close()


async def test_an_unknown_defect_is_told_in_the_platforms_words() -> None:
    target = _target("?defect=no_such_defect")
    with pytest.raises(TargetError, match="no_such_defect") as caught:
        await target.open()

    assert "shared_queue" in str(caught.value), "it lists what there is"
    assert "Traceback" not in str(caught.value)


async def test_what_the_platform_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _stand_in(monkeypatch, ARGUMENTS)
    target = _target(
        f"?defect=a,b&defect=c&models={tmp_path}&metrics=0&memory=64&cgroup=no",
        defects=["c", "d"],
        directory=tmp_path,
    )
    with pytest.raises(TargetError) as caught:
        await target.open()

    assert str(caught.value).partition(": ")[2] == (
        f"--defect a --defect b --defect c --defect d --models {tmp_path} --memory 64 --no-cgroup "
        f"--log {tmp_path}/platform.log --executions {tmp_path}/executions.log"
    )


@pytest.mark.parametrize(
    ("query", "words"),
    [("?memory=much", "'memory' is a number of MiB"), ("?cgroup=maybe", "'cgroup' is yes or no")],
)
def test_options_that_are_none(query: str, words: str) -> None:
    with pytest.raises(TargetError, match=words):
        _target(query)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("pass", "ended without a word"),
        ("print('hello')", "said 'hello'"),
        ("print('[1]')", "said '[1]'"),
        ("print('{\"ready\": true}')", "named no ports"),
        ("import time; time.sleep(60)", "not ready after 1 s"),
    ],
)
async def test_a_platform_that_does_not_start(monkeypatch: pytest.MonkeyPatch, code: str, said: str) -> None:
    monkeypatch.setattr(platform, "START_SECONDS", 1.0)
    monkeypatch.setattr(platform, "STOP_SECONDS", 0.2)
    monkeypatch.setattr(platform, "LAST_SECONDS", 0.0)
    _stand_in(monkeypatch, code)
    target = _target()
    with pytest.raises(TargetError) as caught:
        await target.open()

    assert said in str(caught.value)
    assert target.pids() == []


async def test_somebody_elses_port_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        _stand_in(monkeypatch, OWNER, str(port))
        with pytest.raises(
            TargetError, match=rf"port {port} belongs to another process \(pid {os.getpid()}\)"
        ):
            await _target().open()


async def test_what_does_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "STOP_SECONDS", 0.3)
    monkeypatch.setattr(platform, "LAST_SECONDS", 0.3)
    _stand_in(monkeypatch, STUBBORN)
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    with pytest.raises(TargetError, match="child ") as caught:
        await _target().open()

    child = int(str(caught.value).rsplit(" ", 1)[1])
    assert not psutil.pid_exists(child) or not alive(psutil.Process(child))
    assert {process.pid for process in psutil.Process().children(recursive=True) if alive(process)} <= before


async def test_a_kill_at_close_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "STOP_SECONDS", 0.0)
    monkeypatch.setattr(platform, "LAST_SECONDS", 0.0)
    target = _target()
    await target.open()
    (pid,) = target.pids()
    family = tree(pid)
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(TargetError, match="was killed"):
        await target.close()

    await _gone(family)
    await target.close()


async def test_a_platform_that_is_killed() -> None:
    target = _target()
    await target.open()
    try:
        await target.register("m", "echo", 1)
        (pid,) = target.pids()
        family = tree(pid)
        os.kill(pid, signal.SIGKILL)
        await _gone(family)

        assert not await target.healthy()
        with pytest.raises(TargetError):
            await target.models()
    finally:
        await target.close()
    assert target.pids() == []


async def test_an_open_that_is_cancelled() -> None:
    target = _target()
    with anyio.move_on_after(0.05) as scope:
        await target.open()

    assert scope.cancelled_caught
    assert target.pids() == []
    await target.close()


async def test_it_dies_with_the_harness() -> None:
    code = (
        "import anyio, sys\n"
        "from chaos.targets.registry import open_by_url\n"
        "async def main():\n"
        "    target = open_by_url('embedded')\n"
        "    await target.open()\n"
        "    await target.register('m', 'echo', 2)\n"
        "    print(target.pids()[0], flush=True)\n"
        "    await anyio.sleep(60)\n"
        "anyio.run(main)\n"
    )
    harness = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220
    try:
        assert harness.stdout is not None
        pid = int(await anyio.to_thread.run_sync(harness.stdout.readline))
        family = tree(pid)
        assert len(family) >= 4
    finally:
        harness.kill()
        harness.communicate()

    await _gone(family)
    assert [process for process in session_members(pid) if alive(process)] == []


async def test_a_package_that_is_missing() -> None:
    target = _target()
    await target.open()
    try:
        with pytest.raises(TargetError, match="no-such-package"):
            await target.register("m", "no-such-package", 1)
        assert await target.models() == []
    finally:
        await target.close()


async def test_packages_of_ones_own(tmp_path: Path) -> None:
    code = tmp_path / "twice" / "code"
    code.mkdir(parents=True)
    (code / "inference.py").write_text(
        "def model_fn(d): return 2\ndef predict_fn(data, model): return data['x'] * model\n"
    )
    target = _target(f"?models={tmp_path}")
    await target.open()
    try:
        await target.register("m", "twice", 1)
        assert (await target.describe("m")).ready
    finally:
        await target.close()
