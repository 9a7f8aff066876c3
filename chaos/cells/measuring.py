"""Measures cells: runs their procedures, and writes down where each begins and ends, and what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chaos.cells.bench import Bench, Procedure
from chaos.cells.concurrency import ConcurrencyProcedure
from chaos.cells.determinism import DETERMINISM
from chaos.cells.drift import DRIFT
from chaos.cells.environment import watching
from chaos.cells.grace import GraceProcedure
from chaos.cells.idempotence import IdempotenceProcedure
from chaos.cells.isolation import IsolationProcedure
from chaos.cells.linear import LINEAR
from chaos.cells.preservation import PreservationProcedure
from chaos.cells.release import RELEASE
from chaos.cells.rollback import RollbackProcedure
from chaos.errors import CapabilityError, ChaosError, single
from chaos.targets.base import Target

__all__ = ["PROCEDURES", "measure", "settings_of"]

PROCEDURES: dict[str, Procedure] = {
    "E": ConcurrencyProcedure(),
    "A": DETERMINISM,
    "B": DRIFT,
    "C": IsolationProcedure(),
    "F": PreservationProcedure(),
    "D": LINEAR,
    "G": RELEASE,
    "H": GraceProcedure(),
    "I": RollbackProcedure(),
    "J": IdempotenceProcedure(),
}
"""By the property's code."""


def settings_of(code: str, given: Mapping[str, float]) -> dict[str, float]:
    """A procedure's settings: its defaults, and what is given of them.

    :raises ChaosError: if something is given that it does not have
    """
    defaults = PROCEDURES[code].defaults
    for name in given.keys() - defaults.keys():
        raise ChaosError(f"property {code} has no setting '{name}' (it has: {', '.join(defaults) or 'none'})")
    return {**defaults, **given}


async def measure(
    target: Target,
    code: str,
    apis: Sequence[str],
    seed: int,
    emit: Callable[..., Any],
    given: Mapping[str, float] | None = None,
    tag: str = "",
) -> None:
    """Measure a property on APIs: together if its procedure can, else each by itself. ``tag``: see :class:`Bench`.

    Emits ``cell`` events: ``begin`` (``code, apis, seed, settings``) and ``end`` (``outcome, reason``).
    """
    procedure = PROCEDURES[code]
    settings = settings_of(code, given or {})
    for group in [tuple(apis)] if procedure.together else [(api,) for api in apis]:
        emit("cell", event="begin", code=code, apis=list(group), seed=seed, settings=settings)
        outcome, reason = "broken", "its measurement was cut short"
        try:
            async with watching(target, emit):
                await procedure.measure(Bench(target, group, code, seed, settings, emit, tag), group)
            outcome, reason = "measured", ""
        except Exception as error:
            outcome, reason = _gone_wrong(single(error))
        finally:
            emit("cell", event="end", code=code, apis=list(group), outcome=outcome, reason=reason)


def _gone_wrong(error: BaseException) -> tuple[str, str]:
    """The outcome and the reason of a measurement that ended with an error."""
    if isinstance(error, CapabilityError):
        return "not applicable", str(error)
    if isinstance(error, ChaosError):
        return "broken", str(error)
    return "broken", f"its measurement crashed: {error!r} (please report this)"
