"""The proxy's HTTP server, spoken to in raw bytes."""

from __future__ import annotations

import socket
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chaos.embedded.paths import route
from tests.embedded.harness import Platform


def talk(platform: Platform, *pieces: bytes, pause: float = 0.0) -> bytes:
    """Send pieces, then half-close and read all that comes."""
    with socket.create_connection(("127.0.0.1", platform.said["inference"]), timeout=20) as client:
        for piece in pieces:
            client.sendall(piece)
            time.sleep(pause)
        answer = b""
        try:
            while data := client.recv(65536):
                answer += data
        except ConnectionResetError:
            pass
        return answer


PING = b"GET /ping HTTP/1.1\r\nhost: x\r\n\r\n"
LAST = b"GET /ping HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


def test_requests_sent_at_once_are_answered_one_after_the_other(platform: Platform) -> None:
    platform.register("echo", "line")
    bodies = [b'{"n":%d}' % number for number in range(50)]
    post = b"POST /predictions/line HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s"
    answer = talk(platform, b"".join(post % (len(body), body) for body in bodies) + LAST)

    parts = [b'{"n": %d}' % number for number in range(50)]
    places = [answer.index(part) for part in parts]
    assert places == sorted(places)
    assert answer.count(b"HTTP/1.1 200 OK") == 51
    platform.manage("DELETE", "/models/line")


def test_a_request_in_many_pieces_and_in_chunks(platform: Platform) -> None:
    platform.register("echo", "pieces")
    head = b"POST /predictions/pieces HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    answer = talk(platform, head[:30], head[30:], b'5\r\n{"a":\r\n', b"2\r\n1}\r\n", b"0\r\n\r\n", pause=0.01)

    assert answer.endswith(b'{"a": 1}')
    platform.manage("DELETE", "/models/pieces")


def test_expect_100_continue(platform: Platform) -> None:
    platform.register("echo", "expecting")
    head = b"POST /predictions/expecting HTTP/1.1\r\nhost: x\r\nconnection: close\r\nexpect: 100-continue\r\n"
    answer = talk(platform, head + b"content-length: 2\r\n\r\n", b"{}", pause=0.05)

    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")
    platform.manage("DELETE", "/models/expecting")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"hello there\r\n\r\n", b"400"),
        (b"GET /ping HTTP/1.1\r\n" + b"a: " + b"x" * 70_000, b"431"),
        (b"POST /predictions/x HTTP/1.1\r\ncontent-length: 6553501\r\n\r\n", b"413"),
        (b"POST /x HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nffffff\r\n" + b"x" * 6_600_000, b"413"),
    ],
)
def test_what_cannot_be_taken_is_refused(platform: Platform, sent: bytes, status: bytes) -> None:
    assert talk(platform, sent).startswith(b"HTTP/1.1 " + status)
    assert platform.call("GET", "/ping").status == 200


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=200))
def test_no_bytes_bring_it_down(platform: Platform, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", platform.said["inference"]), timeout=20) as client:
        client.sendall(data)
    assert platform.call("GET", "/ping").status == 200


@given(st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "X"]), st.text(max_size=60))
def test_every_path_has_a_route(method: str, url: str) -> None:
    assert route(method, url).kind
    assert route(method, "/v2/" + url).kind


def test_names_in_paths_are_decoded() -> None:
    assert route("POST", "/predictions/a%20b/1.0").model == "a b"
    assert route("POST", "/models/m/invoke").model == "m"
    assert route("POST", "/invocations?model_name=m%2Fn").model == "m/n"
    assert route("POST", "/v2/models/m/versions/3/infer").version == "3"
    assert route("GET", "/v2/models/m/infer").kind == "wrong_method"
