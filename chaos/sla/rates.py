"""Shares: so many of so many.

They have the exact interval of C. Clopper and E. Pearson (1934), which keeps its promise for few trials and for none
that fail, where approximations do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import scipy

__all__ = ["Rate"]


@dataclass(frozen=True, slots=True)
class Rate:
    """So many of so many, with the 95 % interval of the share; None where there was nothing."""

    count: int
    n: int

    @property
    def share(self) -> float | None:
        """The estimate."""
        return self.count / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Clopper and Pearson's."""
        if not self.n:
            return None
        found = scipy.stats.binomtest(self.count, self.n).proportion_ci(0.95, method="exact")
        return float(found.low), float(found.high)

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        low, high = self.interval or (None, None)
        return {"count": self.count, "n": self.n, "share": self.share, "low": low, "high": high}
