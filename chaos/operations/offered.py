"""The faults that programs may inject, with their arguments.

None of them touches a model that no step is about: then isolation would not be the platform's to keep.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["FAULTS", "OFFERED", "OOM", "Offer"]


@dataclass(frozen=True, slots=True)
class Offer:
    """A fault of the catalogue. ``of_model``: a model is one of its arguments; ``ours``: it asks for what only the
    embedded platform has."""

    name: str
    arguments: Mapping[str, Any]
    of_model: bool = False
    ours: bool = False


FAULTS = (
    Offer("process", {"action": "stop"}, of_model=True),
    Offer("process", {"action": "kill"}, of_model=True),
    Offer("link", {"link": "replica", "toxic": "down"}, of_model=True, ours=True),
    Offer("link", {"link": "replica", "toxic": "timeout"}, of_model=True, ours=True),
    Offer("cpu", {"cores": 1}),
    Offer("connections", {"kind": "slowloris", "connections": 40, "rate": 400}),
)
"""In the order in which a failure is made simpler: the first is the simplest."""

OOM = "oom"
"""Has a rule of its own, for it needs a model that takes memory."""

OFFERED = tuple(sorted({*(offer.name for offer in FAULTS), OOM}))
"""The names of all."""
