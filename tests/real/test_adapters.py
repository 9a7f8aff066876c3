"""The contract suite of the adapters on real servers, and what is special about each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psutil
import pytest

from chaos.errors import CapabilityError, TargetError
from chaos.targets import oip
from chaos.targets.base import Describe, Processes, Register, Scale, Target, need
from chaos.targets.context import UnansweredError
from chaos.targets.registry import open_by_url
from tests.targets.contract import check_batches, check_contract, infer

pytestmark = [pytest.mark.real, pytest.mark.anyio]

MODES: dict[str, tuple[str, dict[str, Any], Sequence[int]]] = {
    "hostile-occupy": ("sleep", {"sleep_ms": 20}, [200]),
    "hostile-burn": ("burn", {"burn_ms": 20}, [200]),
    "hostile-huge": ("huge", {"mebibytes": 16}, [200]),
}


async def test_the_contract(shared_url: str, request: pytest.FixtureRequest) -> None:
    await check_contract(open_by_url(shared_url), scales="mlserver" not in request.node.name)


@pytest.mark.parametrize("shared_url", ["triton"], indirect=True, scope="session")
async def test_a_triton_whose_repository_decides(shared_url: str) -> None:
    url = shared_url.partition("?")[0]
    await check_contract(open_by_url(url), scales=False)
    await check_batches(open_by_url(url))
    target = open_by_url(url)
    await target.open()
    try:
        await need(target, Register).register("victim", "sleep", 1)
        state = await need(target, Describe).describe("victim")

        assert (state.workers, state.desired) == (2, 2), "as the repository has it, whatever was asked for"
    finally:
        await _let_go(target, "victim")


async def test_batches(shared_url: str, request: pytest.FixtureRequest) -> None:
    target = open_by_url(shared_url)
    if "mlserver" in request.node.name:
        with pytest.raises(CapabilityError, match="neither Triton nor the embedded platform"):
            await check_batches(target)
    elif "mms" in request.node.name:  # the toolkit gives a batch to its handler one by one
        with pytest.raises(AssertionError, match="one service time for all"):
            await check_batches(target)
    else:
        await check_batches(target)


@pytest.mark.parametrize("model", sorted(MODES))
async def test_the_handlers_do_what_they_are_for(shared_url: str, model: str) -> None:
    package, payload, statuses = MODES[model]
    target = open_by_url(shared_url)
    await target.open()
    try:
        await need(target, Register).register(model, package, 2)
        status, body = await infer(target, model, {**payload, "nonce": "{nonce}"})

        assert status in statuses, body[:500]
        assert b"0123456789abcdef" in body
        assert len(body) >= int(payload.get("mebibytes", 0)) << 20
    finally:
        await _let_go(target, model)


async def test_an_error_of_the_handler_is_an_answer(shared_url: str) -> None:
    target = open_by_url(shared_url)
    await target.open()
    try:
        await need(target, Register).register("hostile-crash", "crash", 2)
        assert (await infer(target, "hostile-crash", {"how": "none", "nonce": "{nonce}"}))[0] == 200
        assert (await infer(target, "hostile-crash", {"how": "raise"}))[0] >= 500
        assert await target.healthy()
    finally:
        await _let_go(target, "hostile-crash")


async def test_a_crash_is_told_truly(server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Triton 2.51 never unloads a model whose stub died: the adapter must say so, and not that it is gone."""
    monkeypatch.setattr(oip, "GONE_SECONDS", 5.0)
    target = open_by_url(server_url)
    await target.open()
    register = need(target, Register)
    try:
        await register.register("hostile-crash", "crash", 2)
        assert (await infer(target, "hostile-crash", {"how": "exit"}))[0] >= 500
        if server_url.startswith("oip+") and await _is_triton(target):
            with pytest.raises(UnansweredError, match="still"):
                await register.unregister("hostile-crash")
        else:
            await register.unregister("hostile-crash")
            assert await need(target, Describe).models() == []
    finally:
        await target.close()


@pytest.mark.parametrize("shared_url", ["torchserve"], indirect=True, scope="session")
async def test_torchserve_shows_its_workers(shared_url: str) -> None:
    target = open_by_url(shared_url)
    await target.open()
    try:
        await need(target, Register).register("victim", "sleep", 2)
        await need(target, Scale).scale("victim", 3)
        state = await need(target, Describe).describe("victim")
        (server,) = need(target, Processes).pids()
        workers = {child.pid for child in psutil.Process(server).children(recursive=True)}

        assert len(state.pids) == 3
        assert set(state.pids) <= workers
        await need(target, Scale).scale("victim", 1)
        left = set((await need(target, Describe).describe("victim")).pids)
        assert len(left) == 1
        assert [pid for pid in state.pids if pid not in left and psutil.pid_exists(pid)] == []
    finally:
        await _let_go(target, "victim")


@pytest.mark.parametrize("shared_url", ["triton"], indirect=True, scope="session")
async def test_triton_shows_its_instances(shared_url: str) -> None:
    target = open_by_url(shared_url)
    await target.open()
    try:
        await need(target, Register).register("any-name_1", "sleep", 2)
        state = await need(target, Describe).describe("any-name_1")
        (server,) = need(target, Processes).pids()

        assert (state.workers, state.desired, len(state.pids)) == (2, 2, 2)
        assert set(state.pids) <= {child.pid for child in psutil.Process(server).children()}
        await need(target, Scale).scale("any-name_1", 3)
        more = (await need(target, Describe).describe("any-name_1")).pids
        assert set(state.pids) < set(more), "those that were there go on"
        with pytest.raises(TargetError, match="answered 400"):
            await need(target, Register).register("broken", "broken", 1)
        assert await need(target, Describe).models() == ["any-name_1"]
    finally:
        await _let_go(target, "any-name_1")
    assert [pid for pid in more if psutil.pid_exists(pid)] == []


async def _is_triton(target: Target) -> bool:
    # only Triton tells the instances of a model
    return (await need(target, Describe).describe("hostile-crash")).desired == 2


async def _let_go(target: Target, model: str) -> None:
    await need(target, Register).unregister(model)
    await target.close()
