"""What the node bears: more is refused with the limit that it exceeds, and nothing of it is started."""

from __future__ import annotations

import json
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from chaos.embedded.limits import NodeLimits
from tests.embedded.harness import Answer, Platform, started

COUNTS = st.integers(0, 100)


@given(COUNTS, COUNTS, COUNTS, st.integers(1, 100), st.integers(1, 100))
def test_whatever_is_within_both_limits_is_borne_and_nothing_else(
    workers: int, taken: int, more: int, memory: int, each: int
) -> None:
    excess = NodeLimits(workers, memory << 20, each << 20).excess(taken, more)

    assert bool(excess) is bool(more and (taken + more > workers or (taken + more) * each > memory))


def test_the_limit_that_is_exceeded_is_named() -> None:
    limits = NodeLimits(workers=8, memory=4 << 30, worker_memory=1 << 30)

    assert "4096 MiB" in limits.excess(2, 3)
    assert "1024 MiB each" in limits.excess(2, 3)
    assert "at most 8 workers; 2 are taken" in limits.excess(2, 7)
    assert not limits.excess(2, 3, memory_counts=False)


def _scale(platform: Platform, workers: int) -> Answer:
    return platform.manage("PUT", f"/models/m?min_worker={workers}&synchronous=true")


def test_more_than_the_memory_bears_is_refused_and_changes_nothing() -> None:
    with started("--memory", "64", "--node-memory", "256") as platform:
        assert platform.manage("GET", "/limits").json == {
            "workers": 64,
            "memory": 256 << 20,
            "worker_memory": 64 << 20,
            "batch": 100,
        }
        platform.register("sleep", "m", workers=3)
        before = platform.describe("m")
        refused = [
            _scale(platform, 5),
            platform.manage("POST", "/models?url=sleep&model_name=n&initial_workers=2"),
        ]
        assert [answer.status for answer in refused] == [400, 400]
        assert all("256 MiB of memory" in answer.json["message"] for answer in refused)
        after = platform.describe("m")
        assert (after["minWorkers"], after["workers"][0]["pid"]) == (3, before["workers"][0]["pid"])
        assert platform.manage("GET", "/models/n").status == 404
        assert _scale(platform, 4).status == 200, "what it does bear"


def test_a_replica_cannot_take_more_than_all() -> None:
    command = [sys.executable, "-m", "chaos.embedded", "--memory", "64", "--node-memory", "32"]
    said = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False)

    assert said.returncode == 1
    assert "--node-memory" in json.loads(said.stdout)["error"]
