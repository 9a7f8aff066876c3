"""A replica: one worker process that loads a handler package and serves one request at a time.

It listens on a TCP loopback port of its own; the proxy connects, says the secret token, and sends frames. A
new connection with the token takes the place of an older one, so a link that was cut heals from the proxy's side.
"""

from __future__ import annotations

import hmac
import json
import os
import resource
import select
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos.embedded.answers import Protocol, error_body
from chaos.embedded.tensors import TensorError, encode_answer, handler_body, parse_request
from chaos.embedded.wire import PREFIX, WireError, encode_head, parse_header, parse_prefix
from chaos.errors import ChaosError
from chaos.handlers.formats import JSON, HandlerInputError
from chaos.handlers.package import Handler, load_package

__all__ = ["BODY_LIMIT", "ReplicaSpec", "run_replica"]

BODY_LIMIT = 6_553_500
"""The largest request body in bytes: TorchServe's default."""

NICENESS = 5
"""How much lower than the proxy's a replica's priority is: who computes does not hold up who routes."""

ERROR_LENGTH = 600
"""Characters of an error that are told: at six bytes each, still one atomic write to a pipe."""

JOINED = 16 * 1024
HELLO_SECONDS = 5.0
SEND_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class ReplicaSpec:
    """What a replica is: its number, its package, the link's token, its memory limit in bytes over the base."""

    id: int
    model: str
    package: str
    token: str
    memory: int


def run_replica(spec: ReplicaSpec, listener: socket.socket, report: Callable[[dict[str, Any]], None]) -> None:
    """Load, tell the manager by ``report``, and serve until killed. Returns only if the package is broken."""
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit_memory(spec.memory)
    replica = _Replica(spec)
    try:
        replica.handler(spec.package)
    except (ChaosError, MemoryError) as error:
        report({"event": "failed", "id": spec.id, "error": (str(error) or "out of memory")[:ERROR_LENGTH]})
        return
    report({"event": "ready", "id": spec.id, "pid": os.getpid(), "port": listener.getsockname()[1]})
    replica.serve(listener)


def limit_memory(extra: int) -> None:
    """Let this process take ``extra`` bytes of data memory more than it has now, and no more (on Linux)."""
    if sys.platform != "linux":
        return
    with open("/proc/self/status", encoding="ascii") as status:
        base = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))
    resource.setrlimit(resource.RLIMIT_DATA, (base + extra, base + extra))


class _Replica:
    def __init__(self, spec: ReplicaSpec) -> None:
        self._spec = spec
        self._handlers: dict[str, Handler] = {}

    def handler(self, package: str) -> Handler:
        """A package's handler, loaded when it is first asked for (another than our own only with a shared pool)."""
        if package not in self._handlers:
            self._handlers[package] = load_package(Path(package), self._spec.model)
        return self._handlers[package]

    def serve(self, listener: socket.socket) -> None:
        link: socket.socket | None = None
        while True:
            ready, _, _ = select.select([listener] if link is None else [listener, link], [], [])
            if listener in ready:
                fresh = self._accept(listener)
                if fresh is not None:
                    if link is not None:
                        link.close()
                    link = fresh
                continue
            if link is None:
                continue
            try:
                self._serve_one(link)
            except (OSError, WireError):
                link.close()
                link = None

    def _accept(self, listener: socket.socket) -> socket.socket | None:
        link, _ = listener.accept()
        link.settimeout(HELLO_SECONDS)
        try:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            hello, _ = _receive(link, body_limit=0)
            if not hmac.compare_digest(str(hello.get("token", "")).encode(), self._spec.token.encode()):
                raise WireError("wrong token")
            link.sendall(encode_head({"hello": self._spec.id, "pid": os.getpid()}, 0))
        except (OSError, WireError):
            link.close()
            return None
        link.settimeout(SEND_SECONDS)
        return link

    def _serve_one(self, link: socket.socket) -> None:
        request, body = _receive(link, body_limit=BODY_LIMIT)
        status, answer, kind = self._answer(request, body)
        head = encode_head({"status": status, "type": kind}, len(answer))
        if len(answer) <= JOINED:
            link.sendall(head + answer)  # one packet, one wake-up of the proxy
        else:
            link.sendall(head)
            link.sendall(answer)

    def _answer(self, request: dict[str, Any], body: bytes) -> tuple[int, bytes, str]:
        protocol = Protocol(request["protocol"])

        def refuse(status: int, kind: str, message: str) -> tuple[int, bytes, str]:
            return status, error_body(protocol, status, kind, message), JSON

        oip = protocol is Protocol.OIP
        try:
            handler = self.handler(request["package"])
            if oip:
                tensors = parse_request(body)
                answer, _ = handler.invoke(handler_body(tensors), JSON, JSON)
                return 200, encode_answer(tensors, answer, request["model"], request["version"]), JSON
            answer, kind = handler.invoke(body, request["content_type"], request["accept"])
        except TensorError as error:
            return refuse(error.status, "", str(error))
        except HandlerInputError as error:
            return refuse(400, "BadRequestException", str(error))
        except MemoryError:
            return refuse(507, "InternalServerException", "Out of resources")
        except Exception as error:
            message = f"{type(error).__name__}: {error}" if oip else "Prediction failed"
            return refuse(500 if oip else 503, "InternalServerException", message)
        return 200, answer, kind


def _receive(link: socket.socket, body_limit: int) -> tuple[dict[str, Any], bytes]:
    header_length, body_length = parse_prefix(_exactly(link, PREFIX.size))
    if body_length > body_limit:
        raise WireError(f"a body of {body_length} bytes is more than the {body_limit} allowed")
    header = parse_header(_exactly(link, header_length))
    return header, _exactly(link, body_length)


def _exactly(link: socket.socket, count: int) -> bytes:
    data = bytearray(count)
    view = memoryview(data)
    done = 0
    while done < count:
        got = link.recv_into(view[done:])
        if got == 0:
            raise ConnectionError("the proxy is gone")
        done += got
    return bytes(data)


def write_line(descriptor: int, message: dict[str, Any]) -> None:
    """One JSON line in one write: below PIPE_BUF bytes it never mixes with another process's."""
    os.write(descriptor, json.dumps(message, ensure_ascii=False).encode(errors="replace") + b"\n")
