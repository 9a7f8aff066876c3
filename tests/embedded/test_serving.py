"""The data plane: queues, deadlines, draining, huge bodies, clients that leave, links that are cut."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psutil
import pytest

from tests.embedded.harness import Answer, Platform, eventually


def pending(platform: Platform, model: str) -> int:
    return int(platform.describe(model)["jobQueueStatus"]["pendingRequests"])


def half_open(platform: Platform, model: str, body: bytes) -> socket.socket:
    """A connection that has sent a request and reads nothing."""
    client = socket.create_connection(("127.0.0.1", platform.said["inference"]), timeout=20)
    head = f"POST /predictions/{model} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    client.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    return client


def test_a_full_queue_refuses_and_serves_all_that_it_took(clean: Platform) -> None:
    clean.register("sleep")
    with ThreadPoolExecutor(130) as pool:
        first = pool.submit(clean.predict, "sleep", sleep_ms=1500)
        time.sleep(0.3)
        rest = [pool.submit(clean.predict, "sleep", sleep_ms=0) for _ in range(129)]
        answers = [future.result() for future in [first, *rest]]

    assert Counter(answer.status for answer in answers) == {200: 101, 503: 29}
    refused = next(answer for answer in answers if answer.status == 503)
    assert refused.json["type"] == "ServiceUnavailableException"
    assert refused.json["message"].startswith('Model "sleep" has no worker to serve inference request')


def test_a_client_that_leaves_is_taken_out_of_the_queue(clean: Platform) -> None:
    clean.register("sleep")
    holder = half_open(clean, "sleep", b'{"sleep_ms": 800}')
    time.sleep(0.1)
    waiting = [half_open(clean, "sleep", b'{"sleep_ms": 5000}') for _ in range(5)]
    eventually(lambda: pending(clean, "sleep") == 5, "five wait")
    for client in waiting:
        client.close()

    eventually(lambda: pending(clean, "sleep") == 0, "none waits")
    assert clean.predict("sleep", sleep_ms=0, timeout=4).status == 200
    holder.close()


def test_response_timeout_kills_the_worker_and_answers_500(clean: Platform) -> None:
    clean.register("sleep", response_timeout=1)
    before = clean.worker_pids("sleep")

    answer = clean.predict("sleep", sleep_ms=30_000)

    assert (answer.status, answer.json["message"]) == (500, "Worker died.")
    assert clean.predict("sleep", sleep_ms=0).status == 200
    assert clean.worker_pids("sleep") != before
    eventually(lambda: not psutil.pid_exists(before[0]), "the stuck worker is gone")


@pytest.mark.parametrize("change", ["scale down", "unregister", "scale to zero"])
def test_draining_loses_nothing(clean: Platform, change: str) -> None:
    clean.register("sleep", workers=3)
    with ThreadPoolExecutor(12) as pool:
        requests = [pool.submit(clean.predict, "sleep", sleep_ms=200, nonce=str(n)) for n in range(12)]
        eventually(lambda: pending(clean, "sleep") == 9, "three are served, nine wait")
        if change == "unregister":
            assert clean.manage("DELETE", "/models/sleep").status == 200
        else:
            workers = 1 if change == "scale down" else 0
            path = f"/models/sleep?min_worker={workers}&max_worker={workers}&synchronous=true"
            assert clean.manage("PUT", path).status == 200
            assert len(clean.worker_pids("sleep")) == workers
        answers = [request.result() for request in requests]

    assert [(answer.status, answer.json.get("nonce")) for answer in answers] == [
        (200, str(n)) for n in range(12)
    ]
    after = clean.predict("sleep", sleep_ms=0).status
    assert after == {"scale down": 200, "unregister": 404, "scale to zero": 503}[change]


def test_huge_answers_arrive_whole_without_the_proxy_holding_them(clean: Platform) -> None:
    clean.register("huge", workers=2)
    proxy = psutil.Process(clean.said["proxy"])
    clean.predict("huge", mebibytes=1)
    before, peaks = proxy.memory_info().rss, []
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(clean.predict, "huge", mebibytes=48, nonce=str(n)) for n in range(4)]
        while not all(future.done() for future in futures):
            peaks.append(proxy.memory_info().rss)
            time.sleep(0.005)
        answers: list[Answer] = [future.result() for future in futures]

    assert all(len(answer.body) == 48 << 20 for answer in answers)
    assert [answer.json["nonce"] for answer in answers] == list("0123")
    assert max(peaks) - before < 24 << 20, "never as much as half of one body"


def test_a_client_that_does_not_read_costs_the_proxy_no_memory_and_ends(clean: Platform) -> None:
    clean.register("huge", "slow", workers=1, response_timeout=1)
    proxy = psutil.Process(clean.said["proxy"])
    before = proxy.memory_info().rss
    lazy = half_open(clean, "slow", b'{"mebibytes": 64}')

    assert len(clean.predict("slow", mebibytes=1).body) == 1 << 20, "the worker is free again, though"
    assert proxy.memory_info().rss - before < 24 << 20
    lazy.close()


def test_large_requests_go_through_and_too_large_ones_do_not(clean: Platform) -> None:
    clean.register("echo", "mirror")
    body = b'{"nonce": "' + b"x" * (6_553_500 - 13) + b'"}'
    assert len(body) == 6_553_500

    assert len(clean.call("POST", "/predictions/mirror", body).body) == len(body)
    answer = clean.call("POST", "/predictions/mirror", body + b" ")
    assert (answer.status, answer.body) == (413, b"")


def test_a_stranger_gets_no_link_to_a_replica_and_does_not_disturb_it(clean: Platform) -> None:
    clean.register("sleep")
    (pid,) = clean.worker_pids("sleep")
    port = next(c.laddr.port for c in psutil.Process(pid).net_connections() if c.status == psutil.CONN_LISTEN)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as stranger:
        stranger.sendall(b"\0" * 12 + b"GET / HTTP/1.1\r\n\r\n")
        with suppress(ConnectionResetError):
            assert stranger.recv(100) == b""

    assert clean.predict("sleep", nonce="n").json["nonce"] == "n"
    assert clean.worker_pids("sleep") == [pid]


def test_the_data_plane_needs_no_fork_server(clean: Platform) -> None:
    clean.register("sleep")
    os.kill(clean.said["forkserver"], signal.SIGSTOP)
    try:
        assert clean.predict("sleep").status == 200
    finally:
        os.kill(clean.said["forkserver"], signal.SIGCONT)


def test_metrics_count_what_was_served(clean: Platform) -> None:
    clean.register("echo", "counted")
    for _ in range(3):
        clean.predict("counted")
    clean.predict("nobody")
    text = clean.call("GET", "/metrics", port="metrics").body.decode()
    values = {
        line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line[0] != "#"
    }

    def value(name: str, label: str) -> float:
        return next(v for key, v in values.items() if key.startswith(name + "{") and label in key)

    assert value("ts_inference_requests_total", 'model_name="counted"') == 3
    assert value("ts_inference_latency_microseconds", 'model_name="counted"') > 100
    assert value("ts_queue_latency_microseconds", 'model_name="counted"') >= 0
    assert value("Requests4XX", 'Level="Host"') >= 1
    only = clean.call("GET", "/metrics?name[]=Requests2XX", port="metrics").body.decode()
    assert {line.split("{")[0] for line in only.splitlines() if line[0] != "#"} == {"Requests2XX"}


def test_many_clients_at_once_each_get_their_own_answer(clean: Platform) -> None:
    clean.register("echo", "busy", workers=4)
    wrong = []

    def client(number: int) -> None:
        for turn in range(20):
            nonce = f"{number}-{turn}"
            if clean.predict("busy", nonce=nonce).json != {"nonce": nonce}:
                wrong.append(nonce)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
