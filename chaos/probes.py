"""What an experiment's steady-state hypothesis calls: thin, synchronous, a plain bool out."""

from __future__ import annotations

import logging

from chaos.errors import ChaosError
from chaos.session.edge import GRACEFULLY, current, session_needed

__all__ = ["handler_is_sound", "objectives_hold", "program_holds"]


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


def handler_is_sound(
    package: str,
    payloads: str,
    fuzz: int = 0,
    memory: str = "2GiB",
    cpu: float = 60.0,
    timeout: float = 10.0,
    load_timeout: float = 60.0,
    processes: int = 32,
    leak_calls: int = 200,
    seed: int = 0,
) -> bool:
    """Whether a handler's package passes all its tests, as ``chaos handler test`` runs them; the tolerance is ``true``.

    It needs no session. Where one is to be opened, the package is tested before that, so nothing is registered that
    would not pass. If it does not, or cannot be tested, the run is interrupted, for Chaos Toolkit would end with exit
    code 0. A package is tested once in a run, however often this is asked.

    :param package: a ``model.tar.gz``, a ``.mar``, a directory, or the name of one of the embedded platform's
    :param payloads: a directory of samples
    :param fuzz: so many requests are made from them
    :param memory: of the handler, as ``2GiB``; ``cpu`` and ``timeout`` are seconds of a call, ``load_timeout`` of
        loading its model, ``processes`` how many it may have
    :param leak_calls: over which its memory is watched
    """
    arguments = dict(locals())
    from chaos.workbench.gate import check_gate, gate_of

    edge = current()
    try:
        tested = check_gate(gate_of(arguments), edge.plan.directory if edge is not None else None)
    except ChaosError as error:
        logging.getLogger("chaostoolkit").error(str(error))
        raise SystemExit(GRACEFULLY) from None
    if not tested.overall_success:
        raise SystemExit(GRACEFULLY)
    return True
