"""A replica that is out of memory: who ends it, what is answered, what is remembered, and who is not touched."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from chaos.cgroups import find_base
from tests.embedded.harness import Answer, Platform, eventually, started

KERNEL = pytest.param(
    "kernel", marks=pytest.mark.skipif(find_base() is None, reason="no writable memory cgroup")
)
MEMORY = 64


@pytest.fixture(scope="module", params=[KERNEL, "limit"])
def limited(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Platform, str]]:
    """A platform whose replicas may take 64 MiB each, and who ends those that take more."""
    by = request.param
    arguments = ["--no-cgroup"] if by == "limit" else []
    log = tmp_path_factory.mktemp("oom") / "platform.log"
    with started("--memory", str(MEMORY), "--log", str(log), *arguments) as platform:
        yield platform, by
        assert "Traceback" not in log.read_text(), log.read_text()


def groups(platform: Platform) -> dict[int, Path]:
    """The cgroups of replicas by the pid in them."""
    return {
        int(pid): procs.parent
        for procs in Path(platform.said["cgroup"]).glob("replica-*/cgroup.procs")
        for pid in procs.read_text().split()
    }


def test_it_is_ended_answered_replaced_and_remembered(limited: tuple[Platform, str]) -> None:
    platform, by = limited
    platform.register("allocate", "greedy", workers=2)
    platform.register("sleep", "bystander", workers=1)
    before = platform.worker_pids("greedy")
    beside = platform.worker_pids("bystander")
    answers: list[Answer] = []
    slow = threading.Thread(
        target=lambda: answers.append(platform.predict("bystander", sleep_ms=700, nonce="b"))
    )
    slow.start()

    answer = platform.predict("greedy", mebibytes=MEMORY * 4)

    assert (answer.status, answer.json["message"]) == (507, "Worker died.")
    eventually(lambda: len(platform.worker_pids("greedy")) == 2, "it is replaced")
    after = platform.worker_pids("greedy")
    assert len(set(before) & set(after)) == 1, "one was ended, one was not"
    assert platform.predict("greedy", mebibytes=1).status == 200
    slow.join()
    assert answers[0].json["nonce"] == "b", "nobody else's request was harmed"
    assert platform.worker_pids("bystander") == beside

    (error,) = platform.errors("greedy")
    (dead,) = set(before) - set(after)
    assert (error["type"], error["by"], error["model"], error["pid"]) == ("OOMKilled", by, "greedy", dead)
    assert error["worker"] in {worker["id"] for worker in platform.describe("greedy")["workers"]}
    assert abs((datetime.now(UTC) - datetime.fromisoformat(error["at"])).total_seconds()) < 20
    assert platform.errors("bystander") == []
    for model in ("greedy", "bystander"):
        platform.manage("DELETE", f"/models/{model}")
    assert platform.errors("greedy") == [error], "to be let go is no error"


def test_an_inference_of_the_open_protocol_gets_its_own_words(limited: tuple[Platform, str]) -> None:
    platform, _ = limited
    platform.register("allocate", "open")
    text = f'{{"mebibytes": {MEMORY * 4}}}'
    tensor = {"name": "payload", "shape": [1], "datatype": "BYTES", "data": [text]}
    answer = platform.call("POST", "/v2/models/open/infer", {"inputs": [tensor]})

    assert (answer.status, answer.json) == (500, {"error": "Worker died."})
    assert platform.errors("open")[0]["type"] == "OOMKilled"
    platform.manage("DELETE", "/models/open")


def test_a_kill_an_exit_and_a_late_handler_are_told_apart(limited: tuple[Platform, str]) -> None:
    platform, _ = limited
    platform.register("crash")
    for how in ("exit", "sigkill", "abort"):
        platform.predict("crash", how=how)
    eventually(lambda: len(platform.errors("crash")) == 3, "all three are remembered")
    told = [(error["type"], error["by"], error["detail"]) for error in platform.errors("crash")]
    assert told == [("Killed", "", "signal 6"), ("Killed", "", "signal 9"), ("Exited", "", "exit code 7")]
    platform.register("sleep", "late", response_timeout=1)
    assert platform.predict("late", sleep_ms=5000).status == 500
    eventually(lambda: bool(platform.errors("late")), "it is remembered")
    (error,) = platform.errors("late")
    assert error["type"] == "Killed"
    assert "response timeout" in error["detail"]
    for model in ("crash", "late"):
        platform.manage("DELETE", f"/models/{model}")


def test_a_package_that_does_not_load_is_remembered(limited: tuple[Platform, str], tmp_path: Path) -> None:
    platform, by = limited
    for name, code in (
        ("broken", "raise ValueError('no weights')"),
        ("heavy", "return bytearray(b'x' * (512 << 20))"),
    ):
        (tmp_path / name / "code").mkdir(parents=True)
        (tmp_path / name / "code" / "inference.py").write_text(f"def model_fn(d): {code}\n")
        answer = platform.manage("POST", f"/models?url={tmp_path / name}&model_name={name}&initial_workers=1")
        assert answer.status == 500

    broken, heavy = platform.errors("broken"), platform.errors("heavy")
    assert {(error["type"], error["by"]) for error in broken} == {("LoadFailed", "")}
    assert "no weights" in broken[0]["detail"]
    assert {(error["type"], error["by"]) for error in heavy} == {("OOMKilled", by)}


def test_the_history_is_asked_by_model_and_number_and_forgotten(limited: tuple[Platform, str]) -> None:
    platform, _ = limited
    platform.register("crash", "often")
    for _ in range(3):
        platform.predict("often", how="exit")
    eventually(lambda: len(platform.errors("often")) == 3, "all three are remembered")
    times = [error["monotonic"] for error in platform.errors("often")]
    assert times == sorted(times, reverse=True)
    assert len(platform.manage("GET", "/errors?model=often&limit=2").json["errors"]) == 2
    assert len(platform.manage("GET", "/errors").json["errors"]) >= 3
    assert platform.manage("GET", "/errors?limit=many").status == 400
    others = len(platform.manage("GET", "/errors").json["errors"]) - 3

    assert platform.manage("DELETE", "/errors?model=often").json == {"status": "Forgot 3 errors"}
    assert platform.errors("often") == []
    assert len(platform.manage("GET", "/errors").json["errors"]) == others
    assert "/errors" in platform.manage("GET", "/api-description").json["paths"]
    platform.manage("DELETE", "/models/often")


@pytest.mark.skipif(find_base() is None, reason="no writable memory cgroup")
def test_each_replica_has_a_group_of_its_own_while_it_lives(tmp_path: Path) -> None:
    code = tmp_path / "parent" / "code"
    code.mkdir(parents=True)
    (code / "inference.py").write_text(
        "import subprocess\n"
        "def model_fn(d): return None\n"
        "def predict_fn(data, model):\n"
        "    return subprocess.Popen(['sleep', '60'], start_new_session=True, env={}).pid\n"
    )
    with started("--memory", "64", "--models", str(tmp_path)) as platform:
        platform.register("parent", workers=1)
        platform.register("sleep", workers=2)
        pids = [*platform.worker_pids("parent"), *platform.worker_pids("sleep")]
        assert groups(platform).keys() == set(pids)
        limits = {
            int((group / "memory.limit_in_bytes").read_text()) >> 20 for group in groups(platform).values()
        }
        assert limits == {64 + 16}
        child = psutil.Process(platform.predict("parent").json)
        assert child.pid in groups(platform)

        os.kill(pids[0], signal.SIGKILL)

        eventually(
            lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "its children die, too"
        )
        eventually(lambda: len(platform.worker_pids("parent")) == 1, "it is replaced")
        assert groups(platform).keys() == {*platform.worker_pids("parent"), *pids[1:]}
        platform.manage("PUT", "/models/sleep?min_worker=0&synchronous=true")
        eventually(lambda: len(groups(platform)) == 1, "who goes leaves no group")

        tree = Path(platform.said["cgroup"])
        assert platform.stop() == 0
        assert not tree.exists()


@pytest.mark.skipif(find_base() is None, reason="no writable memory cgroup")
def test_a_killed_fork_server_leaves_no_groups(fresh: Platform) -> None:
    fresh.register("echo", workers=2)
    before = groups(fresh)
    os.kill(fresh.said["forkserver"], signal.SIGKILL)
    eventually(lambda: len(set(fresh.worker_pids("echo")) - before.keys()) == 2, "two new replicas")

    assert groups(fresh).keys() == set(fresh.worker_pids("echo"))
    assert len([entry for entry in Path(fresh.said["cgroup"]).iterdir() if entry.is_dir()]) == 2
    assert not set(before.values()) & set(groups(fresh).values())
