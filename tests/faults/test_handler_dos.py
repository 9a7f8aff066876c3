"""The fault says so when it was not in force: against a real server, with a real traffic worker."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import anyio
import pytest
from aiohttp import web

from chaos.errors import DocumentError
from chaos.faults.base import Blast, FaultContext, FaultError, Undo
from chaos.faults.handler_dos import MODES, HandlerDos, HandlerDosArguments, ModeName
from chaos.faults.helper import Helper
from chaos.faults.registry import create_fault
from chaos.targets.testing import FakeTarget
from chaos.traffic.running import RunningTraffic, run_traffic
from chaos.traffic.spec import WorkerSpec


class Rig:
    """A server that answers with one status after a while, and what a fault is given."""

    def __init__(self, status: int, seconds: float, payloads: Mapping[str, Any] | None = None) -> None:
        self.status, self.seconds = status, seconds
        self.payloads = payloads or {}
        self.requests = 0
        self.bodies: list[Any] = []
        self.workers: list[int] = []
        self.stated: list[Blast] = []
        self.started: list[RunningTraffic] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.requests += 1
        self.bodies.append(await request.json())
        await anyio.sleep(self.seconds)
        return web.Response(status=self.status)

    def report(self, event: str, pid: int, _reason: str) -> None:
        if event == "started":
            self.workers.append(pid)


async def serve(rig: Rig, body: Callable[[FaultContext], Awaitable[None]]) -> None:
    """Run the server and hand a fault's context to the body."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", rig.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:

                async def traffic(spec: WorkerSpec) -> RunningTraffic:
                    running: RunningTraffic = await tasks.start(
                        run_traffic, spec, lambda _: None, rig.report, 0.2
                    )
                    rig.started.append(running)
                    return running

                async def intend(blast: Blast, undo: Undo) -> None:
                    assert rig.requests == 0, "nothing is touched before it is stated"
                    rig.stated.append(blast)

                async def helper(_command: object) -> Helper:
                    raise AssertionError("this fault needs no helper")

                target = FakeTarget(address=f"http://127.0.0.1:{port}")
                try:
                    context = FaultContext("lease", target, 1, 1.0, intend, traffic, helper)
                    await body(replace(context, payloads=rig.payloads))
                finally:
                    for running in rig.started:
                        await running.stop()
    finally:
        await runner.cleanup()


def strike(
    rig: Rig, mode: ModeName, seconds: float = 0.5, while_held: Callable[[], None] | None = None
) -> None:
    """Inject and hold; its requests end with the server."""

    async def body(context: FaultContext) -> None:
        fault = HandlerDos(HandlerDosArguments(model="hostile", mode=mode, intensity=3))
        await fault.inject(context)
        if while_held is not None:
            while_held()
        await fault.hold(seconds)

    try:
        anyio.run(serve, rig, body)
    except* FaultError as group:
        raise group.exceptions[0] from None


@pytest.mark.parametrize(
    ("mode", "status", "seconds"),
    [("occupy", 200, 0.1), ("burn", 200, 60.0), ("huge", 200, 0.0), ("crash", 500, 0.0)],
)
def test_in_force_by_its_effect(mode: ModeName, status: int, seconds: float) -> None:
    rig = Rig(status, seconds)
    strike(rig, mode)

    assert rig.requests >= 3
    assert rig.stated[0].hosts == ("127.0.0.1",)
    assert "'hostile'" in rig.stated[0].touches[0]


@pytest.mark.parametrize(
    ("mode", "status"),
    [("occupy", 404), ("crash", 404)],
)
def test_a_model_that_is_not_there_is_not_struck(mode: ModeName, status: int) -> None:
    with pytest.raises(FaultError, match=f"not injected.*'{MODES[mode].package}'"):
        strike(Rig(status, 0.0), mode)


@pytest.mark.parametrize("status", [200, 500])
def test_a_package_of_the_users_own_is_sent_its_own_payload(status: int) -> None:
    """Whatever it answers, if it does: what it does with a request is its own affair."""
    rig = Rig(status, 0.05, {"hostile": {"question": 1}})
    strike(rig, "crash")

    assert rig.bodies
    assert all(body == {"question": 1} for body in rig.bodies)
    assert rig.started[0].meter.streams.keys() == {"hostile:own"}


def test_a_package_of_the_users_own_that_refuses_its_payload() -> None:
    """A request that is refused denies nobody anything."""
    with pytest.raises(FaultError, match=r"mode own, .*not injected.*does its handler take this payload"):
        strike(Rig(400, 0.0, {"hostile": {}}), "occupy")


def test_a_handler_that_survives_a_crash_was_not_crashed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chaos.faults.handler_dos.IN_FORCE_SECONDS", 1.0)
    with pytest.raises(FaultError, match="not injected"):
        strike(Rig(200, 0.0), "crash")


def test_a_traffic_worker_that_is_killed_is_found_out() -> None:
    rig = Rig(200, 0.05)
    with pytest.raises(FaultError, match="worker died"):
        strike(rig, "occupy", seconds=20.0, while_held=lambda: os.kill(rig.workers[0], signal.SIGKILL))


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("handler_doss", {}, "did you mean 'handler_dos'"),
        ("handler_dos", {"model": "m", "mode": "ocupy"}, "mode"),
        ("handler_dos", {"model": "m", "intensity": 0}, "intensity"),
        ("handler_dos", {"model": "m", "intensty": 1}, "intensty"),
    ],
)
def test_what_does_not_fit_is_one_clear_error(name: str, arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(DocumentError, match=told):
        create_fault(name, arguments)
