"""``chaos handler serve``: a real server in a process of its own, driven as SageMaker drives a container."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import tarfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest

from chaos.errors import CapabilityError
from chaos.targets.base import Infer, Register, need
from chaos.targets.processes import alive, session_members
from chaos.targets.registry import open_by_url
from tests.conftest import CHAOS
from tests.embedded.harness import Answer, eventually
from tests.targets.contract import infer

HANDLER = """
import json, os, time

class BaseInferenceToolkitError(Exception):
    pass

class Said(BaseInferenceToolkitError):
    def __init__(self, status_code, message):
        self.status_code, self.message, self.phrase = status_code, message, "No"

def model_fn(model_dir):
    return os.getpid()

def input_fn(body, content_type):
    return json.loads(body)

def predict_fn(data, model):
    how = data.get("how", "")
    if how == "raise":
        raise ValueError("a shape is wrong")
    if how == "say":
        raise Said(data["status"], "not today")
    if how == "exit":
        os._exit(3)
    if how == "sleep":
        time.sleep(data["seconds"])
    return {"pid": model, "nonce": data.get("nonce")}

def output_fn(prediction, accept):
    return json.dumps(prediction), "application/json; charset=x\\r\\nX-Evil: 1"
"""
DEADLINE = 30.0


class Server:
    """``chaos handler serve`` as a process."""

    def __init__(self, package: Path, *options: str) -> None:
        self.process = subprocess.Popen(
            [
                CHAOS,
                "--no-version-check",
                "--no-log-file",
                "handler",
                "serve",
                str(package),
                "--port",
                "0",
                *options,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.port = 0
        self.said: list[str] = []

    def ready(self) -> Server:
        """Wait until it says where it serves."""
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.await_line("serving"))
        assert found is not None
        self.port = int(found[1])
        return self

    def await_line(self, words: str) -> str:
        """Wait until it says something with these words."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if words in line:
                return line
        raise AssertionError("".join(self.said))

    def call(self, method: str, path: str, body: Any = None, timeout: float = DEADLINE) -> Answer:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, data, {"content-type": "application/json"})
            response = connection.getresponse()
            return Answer(response.status, response.read(), dict(response.getheaders()))
        finally:
            connection.close()

    def invoke(self, **body: Any) -> Answer:
        return self.call("POST", "/invocations", body)

    def members(self) -> list[psutil.Process]:
        """The processes of its session that live."""
        return [process for process in session_members(self.process.pid) if alive(process)]

    def rest(self) -> str:
        """What it says until it ends."""
        return self.process.communicate(timeout=DEADLINE)[0]


@contextmanager
def served(package: Path, *options: str) -> Iterator[Server]:
    server = Server(package, *options)
    try:
        yield server
    finally:
        children = (
            psutil.Process(server.process.pid).children(recursive=True)
            if server.process.poll() is None
            else []
        )
        server.process.kill()
        server.process.communicate()
        for process in children:
            if process.is_running():
                process.kill()


def write(directory: Path, code: str = HANDLER) -> Path:
    (directory / "code").mkdir(parents=True)
    (directory / "code" / "inference.py").write_text(code)
    return directory


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("packages") / "mine")


@pytest.fixture(scope="module")
def server(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Two workers, from an archive; one request may wait, calls may take a second."""
    archive = tmp_path_factory.mktemp("archives") / "model.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(package / "code", "code")
    options = ("--workers", "2", "--queue", "1", "--timeout", "1", "--max-payload", "16")
    with served(archive, *options) as running:
        yield running.ready()


def test_by_the_sagemaker_target(server: Server) -> None:
    async def drive() -> None:
        url = f"sagemaker+http://127.0.0.1:{server.port}"
        target = open_by_url(f"{url}?multi=no")
        await target.open()
        try:
            assert await target.healthy()
            status, body = await infer(target, "any", {"nonce": "{nonce}"})
            assert (status, json.loads(body)["nonce"]) == (200, "0123456789abcdef")
            need(target, Infer)
            with pytest.raises(CapabilityError, match="not applicable"):
                need(target, Register)
        finally:
            await target.close()
        several = open_by_url(url)
        with pytest.raises(CapabilityError, match="multi=no"):
            await several.open()
        await several.close()

    anyio.run(drive)


def test_what_is_answered(server: Server) -> None:
    assert server.call("GET", "/ping").json == {"status": "Healthy"}
    answer = server.invoke(nonce="n")
    assert (answer.status, answer.json["nonce"]) == (200, "n")
    assert "X-Evil" not in answer.headers
    raised = server.invoke(how="raise")
    assert (raised.status, raised.json["code"]) == (500, 500)
    assert "a shape is wrong" in raised.json["message"]
    for status in (400, 422, 503):
        said = server.invoke(how="say", status=status)
        assert (said.status, "not today" in said.json["message"]) == (status, True)
    assert server.invoke(how="say", status=7).status == 500, "no status of HTTP's"
    assert server.call("POST", "/invocations", b"{").status == 500, "as the toolkit has it"
    assert server.call("POST", "/invocations", b" " * (17 << 20)).status == 413
    assert server.call("GET", "/models").status == 404
    assert server.call("GET", "/invocations").status == 405
    assert server.invoke().status == 200


def serving(server: Server) -> set[int]:
    """The processes that answer two requests at once."""
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: server.invoke(how="sleep", seconds=0.2), range(2)))
    return {answer.json["pid"] for answer in answers if answer.status == 200}


@pytest.mark.parametrize("body", [{"how": "exit"}, {"how": "sleep", "seconds": 60}])
def test_a_process_that_ends_is_replaced(server: Server, body: dict[str, Any]) -> None:
    eventually(lambda: len(serving(server)) == 2, "both serve")
    before = serving(server)

    answer = server.invoke(**body)

    assert (answer.status, answer.json["code"]) == (500, 500)
    assert server.call("GET", "/ping").status == 200, "the other one serves"
    eventually(lambda: len(serving(server)) == 2, "both serve again")
    assert len(serving(server) & before) == 1, "one of them is new"


def test_a_process_that_ends_without_a_request_is_replaced(server: Server) -> None:
    eventually(lambda: len(serving(server)) == 2, "both serve")
    pids = serving(server)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)

    # SageMaker sends no request to a container that is not well
    server.await_line("without a request")
    eventually(lambda: server.call("GET", "/ping").status == 200, "others are there")
    assert serving(server).isdisjoint(pids)


def test_a_full_queue(server: Server) -> None:
    eventually(lambda: len(serving(server)) == 2, "both serve")
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: server.invoke(how="sleep", seconds=0.5), range(6)))

    statuses = Counter(answer.status for answer in answers)
    assert set(statuses) == {200, 503}
    assert statuses[200] >= 3, "two are served, one waits"
    assert all(answer.headers["Retry-After"] == "1" for answer in answers if answer.status == 503)
    assert server.invoke().status == 200


def test_sigterm_drains(package: Path) -> None:
    with served(package) as server:
        server.ready()
        server.invoke()
        kept = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE)
        kept.request("GET", "/ping")
        kept.getresponse().read()
        answers: list[Answer] = []
        threads = [
            threading.Thread(
                target=lambda: answers.append(server.invoke(how="sleep", seconds=0.6, nonce="n"))
            )
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            server.invoke()
        for thread in threads:
            thread.join(DEADLINE)

        assert [(answer.status, answer.json["nonce"]) for answer in answers] == [(200, "n")] * 2
        assert server.process.wait(DEADLINE) == 0
        assert "Traceback" not in server.rest()
        eventually(lambda: server.members() == [], "all processes are gone")
        kept.close()


def test_sigterm_while_it_loads(tmp_path: Path) -> None:
    marker = tmp_path / "loading"
    code = f"import time\ndef model_fn(d):\n    open({str(marker)!r}, 'w').close()\n    time.sleep(60)\n"
    with served(write(tmp_path / "slow", code)) as server:
        eventually(marker.exists, "it loads")
        before = time.monotonic()
        server.process.send_signal(signal.SIGTERM)

        assert server.process.wait(DEADLINE) == 0
        assert time.monotonic() - before < DEADLINE
        assert "Traceback" not in server.rest()


def test_a_killed_server_leaves_no_process(package: Path) -> None:
    with served(package, "--workers", "2") as server:
        server.ready()
        handlers = [psutil.Process(server.invoke().json["pid"])]
        server.process.kill()
        server.process.wait()

        eventually(lambda: not any(alive(process) for process in handlers), "its handlers are gone")


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("def model_fn(d): raise OSError('no weights')\n", "no weights"),
        ("def predict_fn(data, model): return 1\n", "model_fn"),
        ("", "there is no"),
    ],
)
def test_a_package_that_does_not_load_is_one_clear_error(tmp_path: Path, code: str, told: str) -> None:
    directory = write(tmp_path / "bad", code)
    if not code:
        directory = tmp_path / "nowhere"
    with served(directory) as server:
        said = server.rest()

    assert server.process.returncode == 1
    assert said.startswith("error: ")
    assert told in said
    assert len(said.splitlines()) == 1


def test_a_port_in_use_is_one_clear_error(server: Server, package: Path) -> None:
    command = [CHAOS, "--no-version-check", "--no-log-file", "handler", "serve", str(package)]
    ended = subprocess.run(
        [*command, "--port", str(server.port)], capture_output=True, text=True, timeout=DEADLINE, check=False
    )

    assert ended.returncode == 1
    assert "choose another --port" in ended.stderr
    assert "Traceback" not in ended.stderr
