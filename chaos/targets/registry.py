"""From a target URL to its adapter, through the entry-point group ``chaos.targets``.

Each entry point is a function ``open_target(url, context) -> Target`` that does no I/O; what may be tested at
all is decided here, before any adapter sees the URL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from pathlib import Path

from chaos.errors import CapabilityError, TargetError
from chaos.targets.base import Target
from chaos.targets.context import Owe, Record, TargetContext, ignore, owe_nothing
from chaos.targets.url import TargetURL, is_loopback

__all__ = ["OpenTarget", "adapters", "open_by_url", "parse_url"]

GROUP = "chaos.targets"
EMBEDDED = "embedded"
"""The one adapter whose target can be made wrong on request."""

OpenTarget = Callable[[TargetURL, TargetContext], Target]


def adapters() -> list[str]:
    """The names of all adapters there are, sorted."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def parse_url(url: str, defects: Sequence[str] = (), allow: Sequence[str] = ()) -> TargetURL:
    """Take a target URL apart and check that it may be tested; no I/O.

    :raises CapabilityError: if ``defects`` are asked of a target that is not the embedded platform
    :raises TargetError: if it is malformed, names no known adapter, or a host that is not allowed
    """
    parsed = TargetURL.parse(url, adapters())
    for host in parsed.hosts():
        if not is_loopback(host) and host not in allow:
            raise TargetError(
                f"target {url}: {host} is not this machine, and only this machine may be tested unless the host is "
                f"named twice: in 'hosts' of the control's arguments, and on the command line with --var allow={host} "
                f"(`chaos matrix` takes --allow {host})"
            )
    if defects and parsed.adapter != EMBEDDED:
        raise CapabilityError(
            f"target {url}: the defects {', '.join(defects)} can be seeded in the embedded platform only "
            f"(choose --var target={EMBEDDED}, or no defect)"
        )
    return parsed


def open_by_url(
    url: str,
    defects: Sequence[str] = (),
    directory: Path | None = None,
    allow: Sequence[str] = (),
    record: Record = ignore,
    owe: Owe = owe_nothing,
    link_api: str = "",
    links: Sequence[str] = (),
) -> Target:
    """The target that a URL names, not yet opened; no I/O.

    :param defects: wrong behaviours to seed in the embedded platform
    :param directory: the run directory, for logs
    :param allow: hosts beside loopback that may be tested
    :param record: where operations on the control plane are reported
    :param owe: where it is written down what must be undone
    :param link_api: of the fault proxy through which the target is to run those of its own links that ``links`` names
    :raises CapabilityError: if it has no such links
    :raises TargetError: as :func:`parse_url`, and if the adapter does not have an option
    """
    parsed = parse_url(url, defects, allow)
    if links and parsed.adapter != EMBEDDED:
        raise CapabilityError(
            f"target {url}: only the embedded platform can run its own links ({', '.join(links)}) through a fault "
            "proxy (the link 'client' can be had with every target)"
        )
    entry = next(entry for entry in entry_points(group=GROUP) if entry.name == parsed.adapter)
    try:
        opener: OpenTarget = entry.load()
    except (ImportError, AttributeError) as error:
        raise TargetError(
            f"target {url}: adapter '{entry.name}' ({entry.value}) cannot be loaded: {error} "
            "(is its package installed completely?)"
        ) from error
    return opener(parsed, TargetContext(tuple(defects), directory, record, owe, link_api, tuple(links)))
