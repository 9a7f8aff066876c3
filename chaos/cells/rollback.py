"""How I is measured: operations that cannot be satisfied, or whose answer is lost, one after another.

What stands before and after each is read, and inferences go on all the while.

Each operation is sent as it goes over the wire, so that the server's own answer is seen. Workers that cannot start are
those of the package ``scarce``, of which a third one fails: some of what was asked for is there by then, and has to be
taken back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import anyio

from chaos.cells.bench import Bench
from chaos.cells.load import Loading, Plan
from chaos.cells.rollback_case import EnoughSeen, Stage
from chaos.errors import ChaosError, TargetError
from chaos.targets.base import ControlRequests, Describe, Infer, Register, Scale, need
from chaos.targets.embedded import Embedded
from chaos.traffic.spec import Arrivals

__all__ = ["RollbackProcedure"]

WAYS = {
    "raise": "a third worker whose handler is broken",
    "exit": "a third worker that dies while it starts",
    "memory": "a third worker for which there is too little memory",
}
"""How workers of the package ``scarce`` fail, by what their model's name begins with."""
SCARCE, BROKEN, MISSING, GOOD = "scarce", "broken", "no-such-package", "sleep"
TOO_MANY = 1000
"""More workers than the embedded platform may have."""
WARM_SECONDS = 0.3
FLIGHT_SECONDS = 5.0


class RollbackProcedure:
    """Cases, each with a state before and a state after; see :mod:`chaos.cells.rollback_case` for what is noted.

    Loads, by what they are sent to: ``bystander``, a model that no operation is about; with ``scale`` the models that
    cannot be scaled up; and ``in flight …``, long inferences that an operation meets. ``too_many`` is a number
    of workers that the target must refuse; 0: not tried, but on the embedded platform, whose limit is known.
    """

    code = "I"
    together = False
    defaults: Mapping[str, float] = {
        "rate": 15.0,
        "inference_ms": 500.0,
        "answer_seconds": 20.0,
        "rest_seconds": 8.0,
        "too_many": 0,
        "stop_after": 2,
    }

    async def measure(self, bench: Bench, apis: Sequence[str]) -> None:
        """All cases of the API."""
        target, (api,) = bench.target, apis
        for capability in (Register, Describe, Infer, ControlRequests, *((Scale,) if api == "scale" else ())):
            need(target, capability)
        async with AsyncExitStack() as stack:
            models = {"bystander": await stack.enter_async_context(bench.serving(GOOD, label="bystander"))}
            scarce = await _scarce(bench, stack, api)
            flying = {f"in flight {name}": bench.model("going") for name in ("answered", "lost")}
            if api == "scale":
                models |= scarce
                flying = {"in flight": await stack.enter_async_context(bench.serving(GOOD, 2, "scaled"))}
            plans = {name: _steady(bench, model) for name, model in models.items()}
            plans |= {name: _long(bench, model) for name, model in flying.items()}
            running = await stack.enter_async_context(bench.loading(plans))
            await anyio.sleep(WARM_SECONDS)
            with suppress(EnoughSeen):
                if api == "scale":
                    await _scalings(Stage(bench), running, scarce, flying["in flight"])
                else:
                    await _leavings(Stage(bench), running, list(scarce), flying)
            for name in models:
                await running.stop(name)


async def _scalings(stage: Stage, running: Loading, scarce: Mapping[str, str], model: str) -> None:
    for way, starved in scarce.items():
        await stage.refused(
            f"scale up: {way}", f"two workers more, with {WAYS[way]}", stage.scale(starved, 3)
        )
        await stage.repair(starved, 1)
    for way, starved in [*scarce.items()][:1]:
        request = stage.scale(starved, 3)
        said = f"two workers more, with {WAYS[way]}, for a client that leaves"
        await stage.refused("scale up: answer lost", said, request, loss="early")
        await stage.repair(starved, 1)
    unknown = stage.bench.model("unknown")
    await stage.refused(
        "scale: no such model", "workers of a model that is not there", stage.scale(unknown, 2)
    )
    await stage.refused("scale: below zero", "minus one workers", stage.scale(model, -1))
    await stage.repair(model, 2)
    if many := _too_many(stage, "scale: too many"):
        await stage.refused("scale: too many", f"{many} workers", stage.scale(model, many))
        await stage.repair(model, 2)
    said = "a third worker, for a client that leaves"
    await stage.halfway("scale: answer lost", said, stage.scale(model, 3), model, 3)
    await stage.repair(model, 2)
    async with _in_flight(running, "in flight"):
        said = "one worker less, with inferences in flight"
        await stage.done("scale down: in flight", said, stage.scale(model, 1), model, 1)
    await stage.repair(model, 2)


async def _leavings(stage: Stage, running: Loading, ways: Sequence[str], flying: Mapping[str, str]) -> None:
    unknown = stage.bench.model("unknown")
    said = "a model that is not there is to go"
    await stage.refused("unregister: no such model", said, stage.unregister(unknown), must=False)
    for name, model in flying.items():
        try:
            with suppress(TargetError):
                await need(stage.bench.target, Register).register(model, GOOD, 2)
                async with _in_flight(running, name):
                    request = stage.unregister(model)
                    if name == "in flight lost":
                        said = "a model with inferences in flight is to go, for a client that leaves"
                        await stage.halfway("unregister: answer lost", said, request, model, 0)
                    else:
                        said = "a model with inferences in flight is to go"
                        await stage.done("unregister: in flight", said, request, model, 0)
        finally:
            await stage.remove(model)
    for way in ways:
        said = f"three workers, with {WAYS[way]}"
        await _registration(stage, f"register: {way}", said, way, SCARCE, 3)
    if ways:
        said = "a handler that cannot be imported"
        await _registration(stage, "register: broken", said, "broken", BROKEN, 1)
        said = f"three workers, with {WAYS[ways[0]]}, for a client that leaves"
        await _registration(stage, "register: answer lost", said, ways[0], SCARCE, 3, loss="early")
        said = f"three workers, with {WAYS[ways[0]]}, and at the same time that the model is to go"
        await _registration(stage, "unregister: during a start", said, ways[0], SCARCE, 3, leave=True)
    await _registration(stage, "register: missing", "a package that is not there", "missing", MISSING, 1)
    if many := _too_many(stage, "register: too many"):
        await _registration(stage, "register: too many", f"{many} workers", "many", GOOD, many)


async def _registration(
    stage: Stage,
    name: str,
    said: str,
    label: str,
    package: str,
    workers: int,
    *,
    loss: Any = "",
    leave: bool = False,
) -> None:
    """One that must fail, and is to leave its name free."""
    model = stage.bench.model(label)
    requests = [stage.register(model, package, workers), *([stage.unregister(model)] if leave else [])]
    try:
        await stage.refused(name, said, *requests, loss=loss, must=not leave)
        await stage.free(name, model, GOOD)
    finally:
        await stage.remove(model)


async def _scarce(bench: Bench, stack: AsyncExitStack, api: str) -> dict[str, str]:
    """A model for each way in which workers cannot start, where the target has the package at all."""
    models: dict[str, str] = {}
    for way, said in WAYS.items():
        try:
            if api == "scale":
                models[way] = await stack.enter_async_context(bench.serving(SCARCE, label=way))
            else:
                async with bench.serving(SCARCE, label=way) as models[way]:
                    pass
        except TargetError as error:
            models.pop(way, None)
            bench.note("skipped", case=way, reason=f"{said}: the package '{SCARCE}' is not served: {error}")
    return models


def _too_many(stage: Stage, case: str) -> int:
    """The number of workers that must be refused; 0 if none is known to be."""
    bench = stage.bench
    many = int(bench.settings["too_many"]) or (TOO_MANY if isinstance(bench.target, Embedded) else 0)
    if not many:
        reason = "the target's limit of workers is not known (a number that it must refuse: too_many)"
        bench.note("skipped", case=case, reason=reason)
    return many


def _steady(bench: Bench, model: str) -> Plan:
    request = need(bench.target, Infer).infer_request(model, {"sleep_ms": 2, "nonce": "{nonce}"})
    return Plan(request, Arrivals("constant", rate=bench.settings["rate"]))


def _long(bench: Bench, model: str) -> Plan:
    payload = {"sleep_ms": bench.settings["inference_ms"], "nonce": "{nonce}"}
    request = need(bench.target, Infer).infer_request(model, payload)
    return Plan(request, Arrivals("burst", users=3, seconds=3600.0), paused=True)


@asynccontextmanager
async def _in_flight(running: Loading, load: str) -> AsyncIterator[None]:
    """Begin the load's inferences, and see them under way; when the block is done, they end.

    :raises ChaosError: if they are not under way in time
    """
    await running.start(load)
    with anyio.move_on_after(FLIGHT_SECONDS) as waited:
        while not running.in_flight[load]:  # noqa: ASYNC110 - nothing tells
            await anyio.sleep(0.01)
    if waited.cancelled_caught:
        raise ChaosError(f"load '{load}': nothing was in flight after {FLIGHT_SECONDS:g} s")
    yield
    await running.stop(load)
