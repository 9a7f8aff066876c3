"""Looks at all that stands on a target, waits until that has come to rest, and takes away what must not stay."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import anyio

from chaos.errors import TargetError
from chaos.faults.base import FaultError
from chaos.faults.race import Entry, race
from chaos.properties.standing import State
from chaos.targets.base import ControlRequests, Describe, Target, need
from chaos.targets.embedded import Embedded
from chaos.targets.looking import look_at

__all__ = ["at_rest", "known", "removed", "standing"]

LIST_SECONDS = 2.0
QUIET_SECONDS = 0.4
"""How long a state must last to be one of rest: a worker that fails again and again is between two tries for less."""
EVERY_SECONDS = 0.05


async def standing(target: Target) -> State:
    """What there is now, as :mod:`chaos.properties.standing` has it. What cannot be read is told in it.

    :raises CapabilityError: if the target does not describe its models
    """
    listed: list[str] = []
    error = f"listing the models took more than {LIST_SECONDS:g} s"
    with anyio.move_on_after(LIST_SECONDS):
        try:
            listed, error = await need(target, Describe).models(), ""
        except TargetError as problem:
            error = str(problem)
    if error:
        return {"listed": listed, "models": {}, "strays": None, "error": error}
    look = await look_at(target, listed)
    models, strays = look.models(), look.strays()
    counted = bool(strays) or any(model["alive"] for model in models.values())
    if not (counted or isinstance(target, Embedded)):
        # in a container, behind a forwarded port, or of a protocol that knows no workers: nobody can count them
        strays = None
        models = {name: {**model, "alive": None} for name, model in models.items()}
    return {"listed": listed, "models": models, "strays": strays, "error": "; ".join(look.errors)}


async def known(target: Target, seconds: float) -> State:
    """What there is now, asked for again while it cannot be read, for so long."""
    with anyio.move_on_after(seconds):
        while (state := await standing(target))["error"]:  # noqa: ASYNC110 - nothing tells
            await anyio.sleep(EVERY_SECONDS)
        return state
    return await standing(target)


async def at_rest(
    target: Target, wrong: Callable[[State], Sequence[str]], seconds: float, quiet: float = QUIET_SECONDS
) -> tuple[State, float | None]:
    """Wait until nothing is ``wrong`` with what there is, and that stays so for a moment.

    :param seconds: for coming to rest; that it stays there is looked at beyond them
    :param quiet: how long it must stay so, in seconds; 0 takes the first state with which nothing is wrong
    :return: the last state, and after how many seconds it was at rest; None if it was not
    """
    began = time.monotonic()
    since: float | None = None
    last: dict[str, Any] = {}
    while True:
        looked = time.monotonic()
        state = await standing(target)
        if wrong(state):
            since = None
        elif since is None or state["models"] != last.get("models"):
            since = looked
        last = dict(state)
        now = time.monotonic()
        if since is not None and now - since >= quiet:
            return state, since - began
        if now - began >= seconds and (since is None or since - began >= seconds):
            return state, None
        await anyio.sleep(EVERY_SECONDS)


async def removed(target: Target, model: str, seconds: float) -> None:
    """Leave nothing of a model, however it came to be there; as far as the target does it within so long.

    The adapter lets alone what somebody else registered, and for that takes a name that was taken when it came.
    """
    request = need(target, ControlRequests).control_request("unregister", model)
    with anyio.CancelScope(shield=True), anyio.move_on_after(2 * seconds):
        with suppress(FaultError):
            await race([Entry(request)], seconds)
        while (state := await standing(target))["error"] or model in state["listed"]:  # noqa: ASYNC110 - nothing tells
            await anyio.sleep(EVERY_SECONDS)
