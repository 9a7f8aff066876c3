"""Chaos and resilience harness for model-serving systems, on the stock Chaos Toolkit."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chaoslib.types import Discovery

__all__ = ["__version__", "discover"]

__version__ = "0.1.0"


def discover(discover_system: bool = True) -> Discovery:
    """List our actions and probes for ``chaos discover chaostoolkit-serving``."""
    from chaoslib.discovery.discover import discover_actions, discover_probes, initialize_discovery_result

    discovery = initialize_discovery_result("chaostoolkit-serving", __version__, "serving")
    discovery["activities"].extend(discover_actions("chaos.actions"))
    discovery["activities"].extend(discover_probes("chaos.probes"))
    return discovery
