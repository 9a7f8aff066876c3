"""A fault is reverted whatever happens, and the history says what truly happened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from chaos.faults.base import FaultContext, FaultError
from chaos.session import leases as module
from chaos.session.leases import Leases
from chaos.targets.testing import FakeTarget
from chaos.traffic.running import RunningTraffic
from chaos.traffic.spec import WorkerSpec


class Scripted:
    """A fault that does what a test says at one of its three steps."""

    def __init__(self, **steps: Callable[[], Awaitable[None]]) -> None:
        self.steps = steps
        self.reverted = 0

    async def inject(self, context: FaultContext) -> None:
        await self._step("inject")

    async def hold(self, seconds: float) -> None:
        await self._step("hold")

    async def revert(self) -> None:
        self.reverted += 1
        await self._step("revert")

    async def _step(self, name: str) -> None:
        if name in self.steps:
            await self.steps[name]()


class Rig:
    """Leases that write to a list, around scripted faults."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *faults: Scripted) -> None:
        self.events: list[dict[str, Any]] = []
        self.phases: list[str] = []
        waiting = list(faults)
        monkeypatch.setattr(module, "create_fault", lambda _name, _arguments: waiting.pop(0))
        self.leases = Leases(self._emit, lambda: self._emit("synced"), self.phases.append)

    def _emit(self, kind: str, at: float | None = None, **values: object) -> None:
        self.events.append({"kind": kind, **values})

    async def hold(self, seconds: float = 0.01) -> dict[str, Any]:
        return await self.leases.hold("scripted", {"model": "m"}, seconds, _context)

    @property
    def story(self) -> list[str]:
        """What happened, in order."""
        return [str(event.get("event", event["kind"])) for event in self.events]


def _context(lease: str) -> FaultContext:
    async def traffic(spec: WorkerSpec) -> RunningTraffic:
        raise AssertionError("a scripted fault has no traffic")

    return FaultContext(FakeTarget(), 1, traffic)


async def boom() -> None:
    raise ValueError("seeded")


def run(body: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        with anyio.fail_after(10):
            await body()

    anyio.run(main)


def test_the_intent_is_on_disk_before_the_injection(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch, Scripted())

    async def body() -> None:
        assert (await rig.hold())["cut_short"] is False

    run(body)
    assert rig.story == ["intent", "synced", "injected", "reverted"]
    assert rig.phases == ["fault", "recovery"]


@pytest.mark.parametrize("step", ["inject", "hold"])
def test_a_fault_that_fails_is_reverted_and_said_to_have_failed(
    monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    fault = Scripted(**{step: boom})
    rig = Rig(monkeypatch, fault)

    async def body() -> None:
        with pytest.raises(FaultError, match="seeded"):
            await rig.hold()

    run(body)
    assert fault.reverted == 1
    assert rig.story[-2:] == ["failed", "reverted"]
    assert "seeded" in rig.events[-2]["reason"]
    assert not rig.leases.held


def test_cutting_short_reverts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch, Scripted(hold=anyio.sleep_forever))

    async def body() -> None:
        async def hold() -> None:
            found.update(await rig.hold(3600))

        found: dict[str, Any] = {}
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(hold)
            await anyio.wait_all_tasks_blocked()
            assert rig.leases.cut_short()
            assert not rig.leases.cut_short()
        assert found["cut_short"] is True

    run(body)
    assert rig.events[-1]["reason"] == "cut short"


def test_recovery_begins_when_the_last_of_two_is_reverted(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch, Scripted(hold=anyio.sleep_forever), Scripted(hold=anyio.sleep_forever))

    async def body() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rig.hold)
            tasks.start_soon(rig.hold)
            await anyio.wait_all_tasks_blocked()
            assert await rig.leases.revert() == 2

    run(body)
    assert rig.phases == ["fault", "fault", "recovery"]
    assert rig.story.count("reverted") == 2


def test_a_revert_that_hangs_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REVERT_SECONDS", 0.05)
    rig = Rig(monkeypatch, Scripted(revert=anyio.sleep_forever))

    async def body() -> None:
        await rig.hold()

    run(body)
    assert rig.story[-1] == "problem"
    assert "reverted" not in rig.story
