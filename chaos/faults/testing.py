"""For the tests of faults: what a fault is given, outside a run, and a check that holds it to the protocol.

Who writes a fault calls :func:`check_fault`, with a way to see the effect; all that the fault does is real.
"""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import anyio
import anyio.to_thread

from chaos.faults.base import Fault, FaultArguments, Needs
from chaos.faults.fake import FakeContext, StoppedAfterIntentError, fake_context
from chaos.faults.registry import reference
from chaos.faults.reverting import revert_lease
from chaos.marks import LEASE, end_bearers
from chaos.targets.base import Target
from chaos.targets.testing import ContractError

__all__ = ["Effect", "FakeContext", "check_fault", "fake_context", "revert_elsewhere"]

Effect = Callable[[], Awaitable[bool]]
"""Whether what a fault does can be seen now."""

SETTLE_SECONDS = 5.0
"""How long an effect may take to be seen, or to be seen no more."""
LOOK_SECONDS = 0.05
ELSEWHERE_SECONDS = 30.0
ELSEWHERE = """
import json, sys
import anyio
from chaos.faults.reverting import revert_lease

print(anyio.run(revert_lease, *json.loads(sys.argv[1])))
"""


async def check_fault(
    make: Callable[[], Fault],
    target: Target,
    *,
    seconds: float = 0.5,
    seed: int = 1,
    link_api: str = "",
    effect: Effect | None = None,
) -> FakeContext:
    """Hold a fault to the protocol, in three injections; return what the first did.

    The first is held and reverted, twice; the second ends right after its intent; the third is reverted in a fresh
    Python process, as if its own had died.

    :param make: makes the fault, one for each injection
    :param effect: whether it can be seen; it must be while the fault is held, and at no other time
    :raises ContractError: if the fault breaks the protocol; says in what
    :raises ChaosError: as the fault itself does, if it cannot be injected
    """
    _check_shape(make())

    async def look(when: str, seen: bool) -> None:
        if effect is not None and not await _becomes(effect, seen):
            raise ContractError(when, ["its effect is not seen" if seen else "its effect is seen"])

    await look("before", False)
    fault = make()
    async with fake_context(target, seed=seed, seconds=seconds, link_api=link_api) as context:
        try:
            await _inject(fault, context)
            await look("in force", True)
            began = time.monotonic()
            with anyio.fail_after(seconds + SETTLE_SECONDS):
                await fault.hold(seconds)
            if time.monotonic() - began < 0.9 * seconds:
                raise ContractError("hold", [f"it returned before {seconds:g} s were over"])
            await look("at the end of hold", True)
        finally:
            await _revert_twice(fault, context)
        await look("reverted", False)

    async with fake_context(
        target, seed=seed, seconds=seconds, link_api=link_api, stop_after_intent=True
    ) as cut:
        fault = make()
        with suppress(StoppedAfterIntentError):
            await fault.inject(cut.given)
            raise ContractError("inject", ["it went on although its intent was not accepted"])
        await look("stopped after the intent", False)
        await _revert_twice(fault, cut)
        await look("reverted after the intent", False)
    if cut.order != ["intend"]:
        raise ContractError("inject", [f"it acts before it states what it touches: {cut.order}"])

    fault = make()
    async with fake_context(target, seed=seed, seconds=seconds, link_api=link_api) as left:
        try:
            await _inject(fault, left)
            await look("in force again", True)
        finally:
            if left.stated:
                await revert_elsewhere(left.given.lease, reference(fault), left.undo)
        await look("reverted in another process", False)
        _check_no_process(left)
        await revert_elsewhere(left.given.lease, reference(fault), left.undo)
    return context


async def revert_elsewhere(lease: str, by: str, undo: dict[str, Any]) -> str:
    """Revert a lease in a fresh Python process, from this alone; what it says it did.

    :raises ContractError: if it does not succeed
    """

    def run() -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-c", ELSEWHERE, json.dumps([lease, by, undo])]
        return subprocess.run(words, capture_output=True, text=True, timeout=ELSEWHERE_SECONDS, check=False)

    done = await anyio.to_thread.run_sync(run)
    if done.returncode != 0 or not done.stdout.strip():
        last = (done.stderr.strip() or "it says nothing").splitlines()[-1]
        raise ContractError("revert in another process", [last])
    return done.stdout.strip()


def _check_shape(fault: object) -> None:
    kind, problems = type(fault), []
    if not isinstance(fault, Fault):
        problems.append("it lacks Arguments, needs, inject, hold or revert")
    else:
        if not (isinstance(fault.Arguments, type) and issubclass(fault.Arguments, FaultArguments)):
            problems.append("Arguments is not derived from FaultArguments")
        if not isinstance(fault.needs, Needs):
            problems.append("needs is no Needs")
        if not isinstance(inspect.getattr_static(kind, "revert"), staticmethod):
            problems.append("revert is no static method, so that it could need more than its record")
        problems += [
            f"{name} is no coroutine function"
            for name in ("inject", "hold", "revert")
            if not inspect.iscoroutinefunction(getattr(fault, name))
        ]
    if "<locals>" in kind.__qualname__:
        problems.append("the class is not at the top of its module, where another process could find it")
    if problems:
        raise ContractError(kind.__name__, problems)


async def _inject(fault: Fault, context: FakeContext) -> None:
    await fault.inject(context.given)
    times, first = context.order.count("intend"), context.order[:1]
    if times != 1:
        raise ContractError("inject", [f"it stated {times} times what it touches, not once"])
    if first != ["intend"]:
        raise ContractError("inject", [f"it acts before it states what it touches: {context.order}"])
    touches = context.stated[0][0].touches
    if not touches or not all(isinstance(phrase, str) and phrase for phrase in touches):
        raise ContractError("inject", [f"it does not say in words what it touches: {touches!r}"])


async def _revert_twice(fault: Fault, context: FakeContext) -> None:
    with anyio.CancelScope(shield=True):
        await context.end()
        for _ in range(2 if context.stated else 0):
            await revert_lease(context.given.lease, reference(fault), context.undo)
        if not all([isinstance(await fault.revert(context.undo), str) for _ in context.stated[:1]]):
            raise ContractError("revert", ["it does not say in words what it did"])
    _check_no_process(context)


def _check_no_process(context: FakeContext) -> None:
    if left := end_bearers(LEASE, context.given.lease, grace=0.0)[0]:
        raise ContractError("revert", [f"processes of the lease are left: {left}"])


async def _becomes(effect: Effect, wanted: bool) -> bool:
    """Whether it is soon seen, or not seen any more."""
    with anyio.move_on_after(SETTLE_SECONDS):
        while await effect() != wanted:  # noqa: ASYNC110 - nobody tells when
            await anyio.sleep(LOOK_SECONDS)
        return True
    return False
