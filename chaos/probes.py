"""What an experiment's steady-state hypothesis calls: thin, synchronous, a plain bool out."""

from __future__ import annotations

from chaos.session.edge import session_needed

__all__ = ["objectives_hold", "program_holds"]


def objectives_hold() -> bool:
    """Whether every objective of every probe holds in all phases so far; the tolerance is ``true``.

    Called before the method it measures the baseline, after the method the recovery, each for the length that the
    control was given, and judges all phases up to then.
    """
    edge = session_needed("objectives_hold")
    return edge.call(edge.session.objectives_hold)


def program_holds(property: str = "") -> bool:
    """Whether the program that the method ran had a property; true before it has run. The tolerance is ``true``.

    Called after the method it lets the program come to rest, and unregisters all of its models.

    :param property: such as ``rollback`` or ``linearizability``; all of them if it is blank
    """
    edge = session_needed("program_holds")
    return edge.call(edge.session.program_holds, property)
