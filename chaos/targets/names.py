"""Whose model a name stands for: what was there before us is not ours to remove.

A run unregisters at its end whatever it tried to register, as a try whose answer was lost may have taken
effect; but a name that the server refused because it was taken belongs to somebody else.
"""

from __future__ import annotations

__all__ = ["Names"]


class Names:
    """The names that one adapter registered, and those it found taken."""

    def __init__(self) -> None:
        self._ours: set[str] = set()
        self._theirs: set[str] = set()

    def registered(self, model: str) -> None:
        """The server took it in for us."""
        self._ours.add(model)
        self._theirs.discard(model)

    def taken(self, model: str) -> None:
        """The server refused it, as the name is taken; if by ourselves, it stays ours."""
        if model not in self._ours:
            self._theirs.add(model)

    def released(self, model: str) -> None:
        """It is gone; what takes the name from now on is not ours by that."""
        self._ours.discard(model)

    def foreign(self, model: str) -> bool:
        """Whether the name is known to be somebody else's."""
        return model in self._theirs
