"""One model's hostile handler and another model's latency, on the correct platform and with each defect."""

from __future__ import annotations

import http.client
import threading
import time
from pathlib import Path
from typing import Any, Self

import pytest

from tests.embedded.harness import Platform, started

HOSTILE_USERS = 8
MODES: dict[str, dict[str, Any]] = {
    "sleep": {"sleep_ms": 200},
    "burn": {"burn_ms": 400},
    "crash": {"how": "exit"},
    "huge": {"mebibytes": 64},
}


class Hostile:
    """Eight users that keep the package's model at it, until stopped; join them when the platform is gone."""

    def __init__(self, platform: Platform, package: str) -> None:
        self._platform = platform
        self._package = package
        self._stop = threading.Event()
        self._users = [threading.Thread(target=self._user) for _ in range(HOSTILE_USERS)]

    def __enter__(self) -> Self:
        for user in self._users:
            user.start()
        time.sleep(0.4)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()

    def join(self) -> None:
        for user in self._users:
            user.join()

    def _user(self) -> None:
        while not self._stop.is_set():
            try:
                self._platform.predict("hostile", **MODES[self._package])
            except (OSError, http.client.HTTPException):
                self._stop.wait(0.05)
            if self._package == "crash":
                self._stop.wait(0.1)


def victim(platform: Platform, requests: int) -> float:
    """The worst but two of so many latencies, in seconds; each answer must be right."""
    latencies = []
    for number in range(requests):
        start = time.monotonic()
        answer = platform.predict("victim", sleep_ms=2, nonce=str(number))
        latencies.append(time.monotonic() - start)
        assert answer.json["nonce"] == str(number)
    return sorted(latencies)[-3]


def run(tmp_path: Path, package: str, requests: int, *arguments: str) -> float:
    with started("--log", str(tmp_path / "platform.log"), *arguments) as platform:
        platform.register("sleep", "victim", workers=2)
        platform.register(package, "hostile", workers=2)
        with Hostile(platform, package) as users:
            worst = victim(platform, requests)
    users.join()
    return worst


@pytest.mark.parametrize("defect", ["shared_worker_pool", "shared_queue"])
def test_each_defect_makes_the_victim_wait_for_the_hostile_handler(tmp_path: Path, defect: str) -> None:
    correct = run(tmp_path, "sleep", 30)
    broken = run(tmp_path, "sleep", 5, "--defect", defect)

    assert broken > 3 * correct
    assert broken > 0.1, "it waited for a handler that sleeps 0.2 s"


@pytest.mark.parametrize("package", ["burn", "crash", "huge"])
def test_the_victim_is_served_beside_every_hostile_handler(tmp_path: Path, package: str) -> None:
    # eight users in this very process slow the measuring client; a wait behind their handlers would be far longer
    assert run(tmp_path, package, 20) < 0.8
