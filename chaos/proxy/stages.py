"""What toxics do to the bytes of one direction, as pure functions of time: chunks in, chunks and instants out.

A stage is told when a chunk reaches it and answers when each piece of it leaves; instants never decrease. The names,
attributes and units are Toxiproxy's (version 2).
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Final

__all__ = ["CLOSE", "EOF", "RESET", "WHOLE", "Discard", "Piece", "Stage"]

Piece = tuple[float, bytes]
"""An instant of the loop's clock, in seconds, and what leaves then: bytes, or one of the marks."""


class _Mark(bytes):
    """No bytes, but known by identity."""


EOF: Final = _Mark()
"""The end of the stream: the sink's writing side is closed."""

CLOSE: Final = _Mark()
"""The connection is closed at both ends; what was sent before still arrives."""

RESET: Final = _Mark()
"""The connection is reset."""

WHOLE = 4 << 20
"""Bytes that a stage which delays may hold."""

NEVER = 1e9
"""Seconds until what no toxic lets through would leave by itself."""


class Stage(ABC):
    """One toxic on one direction of one connection.

    :param attributes: validated, as :mod:`chaos.proxy.toxics` has them
    :param generator: seeded for this toxic and connection
    """

    holds = WHOLE
    """So many bytes may wait for their instant; then no more is read."""
    hides = False
    """Whether an end or a reset of the stream vanishes as bytes do."""
    rate = 0.0
    """Bytes a second that pass at most; 0 is any number."""
    seconds = 0.0
    """How long a chunk is under way."""

    def __init__(self, attributes: Any, generator: random.Random, now: float) -> None:
        self.attributes = attributes
        self._generator = generator
        self._began = now

    @abstractmethod
    def take(self, due: float, data: bytes) -> Iterator[Piece]:
        """A chunk, or the mark :data:`EOF`, that reaches this stage at ``due``; what leaves it, and when."""

    def alarm(self, now: float) -> float | None:
        """An instant at which :meth:`rung` is to be called; asked whenever toxics change, and answered once."""
        return None

    def rung(self) -> Iterator[bytes]:
        """What leaves when the alarm rings."""
        return iter(())


class Latency(Stage):
    """Each chunk leaves ``latency`` milliseconds later, give or take up to ``jitter``, in order."""

    def __init__(self, attributes: Any, generator: random.Random, now: float) -> None:
        super().__init__(attributes, generator, now)
        self.seconds = (attributes.latency + attributes.jitter) / 1000.0

    def take(self, due: float, data: bytes) -> Iterator[Piece]:
        jitter = self.attributes.jitter
        spread = self._generator.uniform(-jitter, jitter) if jitter else 0.0
        yield due + max(0.0, self.attributes.latency + spread) / 1000.0, data


class Bandwidth(Stage):
    """At most ``rate`` kilobytes (1,000 bytes) a second pass, evenly; with 0 nothing does."""

    holds = 64 * 1024
    SLICE_SECONDS = 0.01

    def __init__(self, attributes: Any, generator: random.Random, now: float) -> None:
        super().__init__(attributes, generator, now)
        self.rate = attributes.rate * 1000.0
        self._free = now

    def take(self, due: float, data: bytes) -> Iterator[Piece]:
        rate = self.rate
        if not data or not rate:
            yield max(due, self._free) + (0.0 if rate else NEVER), data
            return
        size = max(1, int(rate * self.SLICE_SECONDS))
        for place in range(0, len(data), size):
            piece = data[place : place + size]
            self._free = max(due, self._free) + len(piece) / rate
            yield self._free, piece


class Slicer(Stage):
    """Cuts into pieces of ``average_size`` bytes, give or take ``size_variation``, ``delay`` microseconds apart."""

    def __init__(self, attributes: Any, generator: random.Random, now: float) -> None:
        super().__init__(attributes, generator, now)
        self._free = now

    def take(self, due: float, data: bytes) -> Iterator[Piece]:
        at = max(due, self._free)
        place = 0
        while place < len(data):
            spread = self.attributes.size_variation
            size = self.attributes.average_size + self._generator.randint(-spread, spread)
            yield at, data[place : place + max(1, size)]
            place += max(1, size)
            at += self.attributes.delay / 1e6
        if not data:
            yield at, data
        self._free = at


class SlowClose(Stage):
    """The end of the stream is ``delay`` milliseconds late."""

    def take(self, due: float, data: bytes) -> Iterator[Piece]:
        yield (due + self.attributes.delay / 1000.0 if data is EOF else due), data


class LimitData(Stage):
    """The connection is closed after ``bytes`` bytes."""

    def __init__(self, attributes: Any, generator: random.Random, now: float) -> None:
        super().__init__(attributes, generator, now)
        self._passed = 0
        self._ended = False

    def take(self, due: float, data: bytes) -> Iterator[Piece]:
        if self._ended:
            return
        left = max(0, self.attributes.bytes - self._passed)
        if data is EOF:
            yield due, EOF
            return
        if left:
            self._passed += len(data[:left])
            yield due, data[:left]
        if len(data) >= left:
            self._ended = True
            yield due, CLOSE


class Timeout(Stage):
    """Nothing passes. After ``timeout`` milliseconds the connection is closed.

    With 0 it never is: the link is half-open, and neither side is told what becomes of the other.
    """

    def __init__(self, attributes: Any, generator: random.Random, now: float) -> None:
        super().__init__(attributes, generator, now)
        self.hides = attributes.timeout == 0
        self._asked = False

    def take(self, due: float, data: bytes) -> Iterator[Piece]:
        if data is EOF and not self.hides:
            yield due, CLOSE

    def alarm(self, now: float) -> float | None:
        if self._asked or self.attributes.timeout <= 0:
            return None
        self._asked = True
        return self._began + float(self.attributes.timeout) / 1000.0

    def rung(self) -> Iterator[bytes]:
        yield CLOSE


class ResetPeer(Stage):
    """The connection is reset ``timeout`` milliseconds after the first byte."""

    def __init__(self, attributes: Any, generator: random.Random, now: float) -> None:
        super().__init__(attributes, generator, now)
        self._struck = False

    def take(self, due: float, data: bytes) -> Iterator[Piece]:
        if not self._struck:
            self._struck = True
            yield due + self.attributes.timeout / 1000.0, RESET


class Discard(Stage):
    """Nothing passes but the end; no toxic, but what is left of a flow whose bytes nobody wants."""

    def __init__(self) -> None:
        super().__init__(None, random.Random(0), 0.0)

    def take(self, due: float, data: bytes) -> Iterator[Piece]:
        if data is EOF:
            yield due, data
