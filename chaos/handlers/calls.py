"""What a call of a handler's function in isolation yields; see :mod:`chaos.handlers.isolation`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["MODEL", "Call", "Kept", "Outcome", "Run", "Value"]

Outcome = Literal["ok", "refused", "raised", "timeout", "memory", "crashed", "exited", "processes"]
"""How a call ended: with a value; with an error that says that the format is not supported; with another error; after
too long; for want of memory; by a signal; by ending its process; with more processes than allowed."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A value that stays in the handler's process, by its number."""

    number: int


MODEL = Kept(0)
"""The loaded model."""


@dataclass(frozen=True, slots=True)
class Value:
    """What a function returned.

    :param type: its class, such as ``numpy.ndarray``
    :param words: for a person, such as ``ndarray float64 (3, 4)``
    :param digest: the same for equal values, in any process; empty if it has none
    """

    type: str
    words: str
    digest: str


@dataclass(frozen=True, slots=True)
class Call:
    """One call of one function.

    :param function: its name; ``import`` if the package could not be imported
    :param seconds: of wall time in the function; until it was ended, if it was
    :param kept: what it returned, for a later call; None if there is nothing
    :param value: what it returned, in words
    :param body: of ``output_fn`` and ``transform_fn``: the answer as a server would send it, of ``content_type``
    :param proper: that it is bytes, text, or an iterator; servers write as JSON what is none of them, or fail
    :param error: what went wrong, in words, without the error's class; empty if nothing did
    :param error_type: the class of what was raised; ``DocumentError`` if the package breaks the contract
    :param status: the HTTP status of a server for this error; None if none was raised
    :param place: file and line in the package where it raised, or hung, such as ``code/inference.py:12``
    :param memory: resident set of the handler's process after the call, in bytes; 0 if it is gone
    :param threads: of that process after the call, its first one included
    :param processes: of the handler after the call, its own included; those that had to be ended if it is gone
    :param printed: what was printed meanwhile, to standard output and standard error
    :param loads: how often ``model_fn`` has loaded a model in this process so far
    :param restarted: the process was gone, by an earlier call or in between, so this is the first call of a new one
    """

    function: str
    outcome: Outcome
    seconds: float
    kept: Kept | None = None
    value: Value | None = None
    body: bytes | None = None
    proper: bool = True
    content_type: str = ""
    error: str = ""
    error_type: str = ""
    status: int | None = None
    place: str = ""
    memory: int = 0
    threads: int = 0
    processes: int = 0
    printed: str = ""
    loads: int = 0
    restarted: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """One request through the whole pipeline: as :class:`Call`, with seconds of wall time by ``functions``."""

    outcome: Outcome
    seconds: float
    functions: dict[str, float] = field(default_factory=dict)
    body: bytes = b""
    content_type: str = ""
    error: str = ""
    error_type: str = ""
    status: int | None = None
    place: str = ""
    memory: int = 0
    threads: int = 0
    processes: int = 0
    printed: str = ""
    loads: int = 0
    restarted: bool = False
