"""Measures cells: runs their procedures, and writes down where each begins and ends, and what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import anyio

from chaos.cells.bench import Bench, Procedure
from chaos.errors import CapabilityError, ChaosError
from chaos.targets.base import Target

__all__ = ["PROCEDURES", "measure", "settings_of"]

PROCEDURES: dict[str, Procedure] = {}
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
) -> None:
    """Measure a property on APIs: together if its procedure can, else each by itself.

    Emits ``cell`` events: ``begin`` (``code, apis, seed, settings``) and ``end`` (``outcome, reason``).
    """
    procedure = PROCEDURES[code]
    settings = settings_of(code, given or {})
    for group in [tuple(apis)] if procedure.together else [(api,) for api in apis]:
        emit("cell", event="begin", code=code, apis=list(group), seed=seed, settings=settings)
        outcome, reason = "broken", "its measurement was cut short"
        try:
            await procedure.measure(Bench(target, group, code, seed, settings, emit), group)
            outcome, reason = "measured", ""
        except CapabilityError as error:
            outcome, reason = "not applicable", str(error)
        except ChaosError as error:
            reason = str(error)
        except Exception as error:
            if isinstance(error, anyio.get_cancelled_exc_class()):
                raise
            reason = f"its measurement crashed: {error!r} (please report this)"
        finally:
            emit("cell", event="end", code=code, apis=list(group), outcome=outcome, reason=reason)
