"""A verification from its beginning to its reports, for whoever calls it from Python."""

from __future__ import annotations

import anyio

from chaos.history import Event, read_history
from chaos.reporting.terminal import View
from chaos.reporting.verify.summary import VerifySummary, summarise
from chaos.reporting.verify.write import write_reports
from chaos.verify.asked import Verification
from chaos.verify.verifying import Verifying

__all__ = ["Silent", "verified"]


class Silent:
    """A view that shows nothing."""

    def event(self, event: Event) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


def verified(asked: Verification, view: View | None = None) -> VerifySummary:
    """Run it in an event loop of its own, and write its reports.

    :raises ChaosError: if the target cannot be opened, or lacks what every program needs
    """
    anyio.run(Verifying(asked, view or Silent()).run, backend_options={"use_uvloop": True})
    summary = summarise(read_history(asked.place.directory))
    write_reports(asked.place.directory, summary)
    return summary
