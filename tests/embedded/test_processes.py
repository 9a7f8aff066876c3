"""Killing each kind of process: nothing is orphaned, and what should come back comes back."""

from __future__ import annotations

import http.client
import os
import signal
import threading
from pathlib import Path

import psutil
import pytest

from tests.embedded.harness import Answer, Platform, eventually, gone, started


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def serves(platform: Platform, model: str) -> bool:
    try:
        return platform.predict(model).status == 200
    except OSError:
        return False


def test_killed_supervisor_leaves_no_process(fresh: Platform) -> None:
    fresh.register("sleep", workers=3)
    processes = fresh.tree()
    assert len(processes) == 7, "supervisor, manager, proxy, fork server, three replicas"

    def ask() -> None:
        with pytest.raises((OSError, http.client.HTTPException)):
            fresh.predict("sleep", sleep_ms=5000)

    request = threading.Thread(target=ask)
    request.start()
    kill(fresh.pid)

    eventually(lambda: gone(processes), "all processes are dead")
    request.join()


def test_killed_fork_server_is_replaced_with_its_replicas(fresh: Platform) -> None:
    fresh.register("echo", workers=2)
    before = fresh.worker_pids("echo")
    replicas = [psutil.Process(pid) for pid in before]

    kill(fresh.said["forkserver"])

    eventually(lambda: gone(replicas), "the replicas died with their parent")
    eventually(lambda: len(set(fresh.worker_pids("echo")) - set(before)) == 2, "two new replicas")
    assert fresh.predict("echo", a=1).json == {"a": 1}


def test_killed_proxy_comes_back_on_the_same_ports_with_all_routes(fresh: Platform) -> None:
    fresh.register("echo", workers=2)
    fresh.register("iris")
    before = fresh.worker_pids("echo")

    kill(fresh.said["proxy"])

    eventually(lambda: serves(fresh, "echo"), "the new proxy serves")
    assert fresh.predict("iris", instances=[[5.1, 3.5, 1.4, 0.2]]).json["predictions"] == [0]
    assert fresh.worker_pids("echo") == before, "replicas outlive the proxy"
    assert fresh.call("GET", "/metrics", port="metrics").status == 200
    fresh.register("echo", "later")
    assert fresh.predict("later", b=2).json == {"b": 2}


def test_killed_replica_is_replaced_and_its_request_answered_507(clean: Platform) -> None:
    clean.register("sleep", workers=1)
    (pid,) = clean.worker_pids("sleep")
    answers: list[Answer] = []
    request = threading.Thread(target=lambda: answers.append(clean.predict("sleep", sleep_ms=10_000)))
    request.start()
    eventually(lambda: busy(pid), "the handler has the request")
    kill(pid)
    request.join()

    assert answers[0].status == 507
    assert answers[0].json == {"code": 507, "type": "InternalServerException", "message": "Worker died."}
    assert clean.predict("sleep").status == 200
    assert clean.worker_pids("sleep") != [pid]


def busy(pid: int) -> bool:
    """Whether a replica is in its handler's sleep, not in its wait for a request."""
    return "nanosleep" in Path(f"/proc/{pid}/wchan").read_text()


def test_a_crash_loop_backs_off_and_ends(clean: Platform) -> None:
    clean.register("crash", workers=1)
    worker = clean.describe("crash")["workers"][0]["id"]
    for how, status in (("exit", 500), ("sigkill", 507), ("abort", 500), ("exit", 500)):
        assert clean.predict("crash", how=how).status == status

    assert clean.predict("crash", how="raise").status == 503
    assert clean.predict("crash", how="none", nonce="n").json == {"how": "none", "nonce": "n"}
    assert clean.describe("crash")["workers"][0]["id"] == worker, "the worker outlives its replicas"


@pytest.mark.parametrize("how", ["end of file", "SIGTERM"])
def test_an_orderly_stop_finishes_what_is_in_flight_and_leaves_nothing(fresh: Platform, how: str) -> None:
    fresh.register("sleep", workers=1)
    (pid,) = fresh.worker_pids("sleep")
    processes = fresh.tree()
    answers: list[Answer] = []
    request = threading.Thread(target=lambda: answers.append(fresh.predict("sleep", sleep_ms=700, nonce="n")))
    request.start()
    eventually(lambda: busy(pid), "the handler has the request")
    if how == "SIGTERM":
        os.kill(fresh.pid, signal.SIGTERM)
        assert fresh.process.wait(20) == 0
    else:
        assert fresh.stop() == 0
    request.join()

    assert answers[0].json["nonce"] == "n"
    assert gone(processes)


def test_a_stuck_handler_does_not_hold_up_the_stop(fresh: Platform) -> None:
    fresh.register("sleep", workers=1)
    processes = fresh.tree()

    def ask() -> None:
        with pytest.raises((OSError, http.client.HTTPException)):
            fresh.predict("sleep", sleep_ms=60_000)

    request = threading.Thread(target=ask)
    request.start()
    eventually(lambda: busy(fresh.worker_pids("sleep")[0]), "the handler has the request")

    assert fresh.stop() == 0
    assert gone(processes)
    request.join()


def test_sigint_is_ignored(clean: Platform) -> None:
    clean.register("echo")
    os.killpg(clean.pid, signal.SIGINT)

    assert clean.predict("echo", a=1).json == {"a": 1}
    assert clean.process.poll() is None


def test_replicas_are_less_urgent_than_the_proxy_and_limited_in_memory(clean: Platform) -> None:
    clean.register("allocate")
    (pid,) = clean.worker_pids("allocate")

    assert psutil.Process(pid).nice() == psutil.Process(clean.said["proxy"]).nice() + 5
    assert clean.predict("allocate", mebibytes=400).json["allocated"] == 400 << 20
    assert clean.worker_pids("allocate") == [pid], "what was within the limit did no harm"
    assert clean.describe("allocate")["workers"][0]["memoryUsage"] > 1 << 20


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--defect", "shared_qeue"], "unknown defect 'shared_qeue'"),
        (["--inference", "99999"], "inference port 99999"),
        (["--nonsense"], "unrecognized arguments"),
        (["--models", "/nowhere/at/all"], "no such directory"),
        (["--log", "/nowhere/at/all"], "cannot be written"),
        (["--memory", "3"], "at least 16 MiB"),
    ],
)
def test_bad_arguments_end_in_one_sentence(arguments: list[str], words: str) -> None:
    with started(*arguments) as platform:
        assert words in platform.said["error"]
        assert platform.process.wait(20) == 1
        assert platform.process.stdout is not None
        assert platform.process.stdout.read() == b""


@pytest.mark.parametrize("port", ["inference", "management", "metrics"])
def test_a_port_in_use_is_named_with_the_remedy(platform: Platform, port: str) -> None:
    with started(f"--{port}", str(platform.said[port])) as second:
        assert f"the {port} port {platform.said[port]}" in second.said["error"]
        assert f"--{port}" in second.said["error"]
        assert second.process.wait(20) == 1
