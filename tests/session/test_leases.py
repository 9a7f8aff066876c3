"""A fault is written down before it acts, reverted whatever happens, and the history says what truly happened."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar

import anyio
import pytest

from chaos.faults.base import Blast, FaultArguments, FaultContext, FaultError, Needs, RevertError, Undo
from chaos.session import leases as module
from chaos.session.books import Books
from chaos.session.leases import Lease, Leases
from chaos.session.safety import Safety, SafetyLimits
from chaos.targets.testing import FakeTarget

A_THING = Blast(("a thing",))
DEFAULT = SafetyLimits()


class Scripted:
    """A fault that does what a test says at one of its steps. It is reverted by name, so the class keeps count."""

    Arguments: ClassVar[type[FaultArguments]] = FaultArguments
    needs: ClassVar[Needs] = Needs()
    reverted: ClassVar[list[Undo]] = []
    in_revert: ClassVar[Callable[[], Awaitable[None]] | None] = None

    def __init__(self, blast: Blast | None = A_THING, **steps: Callable[[], Awaitable[None]]) -> None:
        self.blast = blast
        self.steps = steps

    async def inject(self, context: FaultContext) -> None:
        if self.blast is not None:
            await context.intend(self.blast, {"thing": 1})
        await self._step("inject")

    async def hold(self, seconds: float) -> None:
        await self._step("hold")

    @staticmethod
    async def revert(undo: Undo) -> str:
        Scripted.reverted.append(undo)
        if Scripted.in_revert is not None:
            await Scripted.in_revert()
        return "did it"

    async def _step(self, name: str) -> None:
        if name in self.steps:
            await self.steps[name]()


class Rig:
    """Leases that write to a list, around scripted faults, with a real ledger and a real warden."""

    def __init__(self, tmp_path: Path, *faults: Scripted, limits: SafetyLimits = DEFAULT) -> None:
        self.events: list[dict[str, Any]] = []
        self.phases: list[str] = []
        self.faults = list(faults)
        self.directory = tmp_path
        self.books = Books("run", "fake", tmp_path, lambda text: self._emit("problem", text=text))
        safety = Safety(limits, ())
        self.leases = Leases(
            "run", self.books, safety, self._emit, lambda: self._emit("synced"), self.phases.append
        )

    def _emit(self, kind: str, at: float | None = None, **values: object) -> None:
        self.events.append({"kind": kind, **values})

    async def hold(self, seconds: float = 0.01) -> dict[str, Any]:
        return await self.leases.hold("scripted", {"model": "m"}, seconds, self._context)

    def _context(self, _fault: object, _name: str, lease: Lease) -> FaultContext:
        async def nothing(*_arguments: object) -> Any:
            raise AssertionError("a scripted fault starts nothing")

        async def intend(blast: Blast, undo: Undo) -> None:
            await self.leases.intend(lease, blast, undo)

        return FaultContext(lease.name, FakeTarget(), 1, lease.seconds, intend, nothing, nothing)

    @property
    def story(self) -> list[str]:
        """What happened, in order."""
        return [str(event.get("event", event["kind"])) for event in self.events]

    def ledger(self) -> list[str]:
        """What the ledger said of it, when it was put away."""
        lines = (self.directory / "ledger.jsonl").read_text().splitlines()
        return [json.loads(line)["event"] for line in lines]


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ledgers of the test's own, and a script that nobody wrote in yet."""
    monkeypatch.setenv("CHAOS_LEDGER", str(tmp_path / "ledgers"))
    monkeypatch.setattr(Scripted, "reverted", [])
    monkeypatch.setattr(Scripted, "in_revert", None)


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Rig]:
    """Makes a rig whose faults are those given, in order."""

    def rig(*faults: Scripted, limits: SafetyLimits = DEFAULT) -> Rig:
        made = Rig(tmp_path, *faults, limits=limits)
        monkeypatch.setattr(module, "create_fault", lambda _name, _arguments: made.faults.pop(0))
        return made

    return rig


async def boom() -> None:
    raise ValueError("seeded")


def run(rig: Rig, body: Callable[[], Awaitable[None]]) -> None:
    """Run a test's body while the rig's books are open."""

    async def main() -> None:
        with anyio.fail_after(30):
            async with rig.books:
                await body()

    anyio.run(main)


def test_the_intent_is_on_disk_before_the_injection(make: Callable[..., Rig], tmp_path: Path) -> None:
    written: list[str] = []

    async def look() -> None:
        text = next((tmp_path / "ledgers").iterdir()).read_text()
        written.extend(json.loads(line)["event"] for line in text.splitlines())

    rig = make(Scripted(inject=look))

    async def body() -> None:
        assert (await rig.hold())["cut_short"] is False

    run(rig, body)
    assert written == ["run", "intent"]
    assert rig.story == ["intent", "synced", "injected", "reverted"]
    assert rig.events[2]["touches"] == ["a thing"]
    assert rig.events[3]["did"] == "did it"
    assert rig.ledger() == ["run", "intent", "in force", "reverted"]
    assert Scripted.reverted == [{"thing": 1}]
    assert rig.phases == ["fault", "recovery"]


@pytest.mark.parametrize("step", ["inject", "hold"])
def test_a_fault_that_fails_is_reverted_and_said_to_have_failed(make: Callable[..., Rig], step: str) -> None:
    rig = make(Scripted(A_THING, **{step: boom}))

    async def body() -> None:
        with pytest.raises(FaultError, match="seeded"):
            await rig.hold()

    run(rig, body)
    assert len(Scripted.reverted) == 1
    assert rig.story[-2:] == ["failed", "reverted"]
    assert "seeded" in rig.events[-2]["reason"]
    assert not rig.leases.held


def test_a_fault_has_to_state_what_it_touches(make: Callable[..., Rig]) -> None:
    rig = make(Scripted(blast=None))

    async def body() -> None:
        with pytest.raises(FaultError, match="did not state"):
            await rig.hold()

    run(rig, body)
    assert rig.ledger() == ["run"]


@pytest.mark.parametrize(
    ("blast", "told"),
    [
        (
            Blast(("far",), hosts=("192.0.2.1",)),
            "192.0.2.1, which is not this machine.*--var allow=192.0.2.1",
        ),
        (Blast(("all",), replicas=2, of=2), "all 2 replicas.*all_replicas"),
    ],
)
def test_too_wide_a_blast_touches_nothing(make: Callable[..., Rig], blast: Blast, told: str) -> None:
    acted: list[bool] = []

    async def act() -> None:
        acted.append(True)

    rig = make(Scripted(blast, inject=act))

    async def body() -> None:
        with pytest.raises(FaultError, match=told):
            await rig.hold()

    run(rig, body)
    assert (acted, Scripted.reverted, rig.ledger()) == ([], [], ["run"])


def test_all_replicas_if_asked(make: Callable[..., Rig]) -> None:
    rig = make(Scripted(Blast(("all",), replicas=2, of=2)), limits=SafetyLimits(all_replicas=True))

    async def body() -> None:
        await rig.hold()

    run(rig, body)
    assert rig.story[-1] == "reverted"


def test_cutting_short_reverts_at_once(make: Callable[..., Rig]) -> None:
    rig = make(Scripted(hold=anyio.sleep_forever))

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

    run(rig, body)
    assert rig.events[-1]["reason"] == "cut short"


def test_recovery_begins_when_the_last_of_two_is_reverted(make: Callable[..., Rig]) -> None:
    rig = make(Scripted(hold=anyio.sleep_forever), Scripted(hold=anyio.sleep_forever))

    async def body() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rig.hold)
            tasks.start_soon(rig.hold)
            await anyio.wait_all_tasks_blocked()
            assert await rig.leases.revert() == 2

    run(rig, body)
    assert rig.phases == ["fault", "fault", "recovery"]
    assert rig.story.count("reverted") == 2


def test_no_more_at_once_than_the_cap(make: Callable[..., Rig]) -> None:
    rig = make(Scripted(hold=anyio.sleep_forever), Scripted(), limits=SafetyLimits(leases=1))

    async def body() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rig.hold)
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(FaultError, match="1 faults are in force already"):
                await rig.hold()
            await rig.leases.revert()

    run(rig, body)
    assert len(Scripted.reverted) == 1


async def refuse() -> None:
    raise RevertError("it is stuck (pull the plug by hand)")


@pytest.mark.parametrize(("how", "told"), [(refuse, "pull the plug"), (boom, "seeded")])
def test_a_revert_that_fails_is_loud_and_the_warden_tries_again(
    make: Callable[..., Rig], how: Callable[[], Awaitable[None]], told: str
) -> None:
    rig = make(Scripted())
    Scripted.in_revert = staticmethod(how)

    async def body() -> None:
        await rig.hold()

    run(rig, body)
    assert rig.story[-1] == "not reverted"
    assert told in rig.events[-1]["reason"]
    assert "chaos recover" in rig.events[-1]["reason"]
    # In a process of its own nothing is in the way of it.
    assert rig.ledger()[:5] == ["run", "intent", "in force", "not reverted", "reverted"]


def test_a_revert_that_hangs_is_a_problem(make: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chaos.faults.reverting.REVERT_SECONDS", 0.05)
    monkeypatch.setattr("chaos.session.books.END_SECONDS", 0.1)
    rig = make(Scripted())
    Scripted.in_revert = staticmethod(anyio.sleep_forever)

    async def body() -> None:
        await rig.hold()

    run(rig, body)
    assert rig.story[-1] == "not reverted"
    assert "did not end within" in rig.events[-1]["reason"]
