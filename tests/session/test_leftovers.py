"""Models of a killed matrix on somebody's server are found by their tag, and nothing else is touched."""

from __future__ import annotations

import anyio
import pytest

from chaos.faults.base import RevertError
from chaos.session.leftovers import Models
from chaos.targets.embedded import Embedded
from chaos.targets.registry import open_by_url


async def _reverted() -> tuple[list[str], str, str]:
    server = open_by_url("embedded")
    assert isinstance(server, Embedded)
    await server.open()
    try:
        assert server.address is not None
        for name in ("mine", "model-a1-mabcdef012345", "model-mabcdef01234", "other-c2-m123456012345"):
            await server.register(name, "echo", 1)
        undo = {"url": server.address.text, "tag": "mabcdef", "allow": []}
        return await server.models(), await Models.revert(undo), " ".join(await server.models())
    finally:
        await server.close()


def test_only_those_with_the_tag_go() -> None:
    before, said, after = anyio.run(_reverted)

    assert len(before) == 4
    assert "unregistered 1 models" in said
    assert after == "mine model-mabcdef01234 other-c2-m123456012345"


def test_a_server_that_is_gone_is_no_error() -> None:
    undo = {"url": "torchserve+http://127.0.0.1:9?management=9", "tag": "mabcdef", "allow": []}
    assert "cannot be reached" in anyio.run(Models.revert, undo)


def test_a_server_that_refuses_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fine(_self: object) -> None:
        return

    monkeypatch.setattr("chaos.targets.torchserve.TorchServe.open", fine)
    undo = {"url": "torchserve+http://127.0.0.1:9?management=9", "tag": "mabcdef", "allow": []}
    with pytest.raises(RevertError, match="by hand"):
        anyio.run(Models.revert, undo)
