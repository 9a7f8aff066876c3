"""The command line's ``--links`` and ``--link-proxy``; apart from :mod:`links`, whose imports are large."""

from __future__ import annotations

from chaos.errors import ChaosError

__all__ = ["KINDS", "parse_links"]

KINDS = ("manager", "replica")
"""The links that can be led through a fault proxy."""


def parse_links(api: str, links: str) -> tuple[str, ...]:
    """The kinds of links that a comma-separated list names.

    :raises ChaosError: if one is unknown, or there is no fault proxy to lead them through
    """
    kinds = tuple(dict.fromkeys(part for part in links.split(",") if part))
    for kind in kinds:
        if kind not in KINDS:
            raise ChaosError(f"--links {links}: there is no link '{kind}' (there are: {', '.join(KINDS)})")
    if kinds and not api:
        raise ChaosError(
            f"--links {links}: no fault proxy to lead them through (give its API with --link-proxy)"
        )
    if api:
        host, _, port = api.rpartition(":")
        if not (host and port.isascii() and port.isdecimal() and int(port) < 65536):
            raise ChaosError(f"--link-proxy {api}: not an address (write HOST:PORT, such as 127.0.0.1:8474)")
    return kinds
