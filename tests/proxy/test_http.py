"""Toxics on requests: by path, by model, for a share that follows from the seed; and the requests they do not touch."""

from __future__ import annotations

import http.client
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from chaos.proxy.http import model_of
from tests.proxy.conftest import Link, Served


class Answer(BaseHTTPRequestHandler):
    """Answers with what it was sent, or with 1,000 bytes."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    seen: list[str]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.seen.append(self.path)
        self.send_response(200)
        if self.path.endswith("/chunked"):
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for _ in range(4):
                self.wfile.write(b"a\r\n0123456789\r\n")
                time.sleep(0.02)
            self.wfile.write(b"0\r\n\r\n")
            return
        answer = bytes(1000) if self.path.endswith("/large") else body
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "1000")
        self.end_headers()

    def log_message(self, *_arguments: Any) -> None:
        """Nothing."""


@pytest.fixture
def behind() -> Iterator[ThreadingHTTPServer]:
    """A real HTTP server."""
    Answer.seen = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def link(served: Served, behind: ThreadingHTTPServer) -> Iterator[Link]:
    """A proxy in front of it."""
    made = served.create(f"127.0.0.1:{behind.server_address[1]}", "requests")
    yield made
    served.call("DELETE", "/proxies/requests")


class Client:
    """One kept-alive connection through a proxy."""

    def __init__(self, link: Link) -> None:
        host, port = link.listen.split(":")
        self.connection = http.client.HTTPConnection(host, int(port), timeout=5)
        self.connection.connect()  # http.client turns Nagle's algorithm off by itself, the server has to

    def post(self, path: str, body: bytes = b"hello") -> tuple[int, bytes, float]:
        start = time.perf_counter()
        self.connection.request("POST", path, body)
        try:
            with closing(self.connection.getresponse()) as answer:
                return answer.status, answer.read(), time.perf_counter() - start
        except (ConnectionResetError, http.client.IncompleteRead):
            return 0, b"", time.perf_counter() - start

    def close(self) -> None:
        self.connection.close()


def median(client: Client, path: str) -> float:
    """Of the seconds of some requests."""
    return statistics.median(client.post(path)[2] for _ in range(7))


def test_a_status_in_the_targets_place(link: Link) -> None:
    link.toxic("http_status", "upstream", attributes={"status": 503, "model": "victim"})
    with closing(Client(link)) as client:
        assert client.post("/predictions/victim")[0] == 503
        assert client.post("/predictions/other")[:2] == (200, b"hello")
        assert client.post("/v2/models/victim/infer")[0] == 503
        assert client.post("/predictions/other")[:2] == (200, b"hello")
    assert Answer.seen == ["/predictions/other"] * 2, "what was refused never reached the target"


def test_by_path(link: Link) -> None:
    link.toxic("http_status", "upstream", attributes={"status": 429, "path": "/predictions"})
    with closing(Client(link)) as client:
        assert client.post("/predictions/a")[0] == 429
        assert client.post("/ping")[0] == 200


def test_a_share_of_requests_from_the_seed(link: Link) -> None:
    def drawn() -> list[int]:
        served = link.served
        served.call("DELETE", "/proxies/requests")
        fresh = served.create(served_upstream, "requests")
        fresh.toxic("http_status", "upstream", toxicity=0.4, attributes={"status": 500})
        with closing(Client(fresh)) as client:
            return [client.post("/predictions/a")[0] for _ in range(40)]

    served_upstream = str(link.served.call("GET", "/proxies/requests")["upstream"])
    first = drawn()
    assert first == drawn()
    assert 6 <= first.count(500) <= 28


def test_delay(link: Link) -> None:
    with closing(Client(link)) as client:
        before = median(client, "/predictions/a")
        link.toxic("http_delay", "upstream", attributes={"delay": 80, "model": "a"})
        late = median(client, "/predictions/a")
        other = median(client, "/predictions/b")
    assert late - before == pytest.approx(0.080, rel=0.15)
    assert other < 0.040


@pytest.mark.parametrize("after", [0, 400, 999])
def test_cut_in_the_body_to_the_byte(link: Link, after: int) -> None:
    link.toxic("http_cut", "upstream", attributes={"after_bytes": after, "path": "/predictions/a/large"})
    received = bytearray()

    def read(client: Client) -> None:
        with closing(client.connection.getresponse()) as answer:
            while piece := answer.read(1):
                received.extend(piece)

    with closing(Client(link)) as client:
        assert client.post("/predictions/b/large")[:2] == (200, bytes(1000))
        client.connection.request("POST", "/predictions/a/large", b"x")
        with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
            read(client)
    assert len(received) == after


def until_reset(client: socket.socket) -> bytes:
    """What arrives before a reset."""
    received = bytearray()
    try:
        while piece := client.recv(65536):
            received += piece
    except ConnectionResetError:
        return bytes(received)
    raise AssertionError("it ended without a reset")


@pytest.mark.parametrize("after", [0, 1, 10, 15, 39])
def test_cut_in_a_chunked_body_to_the_byte(link: Link, after: int) -> None:
    link.toxic("http_cut", "upstream", attributes={"after_bytes": after})
    with closing(link.connect()) as client:
        client.sendall(b"POST /predictions/a/chunked HTTP/1.1\r\ncontent-length: 1\r\n\r\nx")
        received = until_reset(client)
    _head, end, body = received.partition(b"\r\n\r\n")
    assert end
    assert sum(byte in b"0123456789" for byte in body) == after, "the body is digits, sizes are letters"


def test_an_answer_that_ends_before_the_cut_is_whole(link: Link) -> None:
    link.toxic("http_cut", "upstream", attributes={"after_bytes": 6})
    with closing(Client(link)) as client:
        assert client.post("/predictions/a", b"short")[:2] == (200, b"short")
        assert client.post("/predictions/a", b"longest")[0] == 0


def test_a_client_that_waits_to_be_asked_for_the_body(link: Link) -> None:
    ask = b"POST /predictions/a HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n"
    link.toxic("http_delay", "upstream", attributes={"delay": 100})
    with closing(link.connect(seconds=3)) as client:
        start = time.perf_counter()
        client.sendall(ask)
        assert client.recv(65536).startswith(b"HTTP/1.1 100 ")
        assert time.perf_counter() - start > 0.095
        client.sendall(b"hello")
        received = b""
        while not received.endswith(b"hello"):
            received += client.recv(65536)
    link.toxic("http_status", "upstream", attributes={"status": 503})
    with closing(link.connect(seconds=3)) as client:
        client.sendall(ask)
        received = b""
        while piece := client.recv(65536):
            received += piece
        assert received.startswith(b"HTTP/1.1 503 ")
        assert b"100 Continue" not in received


def test_a_cut_that_comes_late_loses_nothing_before_it(link: Link) -> None:
    link.toxic("http_cut", "upstream", attributes={"after_bytes": 3_000_000})
    with closing(link.connect()) as client:
        body = bytes(4_000_000)
        head = f"POST /predictions/a HTTP/1.1\r\ncontent-length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body)
        time.sleep(0.1)
        received = until_reset(client)
    assert len(received.partition(b"\r\n\r\n")[2]) == 3_000_000


@pytest.mark.parametrize("status", [204, 304, 503])
def test_a_refusal_has_a_body_only_where_it_may(link: Link, status: int) -> None:
    link.toxic("http_status", "upstream", attributes={"status": status})
    with closing(Client(link)) as client:
        for method in ("HEAD", "POST", "HEAD", "POST"):
            client.connection.request(method, "/predictions/a", b"x")
            with closing(client.connection.getresponse()) as answer:
                assert (answer.status, bool(answer.read())) == (status, status == 503 and method == "POST")


def test_requests_after_one_for_a_head(link: Link) -> None:
    link.toxic("http_status", "upstream", attributes={"status": 503, "path": "/predictions"})
    with closing(Client(link)) as client:
        client.connection.request("HEAD", "/ping")
        with closing(client.connection.getresponse()) as answer:
            assert (answer.status, answer.getheader("content-length")) == (200, "1000")
            answer.read()
        assert client.post("/predictions/a")[0] == 503


def test_a_large_request_in_many_pieces(link: Link) -> None:
    link.toxic("http_delay", "upstream", attributes={"delay": 20})
    body = bytes(range(256)) * 8000
    with closing(Client(link)) as client:
        assert client.post("/predictions/a", body)[:2] == (200, body)
        assert client.post("/predictions/a")[:2] == (200, b"hello")


def test_taken_away_on_a_live_connection(link: Link) -> None:
    with closing(Client(link)) as client:
        toxic = link.toxic("http_status", "upstream", attributes={"status": 503})
        assert client.post("/predictions/a")[0] == 503
        link.remove(toxic)
        assert client.post("/predictions/a")[:2] == (200, b"hello")


def test_pipelined_requests_pass_untouched(link: Link) -> None:
    link.toxic("http_status", "upstream", attributes={"status": 503})
    one = b"POST /predictions/a HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi"
    with closing(link.connect()) as client:
        client.sendall(one + one)
        received = b""
        while received.count(b"hi") < 2:
            piece = client.recv(65536)
            assert piece
            received += piece
    assert b"503" not in received


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/predictions/a", "a"), ("/predictions/a%20b/2.0", "a b"), ("/v2/models/m/infer", "m"),
        ("/v2/models/m/versions/1/infer", "m"), ("/v1/models/m:predict", "m"), ("/models/m?x=1", "m"), ("/ping", ""),
    ],
)  # fmt: skip
def test_the_model_of_a_path(path: str, model: str) -> None:
    assert model_of(path) == model
