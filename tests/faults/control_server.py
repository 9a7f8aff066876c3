"""A tiny control plane as a process of its own: ``python -m tests.faults.control_server [adds|busy|broken]``.

It answers as TorchServe's management API does, with a real process for each worker, and records when each request was
whole and whether its client had gone by the time of the answer. ``adds`` is a defect: each scaling starts what was
missing when it came. ``busy`` refuses with 409, ``broken`` with 500, what comes while another scaling is under way.
Paths under ``/say`` answer in as many ways as HTTP has. It ends with its standard input, and its workers with it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

SCALE_SECONDS = 0.05
SAY = {
    "plain": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "interim": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok",
    "closes": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok",
    "empty": b"HTTP/1.1 204 No Content\r\n\r\n",
    "refused": b"HTTP/1.1 409 Conflict\r\nContent-Length: 4\r\n\r\nbusy",
    "failed": b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
    "huge": b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 9000000,
    "half": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
    "nothing": b"",
    "nonsense": b"SMTP ready\r\n\r\n",
    "never": b"",
}


class Server:
    """State of the control plane."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.desired = 1
        self.workers: list[asyncio.subprocess.Process] = []
        self.lock = asyncio.Lock()
        self.requests: list[dict[str, Any]] = []

    async def start(self, count: int) -> None:
        for _ in range(count):
            # ends with its standard input, whose other end is here alone
            self.workers.append(
                await asyncio.create_subprocess_exec(
                    "cat", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
                )
            )

    async def end(self, count: int) -> None:
        for _ in range(count):
            worker = self.workers.pop()
            worker.kill()
            await worker.wait()

    async def scale(self, wanted: int) -> tuple[int, object]:
        self.desired = wanted
        if self.mode == "adds":
            difference = wanted - len(self.workers)
            await asyncio.sleep(SCALE_SECONDS)
            await (
                self.start(difference) if difference > 0 else self.end(min(-difference, len(self.workers)))
            )
            return 200, {"status": "scaled"}
        if self.mode in ("busy", "broken") and self.lock.locked():
            return (409 if self.mode == "busy" else 500), {"message": "another one first"}
        async with self.lock:
            await asyncio.sleep(SCALE_SECONDS)
            await self.start(max(0, wanted - len(self.workers)))
            await self.end(max(0, len(self.workers) - wanted))
        return 200, {"status": "scaled"}

    async def answer(self, method: str, path: str) -> tuple[int, object]:
        url = urlsplit(path)
        if url.path == "/ping":
            return 200, {"status": "Healthy"}
        if url.path == "/models":
            return 200, {"models": [{"modelName": "victim"}]}
        if url.path == "/requests":
            return 200, self.requests
        if url.path != "/models/victim":
            return 404, {"message": "no such model"}
        if method == "PUT":
            return await self.scale(int(parse_qs(url.query)["min_worker"][0]))
        workers = [{"id": str(w.pid), "status": "READY", "pid": w.pid} for w in self.workers]
        return 200, [{"modelName": "victim", "minWorkers": self.desired, "workers": workers}]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            at = time.monotonic()
            method, path, _ = head.split(b"\r\n")[0].decode().split(" ")
            entry = {"at": at, "path": path, "method": method, "gone": False}
            self.requests += [] if path == "/requests" else [entry]
            if path.startswith("/say/"):
                content = SAY[path.split("/")[2]]
                if path.endswith("never"):
                    await asyncio.sleep(3600)
            else:
                status, document = await self.answer(method, path)
                body = json.dumps(document).encode()
                content = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)
            entry["gone"] = reader.at_eof()
            writer.write(content)
            await writer.drain()
            if path.startswith("/say/") and not content.endswith(b"ok"):
                writer.write_eof()
            if path.startswith("/say/closes"):
                writer.close()
            await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def main() -> None:
    """Serve until the standard input ends."""
    state = Server(sys.argv[1] if len(sys.argv) > 1 else "")
    await state.start(1)
    server = await asyncio.start_server(state.serve, "127.0.0.1", 0, backlog=256)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    await state.end(len(state.workers))


if __name__ == "__main__":
    asyncio.run(main())
