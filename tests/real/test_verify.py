"""Generated programs against real servers: they run through, are judged, and nothing of ours stays behind.

What a server does with them is its own affair (docs/findings.md says what we saw); a counterexample is written for what
it does wrong.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from chaos.targets.base import Describe, need
from chaos.targets.registry import open_by_url

pytestmark = pytest.mark.real

ROOT = Path(__file__).resolve().parents[2]
CHAOS = str(Path(sys.executable).parent / "chaos")
SECONDS = 840


@pytest.mark.timeout(SECONDS + 60)
def test_programs_run_through(server_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if "mlserver" in str(request.node.name):
        pytest.skip("an MLServer loads what its repository has, and no other name")
    out = tmp_path / "verify"
    command = [CHAOS, "--no-version-check", "--no-log-file", "verify", "--target", server_url, "--seed", "1"]
    ended = subprocess.run(
        [*command, "--examples", "10", "--steps", "8", "--database", "none", "--out", str(out)],
        cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    document = json.loads((out / "verify.json").read_text(encoding="utf-8"))
    print(f"\n{server_url}: {document['verdict']} in {document['seconds']:.0f} s: {document['reason']}")
    for failure in document["failures"]:
        print("  " + "\n  ".join(failure["said"]))
        print(f"  {failure['rate']['count']} of {failure['rate']['n']}: {failure['violations'][0]['words']}")

    assert "Traceback" not in ended.stdout + ended.stderr
    assert ended.returncode == (0 if document["verdict"] == "pass" else 1), ended.stdout + ended.stderr
    assert document["examples"] >= 1
    assert document["operations"] >= 1
    assert (out / "counterexample.json").exists() == bool(document["failures"])
    assert anyio.run(_served, server_url) == []


async def _served(url: str) -> list[str]:
    target = open_by_url(url)
    await target.open()
    try:
        return await need(target, Describe).models()
    finally:
        await target.close()
