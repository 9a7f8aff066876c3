"""A platform whose links go through the fault proxy, and traffic on it that notes whatever goes wrong."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.embedded.harness import Platform, eventually, started

__all__ = ["CUTS", "CutPlatform", "FaultProxy", "Traffic", "cut_platform"]

CUTS = ("down", "reset", "swallowed")
TOXICS = {
    "reset": ("reset_peer", {"timeout": 0}),
    "swallowed": ("timeout", {"timeout": 0}),
    "late": ("latency", {"latency": 300}),
}
STREAMS = ("upstream", "downstream")


class FaultProxy:
    """The fault proxy's process, and the calls of its API that tests need."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "chaos.proxy", "--api", "127.0.0.1:0", "--lifeline"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        self.api = str(json.loads(self.process.stdout.readline())["api"])

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()

    def names(self) -> list[str]:
        return sorted(self._call("GET", "/proxies"))

    def cut(self, name: str, how: str) -> None:
        if how == "down":
            self._call("POST", f"/proxies/{name}", {"enabled": False})
            return
        kind, attributes = TOXICS[how]
        for stream in STREAMS:
            toxic = {
                "name": stream,
                "type": kind,
                "stream": stream,
                "toxicity": 1.0,
                "attributes": attributes,
            }
            self._call("POST", f"/proxies/{name}/toxics", toxic)

    def restore(self, name: str, how: str) -> float:
        """Undo it; when that was done, on the monotonic clock."""
        if how == "down":
            self._call("POST", f"/proxies/{name}", {"enabled": True})
        else:
            for stream in STREAMS:
                self._call("DELETE", f"/proxies/{name}/toxics/{stream}")
        return time.monotonic()

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection(self.api, timeout=20)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"content-type": "application/json"})
            response = connection.getresponse()
            text = response.read()
            assert response.status < 300, (method, path, response.status, text)
            return json.loads(text) if text.strip() else None
        finally:
            connection.close()


@dataclass
class CutPlatform:
    """A platform, its fault proxy, and the record of what its handlers were given."""

    platform: Platform
    proxy: FaultProxy
    executions: Path

    def links(self) -> Any:
        return self.platform.manage("GET", "/links").json

    def link(self, name: str) -> Any:
        """What the platform says of the link that has this proxy."""
        links = self.links()
        return next(link for link in (links["manager"], *links["replicas"]) if link["proxy"] == name)

    def replica_links(self, model: str) -> list[str]:
        return [link["proxy"] for link in self.links()["replicas"] if link["model"] == model]

    def executed(self, prefix: str = "") -> list[str]:
        if not self.executions.exists():
            return []
        nonces = [line.split(" ", 3)[3] for line in self.executions.read_text().splitlines()]
        return [nonce for nonce in nonces if nonce.startswith(prefix)]

    def until_link(self, name: str, up: bool) -> None:
        eventually(lambda: self.link(name)["up"] is up, f"{name} is {'up' if up else 'down'}")

    def healed(self, name: str, how: str) -> float:
        """Restore a link; how many seconds after it the link stood again, as the platform saw it."""
        restored = self.proxy.restore(name, how)
        self.until_link(name, True)
        return float(self.link(name)["since"]) - restored


@contextmanager
def cut_platform(directory: Path, *arguments: str) -> Iterator[CutPlatform]:
    proxy = FaultProxy()
    try:
        files = ["--log", str(directory / "platform.log"), "--executions", str(directory / "executions.log")]
        links = ["--link-proxy", proxy.api, "--links", "replica,manager"]
        with started(*files, *links, *arguments) as platform:
            yield CutPlatform(platform, proxy, directory / "executions.log")
    finally:
        proxy.close()


@dataclass
class Traffic:
    """Users of one model, each with a request in flight at any time, while inside.

    ``crossed`` has the nonces that came with somebody else's answer.
    """

    platform: Platform
    model: str
    prefix: str
    users: int = 4
    fields: dict[str, Any] = field(default_factory=dict)
    good: int = 0
    bad: list[tuple[float, str]] = field(default_factory=list)
    crossed: list[tuple[str, str]] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._user, args=(n,)) for n in range(self.users)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _user(self, number: int) -> None:
        turn = 0
        while not self._stop.is_set():
            turn += 1
            nonce = f"{self.prefix}-{number}-{turn}"
            self.sent.append(nonce)
            try:
                answer = self.platform.predict(self.model, nonce=nonce, **self.fields)
            except (OSError, http.client.HTTPException) as error:
                self.bad.append((time.monotonic(), repr(error)))
                continue
            if answer.status != 200:
                self.bad.append((time.monotonic(), f"{answer.status} {answer.body!r}"))
            elif answer.json.get("nonce") != nonce:
                self.crossed.append((nonce, str(answer.json)))
            else:
                self.good += 1
