"""The supervisor: a manager that dies is replaced on the same ports, and nothing of the platform outlives its end."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from chaos.embedded import supervisor
from chaos.embedded.residue import Residue
from chaos.marks import PLATFORM, bearers
from tests.embedded.harness import Platform, eventually, gone, started


def manager(platform: Platform) -> psutil.Process:
    """The supervisor's one child, once there is one."""
    eventually(lambda: len(psutil.Process(platform.pid).children()) == 1, "there is a manager")
    return psutil.Process(platform.pid).children()[0]


def end_manager(platform: Platform, number: signal.Signals) -> None:
    """Send it a signal, and wait until all that was below it is gone: what is asked then, the next one answers."""
    family = platform.tree()[1:]
    manager(platform).send_signal(number)
    eventually(lambda: gone(family), "the manager and all below are gone")


class Users(threading.Thread):
    """Asks a model one request after the other, each on a connection of its own, until stopped."""

    def __init__(self, platform: Platform, model: str) -> None:
        super().__init__(daemon=True)
        self.refused = 0
        self.good: list[float] = []
        self.wrong: list[int] = []
        self._platform, self._model, self._enough = platform, model, threading.Event()

    def run(self) -> None:
        number = 0
        while not self._enough.is_set():
            number += 1
            try:
                answer = self._platform.predict(self._model, nonce=number)
            except ConnectionRefusedError:
                self.refused += 1
            except (OSError, http.client.HTTPException):
                self._enough.wait(0.01)  # cut while it was in flight
            else:
                if answer.status == 200:
                    assert answer.json == {"nonce": number}
                    self.good.append(time.monotonic())
                else:
                    self.wrong.append(answer.status)

    def stop(self) -> None:
        self._enough.set()
        self.join()


def test_a_killed_manager_is_replaced_on_the_same_ports_with_its_models(fresh: Platform) -> None:
    fresh.register("echo", workers=2)
    fresh.register("sleep", "other", workers=1, response_timeout=7)
    assert fresh.manage("PUT", "/models/echo?min_worker=1&max_worker=3&synchronous=true").status == 200
    fresh.register("crash")
    fresh.predict("crash", how="exit")
    eventually(lambda: len(fresh.errors("crash")) == 1, "it is remembered")
    (error,) = fresh.errors("crash")
    assert fresh.manage("DELETE", "/models/crash").status == 200
    before = fresh.tree()[1:]
    users = [Users(fresh, "echo") for _ in range(3)]
    for user in users:
        user.start()
    eventually(lambda: all(user.good for user in users), "all are served")
    first = manager(fresh)
    assert first.pid == fresh.said["manager"]

    first.kill()
    killed = time.monotonic()
    eventually(lambda: all(user.good[-1] > killed + 1 for user in users), "all are served again")
    for user in users:
        user.stop()

    assert gone(before), "all of the first manager's processes went with it"
    assert sum(user.refused for user in users) == 0, "the ports stay open"
    assert {status for user in users for status in user.wrong} <= {500, 507}
    assert manager(fresh).pid != first.pid
    names = [model["modelName"] for model in fresh.manage("GET", "/models").json["models"]]
    assert names == ["echo", "other"]
    echo, other = fresh.describe("echo"), fresh.describe("other")
    assert (echo["minWorkers"], echo["maxWorkers"], len(fresh.worker_pids("echo"))) == (1, 3, 2)
    assert (other["responseTimeout"], other["modelUrl"]) == (7, "sleep")
    assert fresh.errors("crash") == [error], "the error history is still there"
    assert fresh.call("GET", "/metrics", port="metrics").status == 200
    assert fresh.manage("PUT", "/models/other?min_worker=2&synchronous=true").status == 200
    assert fresh.stop() == 0


def test_what_is_changed_after_a_restart_survives_the_next(fresh: Platform) -> None:
    fresh.register("echo")
    for name in ("a", "b"):
        end_manager(fresh, signal.SIGTERM)
        assert fresh.predict("echo", x=1).status == 200
        fresh.register("echo", name)
    fresh.manage("DELETE", "/models/a")
    end_manager(fresh, signal.SIGKILL)

    assert fresh.predict("b", x=1).status == 200
    names = [model["modelName"] for model in fresh.manage("GET", "/models").json["models"]]
    assert names == ["b", "echo"]


def test_a_registration_that_is_cut_short_leaves_all_or_nothing(fresh: Platform, tmp_path: Path) -> None:
    code = tmp_path / "slow" / "code"
    code.mkdir(parents=True)
    (code / "inference.py").write_text("import time\ndef model_fn(d): time.sleep(30)\n")

    def register() -> None:
        with pytest.raises((OSError, http.client.HTTPException)):
            fresh.manage("POST", f"/models?url={tmp_path / 'slow'}&initial_workers=1&synchronous=true")

    request = threading.Thread(target=register)
    request.start()
    eventually(lambda: len(fresh.manage("GET", "/models").json["models"]) == 1, "it is being registered")
    end_manager(fresh, signal.SIGKILL)
    request.join()

    assert fresh.manage("GET", "/models").json["models"] == []


def kill_again_and_again(platform: Platform, times: int) -> list[float]:
    """Kill each manager as soon as it is there; when each was born."""
    births = []
    for _ in range(times):
        child = manager(platform)
        births.append(child.create_time())
        child.kill()
        eventually(partial(gone, [child]), "it is dead")
        eventually(lambda: not child.is_running(), "and reaped")  # noqa: B023 - called at once
    return births


def test_a_manager_that_keeps_dying_is_started_less_and_less_often(fresh: Platform) -> None:
    births = kill_again_and_again(fresh, 6)

    # the first was there long before it was killed; the restart after that is at once
    gaps = [later - earlier for earlier, later in itertools.pairwise(births[1:])]
    assert gaps[-1] > gaps[0] + 0.15, gaps


def test_a_stop_while_there_is_no_manager(fresh: Platform) -> None:
    kill_again_and_again(fresh, 5)

    assert fresh.stop() == 0
    assert not Path(fresh.residue.state).exists()


def test_a_manager_that_does_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "STOP_SECONDS", 0.1)
    deaf = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], stdin=subprocess.PIPE)
    supervisor._stop(deaf)
    assert deaf.poll() is None
    supervisor._end(deaf)

    assert deaf.returncode == -signal.SIGKILL


def test_nothing_is_left_of_a_stop_and_the_next_start_clears_after_a_kill() -> None:
    with started() as platform:
        platform.register("echo", workers=2)
        places = [Path(place) for place in (platform.residue.state, platform.said["cgroup"]) if place]
        assert all(place.is_dir() for place in places)
        assert Path(platform.residue.state).stat().st_mode & 0o077 == 0, "nobody else's business"
        processes = platform.tree()
        assert {process.pid for process in processes} == set(bearers(PLATFORM, platform.residue.token))
        os.kill(platform.pid, signal.SIGKILL)
        eventually(lambda: gone(processes), "all are dead")
        assert all(place.is_dir() for place in places), "nobody was left to clear them"
        with started() as second:
            assert not any(place.exists() for place in places), "the next start does"
            others = [Path(place) for place in (second.residue.state, second.said["cgroup"]) if place]
            with started():
                assert all(place.is_dir() for place in others), "but not what is in use"
            assert second.stop() == 0
            assert not any(place.exists() for place in others)


def test_started_by_hand_it_marks_itself() -> None:
    environment = {name: value for name, value in os.environ.items() if name != PLATFORM}
    process = subprocess.Popen(
        [sys.executable, "-m", "chaos.embedded"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        token = psutil.Process(process.pid).environ()[PLATFORM]
        assert said["pid"] == process.pid
        assert {process.pid, said["manager"], said["proxy"], said["forkserver"]} <= set(
            bearers(PLATFORM, token)
        )
        process.communicate(timeout=20)
        assert process.returncode == 0
        assert not Path(Residue.of(token).state).exists()
    finally:
        process.kill()
        process.communicate()


def test_it_is_small(fresh: Platform) -> None:
    supervisor, child = psutil.Process(fresh.pid), manager(fresh)

    assert supervisor.memory_info().rss < child.memory_info().rss / 2
    loaded = Path(f"/proc/{fresh.pid}/maps").read_text()
    assert not any(name in loaded for name in ("numpy", "aiohttp", "uvloop", "psutil"))


def test_a_token_in_use_is_refused_and_nothing_of_the_other_is_harmed(fresh: Platform) -> None:
    environment = {**os.environ, PLATFORM: fresh.residue.token}
    command = [sys.executable, "-m", "chaos.embedded"]
    second = subprocess.run(command, env=environment, stdin=subprocess.PIPE, capture_output=True, timeout=20)

    assert second.returncode == 1
    assert PLATFORM in json.loads(second.stdout)["error"]
    assert Path(fresh.residue.state).is_dir()
    fresh.register("echo")
    assert fresh.predict("echo", a=1).status == 200
