"""The embedded platform's processes: what is owed before the start, and what undoes it whoever is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import psutil
import pytest

from chaos.cgroups import find_base
from chaos.errors import TargetError
from chaos.marks import PLATFORM, bearers
from chaos.targets import platform as module
from chaos.targets.base import Errors, Parts, need
from chaos.targets.context import TargetContext
from chaos.targets.embedded import Embedded, open_target
from chaos.targets.platform import Platform
from chaos.targets.processes import alive, tree
from chaos.targets.records import Part
from chaos.targets.testing import ValidatingTarget
from chaos.targets.url import TargetURL
from tests.targets.contract import infer

pytestmark = pytest.mark.anyio

HARNESS = """
import anyio, json, sys
from chaos.targets.registry import open_by_url
def owe(by, touches, undo):
    print(json.dumps(dict(undo)), flush=True)
    return lambda: None
async def main():
    target = open_by_url('embedded', owe=owe)
    await target.open()
    await target.register('m', 'echo', 2)
    print(target.pids()[0], flush=True)
    await anyio.sleep(60)
anyio.run(main)
"""


class Book:
    """What an adapter owes, and whether it was settled."""

    def __init__(self) -> None:
        self.owed: list[dict[str, Any]] = []
        self.settled = 0
        self.running_then: list[int] = []

    def owe(self, by: str, touches: Sequence[str], undo: Mapping[str, Any]) -> Callable[[], None]:
        assert by == "chaos.targets.platform:Platform"
        assert touches
        self.owed.append(json.loads(json.dumps(dict(undo))))
        self.running_then = bearers(PLATFORM, undo["token"])

        def settle() -> None:
            self.settled += 1

        return settle


def _target(book: Book, query: str = "") -> Embedded:
    target = open_target(TargetURL.parse(f"embedded{query}", ["embedded"]), TargetContext(owe=book.owe))
    assert isinstance(target, Embedded)
    return target


def _places(undo: Mapping[str, Any]) -> list[Path]:
    return [Path(undo[name]) for name in ("state", "cgroup") if undo[name]]


async def _until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    with anyio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110 - nothing tells
            await anyio.sleep(0.02)


async def test_what_is_owed_is_told_before_the_start_and_settled_after_the_end() -> None:
    book = Book()
    target = _target(book)
    await target.open()
    try:
        (undo,) = book.owed
        assert book.running_then == []
        assert all(place.is_dir() for place in _places(undo))
        assert bool(undo["cgroup"]) is (find_base() is not None)
        assert set(bearers(PLATFORM, undo["token"])) == {process.pid for process in tree(target.pids()[0])}
        assert book.settled == 0
    finally:
        await target.close()

    assert book.settled == 1
    assert bearers(PLATFORM, undo["token"]) == []
    assert not any(place.exists() for place in _places(undo))
    assert await Platform.revert(undo) == "the embedded platform: nothing was left"


async def test_without_cgroups_none_are_owed() -> None:
    book = Book()
    target = _target(book, "?cgroup=no")
    await target.open()
    await target.close()

    assert book.owed[0]["cgroup"] == ""


async def test_a_start_that_fails_is_settled_too() -> None:
    book = Book()
    with pytest.raises(TargetError, match="unknown defect"):
        await _target(book, "?defect=nonsense").open()

    assert book.settled == 1


@pytest.mark.parametrize("victims", ["harness", "harness and supervisor", "harness and all its processes"])
async def test_nothing_is_left_after_a_kill_and_the_revert(victims: str) -> None:
    harness = subprocess.Popen([sys.executable, "-c", HARNESS], stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220
    try:
        assert harness.stdout is not None
        undo = json.loads(await anyio.to_thread.run_sync(harness.stdout.readline))
        root = int(await anyio.to_thread.run_sync(harness.stdout.readline))
        family = tree(root)
        assert {process.pid for process in family} == set(bearers(PLATFORM, undo["token"]))
    finally:
        harness.kill()
        harness.communicate()
    if victims == "harness and supervisor":
        os.kill(root, signal.SIGKILL)
    if victims == "harness and all its processes":
        for process in family:
            if process.is_running():
                process.kill()
    start = time.monotonic()
    said = await Platform.revert(undo)

    assert time.monotonic() - start < 5
    # those that others killed before it looked may have their last moment still
    await _until(lambda: not any(alive(process) for process in family), 1.0)
    assert not any(place.exists() for place in _places(undo))
    if victims != "harness":
        assert "removed its state" in said
    assert await Platform.revert(undo) == "the embedded platform: nothing was left", (
        "again, and it is no error"
    )


async def test_a_frozen_platform_is_ended_by_the_revert(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.2)
    book = Book()
    target = _target(book)
    await target.open()
    try:
        family = tree(target.pids()[0])
        for process in family:
            process.suspend()
        said = await Platform.revert(book.owed[0])

        assert "ended " in said
        assert not any(alive(process) for process in family)
    finally:
        await target.close()


async def test_one_that_has_to_be_killed_leaves_nothing_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_SECONDS", 0.0)
    monkeypatch.setattr(module, "LAST_SECONDS", 0.0)
    book = Book()
    target = _target(book)
    await target.open()
    await target.register("m", "echo", 1)
    os.kill(target.pids()[0], signal.SIGSTOP)
    with pytest.raises(TargetError, match="was killed"):
        await target.close()

    await _until(lambda: not bearers(PLATFORM, book.owed[0]["token"]))
    assert not any(place.exists() for place in _places(book.owed[0]))
    assert book.settled == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"token": "x"}, "no token"),
        ({"state": "/home"}, "no directory of"),
        ({"cgroup": "/run"}, "no cgroup of"),
    ],
)
async def test_a_revert_touches_nothing_that_is_not_a_platforms(change: dict[str, str], words: str) -> None:
    undo = {"token": os.urandom(8).hex(), "cgroup": "", "state": "/nowhere/chaos-embedded-x"} | change
    with pytest.raises(TargetError, match=words):
        await Platform.revert(undo)


async def _replaced(target: Embedded, part: Part) -> Part:
    """What has taken the place of a part that was killed."""
    while True:
        for other in await target.parts():
            if (other.role, other.model) == (part.role, part.model) and other.started > part.started:
                return other
        await anyio.sleep(0.02)


async def test_parts_are_what_runs_and_each_comes_back() -> None:
    target = _target(Book())
    await target.open()
    try:
        await target.register("m", "echo", 2)
        await target.register("n", "sleep", 1)
        parts = await target.parts()
        roles = sorted((part.role, part.model) for part in parts)
        assert roles == [("manager", ""), ("proxy", ""), ("replica", "m"), ("replica", "m"), ("replica", "n")]
        family = {process.pid: process.create_time() for process in tree(target.pids()[0])}
        assert {part.pid: part.started for part in parts}.items() <= family.items()
        for role in ("proxy", "replica", "manager"):
            part = next(
                part for part in await target.parts() if part.role == role and part.model in ("", "n")
            )
            psutil.Process(part.pid).kill()
            with anyio.fail_after(15):
                fresh = await _replaced(target, part)
            assert fresh.pid != part.pid
        status, body = await infer(target, "m", {"a": 1})
        assert (status, json.loads(body)) == (200, {"a": 1})
        assert await target.models() == ["m", "n"]
    finally:
        await target.close()
    with pytest.raises(TargetError, match="not open"):
        await target.parts()


async def test_parts_of_a_frozen_manager_are_known_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chaos.targets.embedded.ASK_SECONDS", 0.3)
    target = _target(Book())
    await target.open()
    try:
        await target.register("m", "echo", 2)
        before = await target.parts()
        manager = next(psutil.Process(part.pid) for part in before if part.role == "manager")
        manager.suspend()
        try:
            assert await target.parts() == before
        finally:
            manager.resume()
    finally:
        await target.close()


async def test_the_error_history_names_who_ended_a_replica() -> None:
    target = ValidatingTarget(_target(Book(), "?memory=64&cgroup=no"))
    await target.open()
    try:
        register, errors = need(target, Parts), need(target, Errors)
        await target.register("m", "allocate", 1)  # type: ignore[attr-defined]
        (replica,) = [part for part in await register.parts() if part.role == "replica"]
        assert await errors.errors("m") == []
        status, _ = await infer(target, "m", {"mebibytes": 256})
        assert status == 507
        (error,) = await errors.errors("m")
        assert (error.type, error.by, error.pid) == ("OOMKilled", "limit", replica.pid)
        assert replica.detail == f"worker {error.worker}"
        assert 0 < time.monotonic() - error.monotonic < 20
    finally:
        await target.close()
