"""What an experiment's actions call: thin, synchronous, JSON in and out."""

from __future__ import annotations

from typing import Any

from chaos.session.edge import current, session_needed

__all__ = ["handler_dos", "revert_faults"]


def handler_dos(
    model: str, mode: str = "occupy", intensity: int = 8, seconds: float = 12.0
) -> dict[str, Any]:
    """Deny service to one model through its own handler, for ``seconds``, and revert it.

    :param model: the hostile model, registered with the handler package of the mode
    :param mode: ``occupy`` its workers, ``burn`` CPU, ``crash`` the workers again and again, or return ``huge`` bodies
    :param intensity: hostile requests kept in flight
    :return: ``{"id": str, "seconds": float, "cut_short": bool}``, the true length; cut short by an abort guard
    """
    edge = session_needed("handler_dos")
    arguments = {"model": model, "mode": mode, "intensity": intensity}
    return edge.call(edge.session.inject, "handler_dos", arguments, float(seconds))


def revert_faults() -> int:
    """Revert every fault that is still in force; return how many there were. For ``rollbacks``."""
    edge = current()
    return edge.call(edge.session.revert) if edge is not None else 0
