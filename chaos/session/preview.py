"""A dry run: what each fault of an experiment would touch, said by the fault itself, with nothing touched.

The target is opened for it. The embedded platform is started, with the run's models, for it is ours; on a system that
runs already nothing is registered and no proxy is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

import anyio

from chaos.errors import ChaosError
from chaos.faults.base import Blast, FaultContext, Undo
from chaos.faults.registry import check_needs, create_fault
from chaos.session.plan import Plan, sub_seed
from chaos.session.safety import Safety
from chaos.session.system import System, open_system
from chaos.targets.context import ignore, owe_nothing
from chaos.targets.registry import EMBEDDED, parse_url

__all__ = ["PlannedFault", "preview"]

PLAN_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A fault as an experiment's method has it."""

    name: str
    arguments: Mapping[str, Any]
    seconds: float


class _Planned(BaseException):
    """Ends an injection at the point where it would touch something; no fault may catch it as an error."""


def preview(plan: Plan, faults: Sequence[PlannedFault], say: Callable[[str], None]) -> None:
    """Say of each fault what it would touch, or why it could not be injected.

    :raises ChaosError: if the target cannot be opened
    """
    anyio.run(_preview, plan, faults, say)


async def _preview(plan: Plan, faults: Sequence[PlannedFault], say: Callable[[str], None]) -> None:
    if parse_url(plan.arguments.target, allow=plan.allow).adapter != EMBEDDED:
        without = plan.arguments.model_copy(update={"models": (), "links": ()})
        plan = replace(plan, arguments=without)
    async with AsyncExitStack() as stack:
        system = await open_system(stack, plan, None, ignore, owe_nothing, say)
        for index, fault in enumerate(faults, start=1):
            say(f"{fault.name} for {fault.seconds:g} s: {await _touches(plan, system, fault, index)}")


async def _touches(plan: Plan, system: System, planned: PlannedFault, index: int) -> str:
    """In words."""
    stated: list[Blast] = []
    safety = Safety(plan.arguments.safety, plan.allow)

    async def intend(blast: Blast, _undo: Undo) -> None:
        safety.check_blast(blast)
        stated.append(blast)
        raise _Planned

    async def nothing(*_arguments: Any) -> Any:
        raise ChaosError("it would act before it has stated what it touches (await context.intend(…) first)")

    name = f"{planned.name}-{index}"
    try:
        fault = create_fault(planned.name, dict(planned.arguments))
        check_needs(planned.name, fault, system.target, system.link_api)
        context = FaultContext(
            lease=f"{plan.run_id}.{name}",
            target=system.target,
            seed=sub_seed(plan.seed, name),
            seconds=planned.seconds,
            intend=intend,
            traffic=nothing,
            helper=nothing,
            link_api=system.link_api,
            payloads=plan.own.payloads if plan.own is not None else {},
        )
        with anyio.fail_after(PLAN_SECONDS):
            await fault.inject(context)
    except _Planned:
        return "would touch " + "; ".join(stated[0].touches)
    except ChaosError as error:
        return f"could not be injected: {error}"
    except TimeoutError:
        return f"did not say within {PLAN_SECONDS:g} s what it would touch"
    return "did not state what it touches (await context.intend(…) in inject)"
