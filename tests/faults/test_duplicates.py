"""Duplicates leave one end state on a platform that is right, and what they did is seen on one that is not."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chaos.errors import CapabilityError, DocumentError, TargetError
from chaos.faults import duplicates, duplicates_round, scaling_back, settling
from chaos.faults.base import FaultError, RevertError
from chaos.faults.duplicates import Duplicates, DuplicatesArguments
from chaos.faults.registry import check_needs, create_fault
from chaos.faults.testing import FakeContext, check_fault, fake_context
from chaos.targets.base import Describe, Register, Scale, Target, need
from chaos.targets.registry import open_by_url
from chaos.targets.testing import FakeTarget
from tests.faults.control_plane import control_plane

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _short_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "QUIET_SECONDS", 0.2)


@asynccontextmanager
async def opened(url: str, defects: tuple[str, ...] = ()) -> AsyncIterator[Target]:
    target = open_by_url(url, defects=defects)
    await target.open()
    try:
        yield target
    finally:
        await target.close()


@asynccontextmanager
async def platform(*defects: str) -> AsyncIterator[Target]:
    """An embedded platform that serves one model with one worker, and another beside it."""
    async with opened("embedded", defects) as target:
        for name in ("victim", "other"):
            await need(target, Register).register(name, "sleep", 1)
        yield target


async def strike(target: Target, seconds: float = 0.3, seed: int = 1, **arguments: Any) -> FakeContext:
    """Inject, hold and revert; without ``seconds`` only inject, on a target that is thrown away."""
    fault = Duplicates(DuplicatesArguments(model="victim", **{"workers": 3, "settle": 2.0} | arguments))
    async with fake_context(target, seconds=seconds, seed=seed) as context:
        try:
            await fault.inject(context.given)
            if seconds:
                await fault.hold(seconds)
        finally:
            if context.stated and seconds:
                await fault.revert(context.undo)
    return context


def parts(context: FakeContext, number: int = 1) -> list[str]:
    """The parts of a round's operations, as they started."""
    notes = [note for note in context.noted("operation") if note["round"] == number]
    return [note["part"] for note in sorted(notes, key=lambda note: note["start"])]


async def test_on_the_embedded_platform() -> None:
    async with platform() as target:
        describe = need(target, Describe)

        async def effect() -> bool:
            return (await describe.describe("victim")).desired != 1

        arguments = DuplicatesArguments(model="victim", workers=3, rounds=1, copies=6)
        context = await check_fault(lambda: Duplicates(arguments), target, effect=effect)
        (told,) = context.noted("round")
        assert (told["wanted"], told["processes"]) == (3, 3)
        assert told["described"]["desired"] == told["described"]["workers"] == 3
        assert told["answers"] == {"200": 6}
        assert told["acceptable"]
        assert told["spread"] <= 0.001
        assert told["settled_in"] < 2.0
        assert sorted(note["copy"] for note in context.noted("operation")) == list(range(6))
        assert (await describe.describe("other")).workers == 1
        gone = context.undo
    assert "gone" in await Duplicates.revert(gone), "and its models with it"


@pytest.mark.parametrize("lost", ["answered", "early"])
async def test_different_ones_in_between_and_answers_lost(lost: str) -> None:
    async with platform() as target:
        context = await strike(
            target, rounds=2, copies=4, interleave=[1, 2], lost_answers=0.5, lost=lost, settle=10.0
        )
    assert [note["processes"] for note in context.noted("round")] == [3, 3]
    assert all(note["acceptable"] and note["settled_in"] is not None for note in context.noted("round"))
    notes = context.noted("operation")
    assert [note["workers"] for note in notes if note["part"] == "other"] == [1, 2]
    assert parts(context)[:5] == ["copy", "copy", "other", "copy", "copy"]
    assert sorted(parts(context)[5:7]) == ["again", "again"]
    assert parts(context)[7:] == ["last"]
    assert parts(context, 2)[0] == "first"
    assert [note["outcome"] for note in notes if note["lost"]] == ["info"] * 4
    for number in (1, 2):
        copies = [note for note in notes if note["round"] == number and note["part"] == "copy"]
        assert min(copies, key=lambda note: note["start"])["lost"], "the one that acts"
    assert {note["outcome"] for note in notes if not note["lost"]} == {"ok"}
    assert {note["copy"] for note in notes if note["lost"]} == {
        note["copy"] for note in notes if note["part"] == "again"
    }


@pytest.mark.parametrize("defect", ["scale_adds", "scale_unserialised"])
async def test_what_a_platform_does_that_is_wrong_is_seen(defect: str) -> None:
    async with platform(defect) as target:
        (told,) = (await strike(target, rounds=1, copies=4, settle=1.0)).noted("round")
    assert told["settled_in"] is None
    assert told["processes"] > 3


async def test_processes_are_counted_not_believed() -> None:
    async with platform("scale_describes_only") as target:
        (told,) = (await strike(target, rounds=1, copies=4, settle=0.5)).noted("round")
    assert (told["described"]["desired"], told["described"]["workers"]) == (3, 3)
    assert told["processes"] == 1
    assert told["settled_in"] is None


async def test_additions_are_seen_on_another_server() -> None:
    for mode, alive in (("", 3), ("adds", 9)):
        with control_plane(mode) as server:
            async with opened(server.target) as target:
                (told,) = (await strike(target, rounds=1, copies=4, settle=0.5)).noted("round")
        assert told["processes"] == len(told["described"]["pids"]) == alive
        assert (told["settled_in"] is None) is (mode == "adds")


@pytest.mark.parametrize(("mode", "acceptable"), [("busy", True), ("broken", False)])
async def test_which_answers_duplicates_may_get(mode: str, acceptable: bool) -> None:
    with control_plane(mode) as server:
        async with opened(server.target) as target:
            (told,) = (await strike(target, rounds=1, copies=4)).noted("round")
    assert told["acceptable"] is acceptable
    assert told["answers"] == {"200": 1, "409" if acceptable else "500": 3}
    assert told["settled_in"] is not None


async def test_the_seed_draws_the_order() -> None:
    with control_plane() as server:
        async with opened(server.target) as target:
            orders = []
            for seed, reorder in ((1, True), (1, True), (2, True), (1, False)):
                context = await strike(target, 0.0, seed=seed, copies=8, reorder=reorder)
                notes = sorted(context.noted("operation"), key=lambda note: note["start"])
                orders.append([note["copy"] for note in notes if note["part"] == "copy"])
    assert orders[0] == orders[1] != orders[2]
    assert orders[3] == sorted(orders[0]) == sorted(orders[2]) == list(range(8))


async def test_rounds_are_spread_over_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with control_plane() as server:
        async with opened(server.target) as target:
            context = await strike(target, seconds=3.0, rounds=3, copies=2)
            began = [
                min(note["start"] for note in context.noted("operation") if note["round"] == number)
                for number in (1, 2, 3)
            ]
            assert began[1] - began[0] >= 1.0
            assert began[2] - began[0] >= 2.0
            monkeypatch.setattr(duplicates, "OVERTIME_SECONDS", 0.1)
            with pytest.raises(FaultError, match=r"only \d of 50 rounds were done"):
                await strike(target, seconds=0.7, rounds=50, copies=2)


async def test_those_that_are_not_simultaneous_are_no_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates_round, "SPREAD_SECONDS", 0.0)
    with control_plane() as server:
        async with opened(server.target) as target:
            with pytest.raises(FaultError, match=r"not simultaneous: spread .* ms at try 3 of 3"):
                await strike(target, copies=2)
            assert (await need(target, Describe).describe("victim")).workers == 1, "and was reverted"


async def test_what_it_touches_and_where_it_begins() -> None:
    with control_plane() as server:
        async with opened(server.target) as target:
            for arguments, replicas in (({"workers": 3}, 0), ({"workers": 0}, 1), ({"interleave": [0]}, 1)):
                context = await strike(target, 0.0, copies=2, **arguments)
                await need(target, Scale).scale("victim", 1)
                blast, undo = context.stated[0]
                assert (blast.replicas, blast.of, blast.hosts) == (replicas, 1, ("127.0.0.1",))
                assert "victim" in blast.touches[0]
                assert undo["workers"] == 1
            context = await strike(target, 0.0, copies=2, workers=1)
            assert parts(context) == ["first", "copy", "copy"]
            assert context.noted("operation")[0]["workers"] == 2


async def test_a_model_that_is_not_there() -> None:
    with control_plane() as server:
        async with opened(server.target) as target:
            fault = Duplicates(DuplicatesArguments(model="nobody", workers=2))
            async with fake_context(target) as context:
                with pytest.raises(TargetError, match="404"):
                    await fault.inject(context.given)
            assert context.stated == []


async def test_a_secret_does_not_get_into_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAOS_TEST_TOKEN", "secret")
    with control_plane() as server:
        async with opened(f"{server.target}&management_token=secret") as target:
            with pytest.raises(FaultError, match="env:NAME"):
                await strike(target)
        async with opened(f"{server.target}&management_token=env:CHAOS_TEST_TOKEN") as target:
            context = await strike(target, rounds=1, copies=2)
    assert "secret" not in str(context.undo)


async def test_reverting_what_is_gone_or_does_not_move(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling_back, "GONE_SECONDS", 0.2)
    with control_plane() as server:
        undo = {"url": server.target, "model": "victim", "workers": 2, "root": None, "allow": []}
        for _ in range(2):
            assert "to 2 workers" in await Duplicates.revert(undo)
        assert "is gone" in await Duplicates.revert({**undo, "model": "nobody"})
        server.process.send_signal(signal.SIGSTOP)  # it is there, and says nothing
        try:
            monkeypatch.setattr(scaling_back, "SECONDS", 1.0)
            with pytest.raises(RevertError, match="to 2 workers by hand"):
                await Duplicates.revert(undo)
        finally:
            server.process.send_signal(signal.SIGCONT)
            monkeypatch.setattr(scaling_back, "SECONDS", 15.0)
    assert "target is gone" in await Duplicates.revert(undo)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"model": "m"}, "workers"),
        ({"model": "m", "workers": 65}, "workers"),
        ({"model": "m", "workers": 2, "copies": 1}, "copies"),
        ({"model": "m", "workers": 2, "interleave": [-1]}, "interleave"),
        ({"model": "m", "workers": 2, "lost": "late"}, "lost"),
        ({"model": "m", "workers": 2, "operation": "load"}, "operation"),
    ],
)
def test_arguments_that_do_not_fit(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(DocumentError, match=told):
        create_fault("duplicates", arguments)


def test_it_is_not_applicable_where_nothing_scales() -> None:
    fault = create_fault("duplicates", {"model": "m", "workers": 2})
    check_needs("duplicates", fault, FakeTarget(), "")
    with pytest.raises(CapabilityError, match="'scale'"):
        check_needs("duplicates", fault, open_by_url("oip+http://127.0.0.1:1"), "")
