"""What an experiment's actions call: thin, synchronous, JSON in and out."""

from __future__ import annotations

from typing import Any

from chaos.session.edge import current, session_needed

__all__ = ["inject", "measure", "operate", "revert_faults"]


def inject(fault: str, seconds: float = 12.0, **arguments: Any) -> dict[str, Any]:
    """Inject a fault, hold it for ``seconds``, and revert it; the other arguments are the fault's own.

    :param fault: its name in the entry-point group ``chaos.faults``, such as ``handler_dos`` or ``process``
    :return: ``{"id": str, "seconds": float, "cut_short": bool}``, the true length; cut short by an abort guard
    """
    edge = session_needed("inject")
    return edge.call(edge.session.inject, fault, arguments, float(seconds))


def measure(
    property: str,
    apis: str | list[str] = "",
    **settings: Any,
) -> dict[str, Any]:
    """Measure a property of the ten on APIs, beside the probes; the phase is meanwhile that of the fault.

    :param property: its name, such as ``determinism``, or its code
    :param apis: their names, in a list or separated by commas; blank for all that the table has
    :param settings: the property's own, numbers; a blank one stays the default
    :return: ``{"cells": [{"cell": str, "verdict": str, "reason": str}], "cut_short": bool}``
    """
    edge = session_needed("measure")
    return edge.call(edge.session.measure, property, apis, settings)


def operate(**step: Any) -> list[dict[str, Any]]:
    """Run the next step of a program: an operation, lanes at the same time, a fault, its revert, or a wait.

    :param step: as :mod:`chaos.operations.program` has it, such as ``{"do": "scale", "model": "a", "workers": 3}``
    :return: of each operation in it ``{"operation": str, "outcome": str, "status": int}``
    """
    edge = session_needed("operate")
    return edge.call(edge.session.operate, step)


def revert_faults() -> int:
    """Revert every fault in force, and end a measurement or a program; how many there were. For ``rollbacks``."""
    edge = current()
    return edge.call(edge.session.revert) if edge is not None else 0
