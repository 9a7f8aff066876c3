"""What every adapter must do on a system that works, whatever the system: one suite for all of them.

It asks for each capability and skips none silently: who calls it says which capabilities it expects.
"""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from typing import Any

import anyio
import anyio.to_thread
import psutil
import pytest

from chaos.errors import TargetError
from chaos.targets.base import (
    ControlRequests,
    Describe,
    Infer,
    Parts,
    Processes,
    Register,
    RegisterBatched,
    Scale,
    Target,
    need,
)
from chaos.targets.testing import ValidatingTarget
from chaos.traffic.spec import HttpRequest

__all__ = ["check_batches", "check_contract", "infer"]

NONCE = "0123456789abcdef"
SIZE, DELAY, SLEEP_MS = 6, 0.2, 600


async def infer(target: Target, model: str, payload: dict[str, Any]) -> tuple[int, bytes]:
    """Send one inference as a traffic worker would, the nonce filled in: status and body."""
    return await send(need(target, Infer).infer_request(model, payload))


async def send(request: HttpRequest) -> tuple[int, bytes]:
    """Send a wire request, the nonce filled in: status and body."""

    def exchange() -> tuple[int, bytes]:
        wire = urllib.request.Request(  # noqa: S310 - loopback
            request.url,
            data=request.body.replace(b"{nonce}", NONCE.encode()),
            headers=dict(request.headers),
            method=request.method,
        )
        try:
            with urllib.request.urlopen(wire, timeout=20) as answer:  # noqa: S310 - loopback
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    return await anyio.to_thread.run_sync(exchange)


async def check_contract(
    wrapped: Target, *, scales: bool, answers: bool = True, model: str = "victim", package: str = "sleep"
) -> None:
    """Take a model through its life on a target that is closed; leave it closed.

    :param scales: whether the target must be able to scale; if not, it must not claim to
    :param answers: whether there is a server behind it that answers inferences
    """
    target = ValidatingTarget(wrapped)
    register, describe, processes = (
        need(target, Register),
        need(target, Describe),
        need(target, Processes),
    )
    assert isinstance(target, Scale) is scales
    await target.open()
    try:
        assert await target.healthy()
        for pid in processes.pids():
            assert psutil.pid_exists(pid)
        before = await describe.models()
        await register.unregister(model)
        await register.register(model, package, 2)
        assert await describe.models() == sorted([*before, model])
        assert (await describe.describe(model)).ready
        if answers:
            status, body = await infer(target, model, {"sleep_ms": 1, "nonce": "{nonce}"})
            assert status == 200, body
            assert NONCE.encode() in body
            status, body = await infer(target, model, {"sleep_ms": 1, "note": "grün {x} & \\n"})
            assert status == 200, body
        parts = await need(target, Parts).parts()
        for part in parts:
            assert psutil.Process(part.pid).create_time() == part.started
        if answers:
            assert [part for part in parts if part.role == "manager"]
        described = set((await describe.describe(model)).pids)
        assert {part.pid for part in parts if part.model == model} == described
        if isinstance(target, Scale):
            for workers in (3, 1, 1, 2):
                await target.scale(model, workers)
                state = await describe.describe(model)
                assert (state.workers, state.desired) == (workers, workers)
            if answers:
                status, body = await send(need(target, ControlRequests).control_request("scale", model, 3))
                assert status == 200, body
                assert (await describe.describe(model)).workers == 3
        with pytest.raises(TargetError):
            await register.register(model, package, 2)
        with pytest.raises(TargetError):
            await register.register("no-such-model", "no-such-package", 1)
        with pytest.raises(TargetError):
            await describe.describe("no-such-model")
        await register.unregister(model)
        await register.unregister(model)
        assert await describe.models() == before
        if answers:
            status, _ = await infer(target, model, {"sleep_ms": 1})
            assert status >= 400, "a model that is gone must not answer"
    finally:
        await target.close()
        await target.close()


async def check_batches(target: Target, *, model: str = "victim", package: str = "sleep") -> None:
    """On a closed target that makes batches: they cost one service time, and who is not joined is not kept waiting."""
    target = ValidatingTarget(target)
    register = need(target, Register)
    await target.open()
    try:
        await need(target, RegisterBatched).register_batched(model, package, 1, SIZE, DELAY)
        assert (await need(target, Describe).describe(model)).ready
        status, body = await infer(target, model, {"sleep_ms": 0, "nonce": "{nonce}"})
        assert status == 200, body
        start = anyio.current_time()
        results = await _together(target, model, [{"sleep_ms": SLEEP_MS, "number": n} for n in range(SIZE)])
        seconds = anyio.current_time() - start
        assert [status for status, _ in results] == [200] * SIZE, results
        for number, (_, body) in enumerate(results):
            assert re.search(rb'number\\?": %d\b' % number, body), "each its own answer"
        assert seconds < 2.5 * SLEEP_MS / 1000, (
            "one service time for all: two workers would take three for each"
        )
        await register.unregister(model)
        assert model not in await need(target, Describe).models()
    finally:
        with anyio.CancelScope(shield=True):
            await register.unregister(model)
        await target.close()


async def _together(target: Target, model: str, payloads: list[dict[str, Any]]) -> list[tuple[int, bytes]]:
    results: dict[int, tuple[int, bytes]] = {}

    async def one(number: int) -> None:
        results[number] = await infer(target, model, payloads[number])

    async with anyio.create_task_group() as group:
        for number in range(len(payloads)):
            group.start_soon(one, number)
    return [results[number] for number in range(len(payloads))]
