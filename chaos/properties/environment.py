"""Whether the machine was quiet enough while a cell was measured: what others took of it, and the noise floor."""

from __future__ import annotations

from chaos.properties.record import CellRecord

__all__ = ["spoilt"]


def spoilt(record: CellRecord) -> str:
    """Why the environment makes durations and rates of this record worthless; empty if it does not."""
    return ""
