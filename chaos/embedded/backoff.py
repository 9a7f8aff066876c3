"""How long to wait before something that keeps dying is started again."""

from __future__ import annotations

__all__ = ["BACKOFF_FIRST", "BACKOFF_LAST", "HEALTHY_SECONDS", "backoff"]

BACKOFF_FIRST, BACKOFF_LAST = 0.05, 2.0
HEALTHY_SECONDS = 5.0
"""What lived so long was healthy: what happens to it then is no crash loop."""


def backoff(failures: int) -> float:
    """Seconds to wait before the next start after so many failures in a row: 0 after the first, then doubling."""
    return 0.0 if failures <= 1 else min(BACKOFF_FIRST * 2.0 ** min(failures - 2, 30), BACKOFF_LAST)
