"""A matrix on somebody's server: what it registers is owed, what was there before stays, a dead server ends it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import anyio
import psutil

from chaos.faults.ledger import KEPT, read_ledger
from chaos.matrix.plan import Asked, make_plan
from chaos.matrix.run import Matrix
from chaos.reporting.matrix.summary import NOT_MEASURED, MatrixSummary
from chaos.targets.embedded import Embedded
from chaos.targets.registry import open_by_url
from tests.matrix.synthetic import Seen


async def _on_a_server(out: Path) -> tuple[MatrixSummary, list[str], MatrixSummary]:
    server = open_by_url("embedded")
    assert isinstance(server, Embedded)
    await server.open()
    try:
        assert server.address is not None
        await server.register("mine", "echo", 1)
        asked = Asked(out, target=server.address.text, cells="list:A,health:A,scale:G", seed=1)
        first = await Matrix(make_plan(asked), Seen()).run()
        left = await server.models()
        for pid in server.pids():
            psutil.Process(pid).kill()
        dead = Matrix(
            make_plan(Asked(out.with_name("dead"), target=asked.target, cells="list:A", seed=1)), Seen()
        )
        with suppress(BaseExceptionGroup):
            await dead.run()
        return first, left, dead.summary
    finally:
        await server.close()


def test_what_is_not_ours_is_left_as_it_was(synthetic: Path) -> None:
    first, left, dead = anyio.run(_on_a_server, synthetic)

    assert first.verdict.value == "pass"
    assert left == ["mine"]
    leases = read_ledger(synthetic / KEPT).leases.values()
    assert [(lease.by, lease.status) for lease in leases] == [("chaos.session.leftovers:Models", "reverted")]
    assert [cell.reason for cell in dead.cells] == [NOT_MEASURED]
