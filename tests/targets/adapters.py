"""Adapters that speak to the stand-ins."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chaos.targets.context import TargetContext
from chaos.targets.torchserve import TorchServe
from chaos.targets.url import TargetURL
from tests.targets.servers import StandIn

Entry = tuple[str, str, str, float, float, str]


@asynccontextmanager
async def adapter(
    server: StandIn,
    query: str = "",
    record: list[Entry] | None = None,
    opened: bool = True,
    kind: type[TorchServe] = TorchServe,
) -> AsyncIterator[TorchServe]:
    text = f"torchserve+{server.address}?management={server.port}{query}"
    seen = record if record is not None else []
    target = kind(
        TargetURL.parse(text, ["torchserve"]), TargetContext(record=lambda *entry: seen.append(entry))
    )
    try:
        if opened:
            await target.open()
        yield target
    finally:
        await target.close()
