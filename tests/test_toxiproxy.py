"""A run that uses a fault proxy of the user's own leaves it as it was: our proxy stands in for Toxiproxy, alone."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import ChaosCommand


@pytest.fixture
def toxiproxy() -> Iterator[str]:
    """The address of the API of one that runs already."""
    process = subprocess.Popen(
        [sys.executable, "-m", "chaos.proxy", "--api", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield str(json.loads(process.stdout.readline())["api"])
    finally:
        process.kill()
        process.communicate()


def proxies(api: str) -> dict[str, Any]:
    """What it has."""
    with urllib.request.urlopen(f"http://{api}/proxies", timeout=5) as answer:
        found: dict[str, Any] = json.loads(answer.read())
    return found


def write(chaos: ChaosCommand, api: str, seconds: float = 0.8) -> str:
    """An experiment that slows the link to the clients, and one to a replica."""

    def change(experiment: dict[str, Any]) -> None:
        arguments = experiment["controls"][0]["provider"]["arguments"]
        arguments |= {"links": ["client", "replica"], "toxiproxy": api}
        arguments["probes"] = [{"file": "victim.json", "via": "client"}]
        provider = experiment["method"][0]["provider"]
        slow = {"fault": "link", "toxic": "latency", "attributes": {"latency": 40}, "seconds": seconds}
        experiment["method"] = [
            {"type": "action", "name": "slow client", "background": True, "provider": {**provider, "arguments": slow}},
            {
                "type": "action", "name": "slow replica",
                "provider": {**provider, "arguments": {**slow, "link": "replica", "model": "hostile"}},
            },
        ]  # fmt: skip
        arguments["safety"] = {"all_replicas": True}

    return chaos.write(change)


def test_it_is_left_as_it_was(chaos: ChaosCommand, toxiproxy: str) -> None:
    ended = chaos("run", write(chaos, toxiproxy))

    assert ended.exit_code == 0, ended.output
    assert [fault["fault"] for fault in ended.summary["faults"]] == ["link", "link"]
    assert proxies(toxiproxy) == {}


def test_after_a_kill_too(chaos: ChaosCommand, toxiproxy: str) -> None:
    process = chaos.start("run", write(chaos, toxiproxy, seconds=20.0))
    chaos.await_phase(process, "fault")
    time.sleep(0.5)
    assert any(proxy["toxics"] for proxy in proxies(toxiproxy).values())
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 5
    while proxies(toxiproxy) and time.monotonic() < deadline:
        time.sleep(0.05)

    assert proxies(toxiproxy) == {}


def test_one_that_is_not_there_is_one_clear_error(chaos: ChaosCommand) -> None:
    ended = chaos("run", write(chaos, "127.0.0.1:1"))

    assert ended.exit_code == 1
    assert "fault proxy at 127.0.0.1:1 cannot be reached" in ended.output
    assert "Traceback" not in ended.output
