"""The whole matrix against real servers: it runs through, and says something of every cell, whatever that is.

What a server does is its own affair (docs/findings.md says what we saw); what is asserted is that the harness measured
it: that no cell crashed, that exit code and verdicts agree, and that nothing of ours stays behind.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import anyio
import pytest

from chaos.properties.table import TABLE
from chaos.targets.base import Describe, need
from chaos.targets.processes import alive, session_members
from chaos.targets.registry import open_by_url

pytestmark = pytest.mark.real

ROOT = Path(__file__).resolve().parents[2]
CHAOS = str(Path(sys.executable).parent / "chaos")
SECONDS = 2400
MEASURED = {"torchserve": 30, "triton": 30, "mms": 30, "mlserver": 0}
"""How many cells apply at least: an MLServer loads what its repository has, and no other name."""


@pytest.mark.timeout(SECONDS + 120)
def test_the_matrix_runs_through(server_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    out = tmp_path / "matrix"
    command = [CHAOS, "--no-version-check", "--no-log-file", "matrix", "--target", server_url]
    with (tmp_path / "said").open("w+") as said:
        running = subprocess.Popen(
            [*command, "--seed", "1", "--out", str(out)],
            cwd=ROOT,
            stdout=said,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            code = running.wait(SECONDS)
        finally:
            running.terminate()
            running.wait(60)
        said.seek(0)
        words = said.read()
    document = json.loads((out / "matrix.json").read_text(encoding="utf-8"))
    cells = document["cells"]
    print(f"\n{server_url}: {document['verdict']} in {document['seconds']:.0f} s: {document['reason']}")
    for cell in cells:
        print(f"  {cell['api']:>15}:{cell['code']} {cell['verdict']:<14} {cell['reason'][:300]}")

    assert [(cell["api"], cell["code"]) for cell in cells] == [(cell.api, cell.code) for cell in TABLE]
    verdicts = Counter(cell["verdict"] for cell in cells)
    assert set(verdicts) <= {"pass", "fail", "unknown", "not_applicable"}
    assert sum(verdicts.values()) - verdicts["not_applicable"] >= MEASURED[_server(request)]
    assert "crashed" not in json.dumps(document)
    assert "please report" not in json.dumps(document)
    assert "Traceback" not in words
    assert code == (0 if document["verdict"] == "pass" else 1), words
    assert [process for process in session_members(running.pid) if alive(process)] == []
    assert anyio.run(_served, server_url) == []
    assert {"junit.xml", "report.html"} <= {path.name for path in out.iterdir()}


def _server(request: pytest.FixtureRequest) -> str:
    parameters: dict[str, Any] = request.node.callspec.params
    return str(parameters["server_url"])


async def _served(url: str) -> list[str]:
    target = open_by_url(url)
    await target.open()
    try:
        return await need(target, Describe).models()
    finally:
        await target.close()
