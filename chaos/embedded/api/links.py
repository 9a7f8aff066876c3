"""What the management API says of the platform's own links, so that a cut and its end can be seen from outside."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from chaos.embedded.hub import LinkSaid, ProxyHub
from chaos.embedded.models import Model

__all__ = ["describe_links"]


def describe_links(models: Iterable[Model], hub: ProxyHub) -> dict[str, Any]:
    """The answer to ``GET /links``: the manager's link, and those of all replicas that serve or still drain.

    Of a replica's link it is what the proxy said last. ``since`` is when the link last came to stand or broke, in
    seconds on the machine's monotonic clock; ``proxy`` the fault proxy's name for it, or empty.
    """
    replicas = []
    for model in models:
        for worker in (*model.workers, *model.retiring):
            route = worker.route()
            if route is not None:
                said = hub.links.get(route.id) or LinkSaid(False, time.monotonic())
                proxy = hub.proxies.name("replica", model.name, route.id)
                about = {"id": route.id, "model": model.name, "pid": worker.pid}
                replicas.append({**about, "up": said.up, "since": said.since, "proxy": proxy})
    link = hub.link
    manager = {"up": link.up, "since": link.since, "proxy": hub.proxies.name("manager")}
    return {"manager": manager, "replicas": replicas}
