"""A platform of one's own for a test: started as its users start it, and gone afterwards whatever happened."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil

from chaos.embedded.residue import Residue
from chaos.marks import PLATFORM

__all__ = ["Answer", "Platform", "eventually", "gone", "started"]

DEADLINE = 20.0


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Platform:
    """A running platform, and what tests do with it."""

    def __init__(self, *arguments: str) -> None:
        self.residue = Residue.of(os.urandom(8).hex())
        self.process = subprocess.Popen(
            [sys.executable, "-m", "chaos.embedded", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, PLATFORM: self.residue.token},
        )
        assert self.process.stdout is not None
        self.said = json.loads(self.process.stdout.readline())
        self.pid = self.process.pid

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        port: str = "inference",
        headers: dict[str, str] | None = None,
        timeout: float = DEADLINE,
    ) -> Answer:
        """One request on a connection of its own; a body that is not bytes goes as JSON."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.said[port], timeout=timeout)
        try:
            connection.request(method, path, data, {"content-type": "application/json", **(headers or {})})
            response = connection.getresponse()
            return Answer(response.status, response.read(), dict(response.getheaders()))
        finally:
            connection.close()

    def manage(self, method: str, path: str, body: Any = None) -> Answer:
        return self.call(method, path, body, port="management")

    def register(self, package: str, name: str | None = None, workers: int = 1, **more: object) -> None:
        query = {"url": package, "model_name": name or package, "initial_workers": workers, **more}
        answer = self.manage("POST", "/models?" + "&".join(f"{key}={value}" for key, value in query.items()))
        assert answer.status == 200, answer

    def predict(self, model: str, timeout: float = DEADLINE, **fields: object) -> Answer:
        return self.call("POST", f"/predictions/{model}", fields, timeout=timeout)

    def describe(self, model: str) -> Any:
        return self.manage("GET", f"/models/{model}").json[0]

    def worker_pids(self, model: str) -> list[int]:
        return [worker["pid"] for worker in self.describe(model)["workers"] if worker["status"] == "READY"]

    def tree(self) -> list[psutil.Process]:
        """All its processes that are alive."""
        root = psutil.Process(self.pid)
        return [root, *root.children(recursive=True)]

    def errors(self, model: str) -> list[dict[str, Any]]:
        """The error history of a model, latest first."""
        errors: list[dict[str, Any]] = self.manage("GET", f"/errors?model={model}").json["errors"]
        return errors

    def stop(self) -> int:
        """In order, by end of file."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(DEADLINE)


def eventually(condition: Callable[[], bool], what: str, seconds: float = DEADLINE) -> None:
    """Wait for something that must come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"did not happen within {seconds} s: {what}"
        time.sleep(0.01)


def gone(processes: list[psutil.Process]) -> bool:
    """Whether none is alive; a zombie is dead."""
    for process in processes:
        try:
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                return False
        except psutil.NoSuchProcess:
            continue
    return True


@contextmanager
def started(*arguments: str) -> Iterator[Platform]:
    """A platform, and its end, by pid, with all that it started."""
    platform = Platform(*arguments)
    try:
        yield platform
    finally:
        processes = platform.tree() if platform.process.poll() is None else []
        platform.process.kill()
        platform.process.wait()
        for stream in (platform.process.stdin, platform.process.stdout):
            assert stream is not None
            stream.close()
        for process in processes[1:]:
            if not gone([process]):
                try:
                    process.kill()
                except psutil.NoSuchProcess:
                    continue
        platform.residue.clear()
