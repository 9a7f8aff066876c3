"""The platform's own TCP links, led through a fault proxy, so that each can be cut by itself.

The proxy is spoken to by Toxiproxy's HTTP API. Each link has a proxy of its own there: ``manager`` for the
AppProxy's link to the manager, ``replica-<model>-<number>`` for its link to a replica.
"""

from __future__ import annotations

from collections.abc import Iterable

from chaos.proxy.client import ProxyClient

__all__ = ["LinkProxies"]

HOST = "127.0.0.1"


class LinkProxies:
    """Makes and deletes the proxies of the links of some ``kinds``; for the others it does nothing.

    :param api: the address of the fault proxy's API, ``host:port``; empty: no link goes through a proxy
    """

    def __init__(self, api: str = "", kinds: Iterable[str] = ()) -> None:
        self._api = api
        self._kinds = frozenset(kinds) if api else frozenset()

    def name(self, kind: str, model: str = "", number: int = 0) -> str:
        """What the proxy of a link is called; empty if it has none."""
        if kind not in self._kinds:
            return ""
        return kind if kind == "manager" else f"replica-{model}-{number}"

    async def lead(self, name: str, port: int) -> int:
        """The port by which to reach a ``port`` of this machine through a new proxy; the port itself without a name.

        A proxy of this name that an earlier manager left is replaced.

        :raises ProxyError: if the fault proxy cannot be reached, or refuses
        """
        if not name:
            return port

        async with ProxyClient(self._api) as client:
            await client.delete(name)
            state = await client.create(name, f"{HOST}:0", f"{HOST}:{port}")
        return int(state.listen.rpartition(":")[2])

    async def drop(self, name: str) -> None:
        """Delete a link's proxy, if it has one; that it is gone already is no error.

        :raises ProxyError: if the fault proxy cannot be reached, or refuses
        """
        if name:
            async with ProxyClient(self._api) as client:
                await client.delete(name)

    async def clear(self) -> None:
        """Delete the proxies of all links.

        :raises ProxyError: if the fault proxy cannot be reached, or refuses
        """
        if self._kinds:
            async with ProxyClient(self._api) as client:
                for name in await client.proxies():
                    if name == "manager" or name.startswith("replica-"):
                        await client.delete(name)
