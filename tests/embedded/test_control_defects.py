"""The defects of scaling and of what follows a death: each does the wrong thing, which without it is not done."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from tests.embedded.harness import Platform, eventually, started

DUPLICATES = 4


@contextmanager
def platform_with(defect: str) -> Iterator[Platform]:
    """A platform with a defect, if it is named, and a model ``m`` of two workers."""
    with started("--memory", "64", *(["--defect", defect] if defect else [])) as platform:
        platform.register("sleep", "m", workers=2)
        yield platform


def replicas(platform: Platform) -> int:
    """How many replica processes run, whatever is described."""
    return len(psutil.Process(platform.said["forkserver"]).children())


def scale_at_once(platform: Platform, *numbers: int) -> None:
    """Scale to each of these numbers, all requests sent before any is answered."""
    connections = [
        http.client.HTTPConnection("127.0.0.1", platform.said["management"], timeout=20) for _ in numbers
    ]
    try:
        for connection in connections:
            connection.connect()
        for connection, number in zip(connections, numbers, strict=True):
            path = f"/models/m?min_worker={number}&max_worker={number}&synchronous=true"
            connection.request("PUT", path)
        for connection in connections:
            assert connection.getresponse().read()
    finally:
        for connection in connections:
            connection.close()


def scale_and_leave(platform: Platform, number: int) -> None:
    """Ask for workers, and be gone before the answer."""
    with socket.create_connection(("127.0.0.1", platform.said["management"])) as link:
        path = f"/models/m?min_worker={number}&max_worker={number}&synchronous=true"
        link.sendall(f"PUT {path} HTTP/1.1\r\nHost: m\r\nContent-Length: 0\r\n\r\n".encode())
        eventually(lambda: platform.describe("m")["minWorkers"] == number, "it has the request")


@pytest.mark.parametrize(
    ("defect", "workers"),
    [("", 4), ("scale_adds", 2 + DUPLICATES * 2), ("scale_unserialised", 2 + DUPLICATES * 2)],
)
def test_concurrent_duplicates(defect: str, workers: int) -> None:
    with platform_with(defect) as platform:
        scale_at_once(platform, 4)
        eventually(lambda: replicas(platform) == 4, "one request alone does as it is told")
        scale_at_once(platform, 2)
        eventually(lambda: replicas(platform) == 2, "down as well")
        scale_at_once(platform, *[4] * DUPLICATES)

        eventually(lambda: len(platform.worker_pids("m")) == replicas(platform) == workers, f"{workers} run")


@pytest.mark.parametrize(("defect", "workers"), [("", 4), ("lost_answer_doubles", 6)])
def test_an_answer_that_is_lost_and_the_retry(defect: str, workers: int) -> None:
    with platform_with(defect) as platform:
        scale_and_leave(platform, 4)
        eventually(lambda: replicas(platform) == workers, f"{workers} run")
        scale_at_once(platform, 4)

        eventually(
            lambda: len(platform.worker_pids("m")) == replicas(platform) == workers,
            "the same after the retry",
        )
        assert platform.describe("m")["minWorkers"] == 4


@pytest.mark.parametrize(("defect", "workers"), [("", 4), ("scale_describes_only", 2)])
def test_what_is_described_and_what_runs(defect: str, workers: int) -> None:
    with platform_with(defect) as platform:
        for number in (3, 1, 4):
            scale_at_once(platform, number)
            described = platform.describe("m")
            ready = [worker for worker in described["workers"] if worker["status"] == "READY"]
            assert (described["minWorkers"], len(ready)) == (number, number)
            assert len({worker["id"] for worker in described["workers"]}) == number
        assert replicas(platform) == workers


def out_of_memory(platform: Platform) -> None:
    """A model ``greedy`` of one worker, and its death."""
    platform.register("allocate", "greedy")
    assert platform.predict("greedy", mebibytes=256).status == 507


@pytest.mark.parametrize(("defect", "harmed"), [("", False), ("oom_takes_all", True)])
def test_what_one_replicas_death_does_to_the_others(defect: str, harmed: bool) -> None:
    with platform_with(defect) as platform:
        before = platform.worker_pids("m")
        statuses: list[int] = []
        request = threading.Thread(
            target=lambda: statuses.append(platform.predict("m", sleep_ms=1500).status)
        )
        request.start()
        out_of_memory(platform)
        request.join()

        assert statuses == [507 if harmed else 200]
        eventually(lambda: len(platform.worker_pids("m")) == 2, "two serve")
        assert bool(set(before) & set(platform.worker_pids("m"))) is not harmed
        assert [error["type"] for error in platform.errors("m")] == (["Killed"] * 2 if harmed else [])


@pytest.mark.parametrize("defect", ["", "oom_unnamed"])
def test_what_the_history_names(defect: str) -> None:
    with platform_with(defect) as platform:
        out_of_memory(platform)
        (error,) = platform.errors("greedy")

        assert error["type"] == ("Exited" if defect else "OOMKilled")
        assert bool(error["by"]) is not bool(defect)


@pytest.mark.parametrize("defect", ["", "killed_never_replaced"])
def test_what_becomes_of_a_killed_replica(defect: str) -> None:
    with platform_with(defect) as platform:
        first, second = platform.worker_pids("m")
        psutil.Process(first).kill()
        eventually(lambda: bool(platform.errors("m")), "it is dead")
        eventually(lambda: first not in platform.worker_pids("m"), "and seen to be")
        if defect:
            for _ in range(20):
                assert platform.predict("m", sleep_ms=50).status == 200, "the other one serves"
            assert platform.worker_pids("m") == [second]
        else:
            eventually(lambda: len(platform.worker_pids("m")) == 2, "it is replaced")
        assert platform.describe("m")["minWorkers"] == 2
        assert platform.manage("PUT", "/models/m?min_worker=0&synchronous=true").status == 200
        eventually(lambda: replicas(platform) == 0, "it can be let go all the same")
