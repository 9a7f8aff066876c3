"""How a link that was cut without a word is noticed: both ends beat, and silence is counted in beats.

A fault proxy may take what is sent and drop it, so nothing but an answer from the far end proves that a link
stands: TCP's own keep-alive and time-outs only prove that the proxy does. Beats are counted, not seconds, so that an
end which was itself stopped for a while does not take its own absence for the other's.
"""

from __future__ import annotations

__all__ = ["BEAT_SECONDS", "DIAL_SECONDS", "GREETING_SECONDS", "RETRY_FIRST", "RETRY_LAST", "Pulse"]

BEAT_SECONDS = 0.5
BEATS_MISSED = 4
"""A link that is silent over so many beats, 2 s, is given up; so is one with a longer round trip."""

DIAL_SECONDS = 0.7
"""How long an attempt to connect may take: with the longest pause before it, below a second."""

GREETING_SECONDS = 5.0
"""How long the far end may take to say who it is; longer than a dial, for links that are merely slow."""

RETRY_FIRST, RETRY_LAST = 0.005, 0.2
"""Seconds between attempts: doubled from the first to the last."""


class Pulse:
    """Counts the beats since the far end was last heard: set ``silent`` to 0 whenever it is."""

    __slots__ = ("silent",)

    def __init__(self) -> None:
        self.silent = 0

    def lost(self) -> bool:
        """Call once a beat: whether the link is to be given up."""
        self.silent += 1
        return self.silent > BEATS_MISSED
