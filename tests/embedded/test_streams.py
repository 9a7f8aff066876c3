"""Answers in pieces: each passed on at once, only as fast as they are read, and never ended but by their end."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.embedded.harness import Platform, eventually

ENDLESS = """
def model_fn(model_dir): return None
def predict_fn(data, model): return data
def output_fn(prediction, accept):
    while True:
        yield b"x" * 65536
"""


@contextmanager
def asked(platform: Platform, model: str, version: str = "1.1", **fields: object) -> Iterator[socket.socket]:
    """A connection on which a request has been sent."""
    with socket.create_connection(("127.0.0.1", platform.said["inference"]), timeout=20) as client:
        body = json.dumps(fields).encode()
        head = f"POST /predictions/{model} HTTP/{version}\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body)
        yield client


def read_all(client: socket.socket) -> bytes:
    data = b""
    while piece := client.recv(65536):
        data += piece
    return data


def test_each_piece_arrives_when_it_is_made(clean: Platform) -> None:
    clean.register("slow")
    arrived: list[float] = []
    with asked(clean, "slow", first_ms=200, chunks=4, every_ms=200, chunk_bytes=1000, nonce="n") as client:
        data = b""
        while not data.endswith(b"0\r\n\r\n"):
            data += client.recv(65536)
            if b"\r\n\r\n" in data and len(data) > 1000 * (len(arrived) + 1):
                arrived.append(time.monotonic())

    gaps = [later - earlier for earlier, later in itertools.pairwise(arrived)]
    assert len(arrived) == 4
    assert min(gaps) > 0.1, "not held back and sent together"
    assert b"transfer-encoding: chunked" in data.split(b"\r\n\r\n")[0]


def test_the_whole_is_what_was_made_and_the_connection_goes_on(clean: Platform) -> None:
    clean.register("slow")
    connection = http.client.HTTPConnection("127.0.0.1", clean.said["inference"], timeout=20)
    try:
        for number in range(3):
            connection.request(
                "POST", "/predictions/slow", json.dumps({"nonce": number, "chunk_bytes": 90_000})
            )
            document = json.loads(connection.getresponse().read())
            assert document["nonce"] == number
            assert len(document["padding"]) > 9 * 90_000
    finally:
        connection.close()
    tensors = {"inputs": [{"name": "payload", "datatype": "BYTES", "shape": [1], "data": ['{"nonce": "t"}']}]}
    answer = clean.call("POST", "/v2/models/slow/infer", tensors)
    assert json.loads(answer.json["outputs"][0]["data"][0])["nonce"] == "t"


def test_a_client_of_http_1_0_gets_it_until_the_close(clean: Platform) -> None:
    clean.register("slow")
    with asked(clean, "slow", version="1.0", chunks=3, nonce="n") as client:
        head, _, body = read_all(client).partition(b"\r\n\r\n")

    assert b"chunked" not in head
    assert json.loads(body)["nonce"] == "n"


@pytest.mark.parametrize("fields", [{"after_bytes": 5000}, {"after_chunks": 2, "chunk_bytes": 100}])
def test_a_worker_that_dies_in_a_stream_leaves_it_without_an_end(
    clean: Platform, fields: dict[str, int]
) -> None:
    clean.register("cut")
    expected = fields.get("after_bytes") or 200
    with pytest.raises(http.client.IncompleteRead) as raised:
        clean.predict("cut", **fields)
    assert len(raised.value.partial) == expected, "what was made before arrives"

    with asked(clean, "cut", version="1.0", **fields) as client, pytest.raises(ConnectionResetError):
        read_all(client)  # a mere close would look like the end


def test_a_stream_that_fails_has_no_end_and_its_worker_lives(clean: Platform) -> None:
    clean.register("slow")
    before = clean.worker_pids("slow")
    with pytest.raises(http.client.IncompleteRead):
        clean.predict("slow", chunks="three")
    assert clean.predict("slow", chunk_bytes="wide").status == 503, (
        "before the first piece it is an error answer"
    )
    assert clean.predict("slow").status == 200
    assert clean.worker_pids("slow") == before


def test_a_killed_worker_leaves_the_stream_without_an_end(clean: Platform) -> None:
    clean.register("slow")
    with asked(clean, "slow", chunks=1000, every_ms=20) as client:
        assert client.recv(65536)
        os.kill(clean.worker_pids("slow")[0], signal.SIGKILL)
        rest = read_all(client)
    assert not rest.endswith(b"0\r\n\r\n")


@pytest.fixture
def endless(clean: Platform, tmp_path: Path) -> Platform:
    source = tmp_path / "endless" / "code" / "inference.py"
    source.parent.mkdir(parents=True)
    source.write_text(ENDLESS)
    clean.register(str(tmp_path / "endless"), "endless", response_timeout=1)
    return clean


def test_a_client_that_leaves_frees_the_worker(endless: Platform) -> None:
    before = endless.worker_pids("endless")
    for _ in range(3):
        with asked(endless, "endless") as client:
            assert client.recv(65536)
    eventually(lambda: endless.manage("GET", "/links").json["replicas"][0]["up"], "the link is back")

    assert endless.worker_pids("endless") == before


def test_a_client_that_does_not_read_holds_back_the_worker_and_is_cut_off(endless: Platform) -> None:
    proxy = psutil.Process(endless.said["proxy"])
    with asked(endless, "endless") as lazy:
        time.sleep(0.5)
        memory = proxy.memory_info().rss
        time.sleep(0.3)
        assert proxy.memory_info().rss - memory < 4 << 20, "the proxy takes no more than the client does"
        time.sleep(1.0)
        with pytest.raises(ConnectionResetError):
            read_all(lazy)
    with asked(endless, "endless") as client:
        assert client.recv(65536), "the worker serves the next one"


def test_a_stream_may_take_longer_than_one_answer_but_not_stand_still(clean: Platform) -> None:
    clean.register("slow", response_timeout=1)
    before = clean.worker_pids("slow")
    assert clean.predict("slow", chunks=4, every_ms=600).status == 200
    assert clean.worker_pids("slow") == before

    with pytest.raises(http.client.IncompleteRead):
        clean.predict("slow", chunks=2, every_ms=30_000)
    eventually(
        lambda: clean.worker_pids("slow") not in ([], before), "the worker that stood still is replaced"
    )
