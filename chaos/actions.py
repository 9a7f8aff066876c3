"""What an experiment's actions call: thin, synchronous, JSON in and out."""

from __future__ import annotations

from typing import Any

from chaos.session.edge import current, session_needed

__all__ = ["inject", "revert_faults"]


def inject(fault: str, seconds: float = 12.0, **arguments: Any) -> dict[str, Any]:
    """Inject a fault, hold it for ``seconds``, and revert it; the other arguments are the fault's own.

    :param fault: its name in the entry-point group ``chaos.faults``, such as ``handler_dos`` or ``process``
    :return: ``{"id": str, "seconds": float, "cut_short": bool}``, the true length; cut short by an abort guard
    """
    edge = session_needed("inject")
    return edge.call(edge.session.inject, fault, arguments, float(seconds))


def revert_faults() -> int:
    """Revert every fault that is still in force; return how many there were. For ``rollbacks``."""
    edge = current()
    return edge.call(edge.session.revert) if edge is not None else 0
