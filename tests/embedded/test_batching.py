"""Batches on the running platform: as large and as late as they may be, and to each client what is its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.embedded.cuts import cut_platform
from tests.embedded.harness import Answer, Platform, eventually, started

NOTES = """
import json, os, time

class BaseInferenceToolkitError(Exception): pass
class Wrong(BaseInferenceToolkitError): status_code, message, phrase = 400, "this is no JSON", "Bad Request"
def model_fn(model_dir): return None
def input_fn(body, content_type):
    try: return json.loads(body)
    except ValueError: raise Wrong
def predict_batch_fn(batch, model):
    with open({log!r}, "a") as log:
        log.write(json.dumps([data["nonce"] for data in batch]) + "\\n")
    time.sleep(max(data.get("sleep_ms", 0) for data in batch) / 1000)
    if any(data.get("how") == "raise" for data in batch): raise RuntimeError("as told")
    if any(data.get("how") == "exit" for data in batch): os._exit(3)
    return batch
def output_fn(prediction, accept):
    return json.dumps({{**prediction, "padding": "x" * prediction.get("padding", 0)}})
"""
"""Notes which requests came as one batch."""


class Batched:
    """A platform with the package ``notes``, and users that send at once."""

    def __init__(self, platform: Platform, log: Path) -> None:
        self.platform, self._log = platform, log
        self._users = ThreadPoolExecutor(32)

    def register(self, name: str, size: int, delay_ms: int, workers: int = 1, **more: object) -> None:
        self.platform.register("notes", name, workers, batch_size=size, max_batch_delay=delay_ms, **more)

    def send(self, model: str, count: int, prefix: str, **fields: Any) -> list[Future[Answer]]:
        return [
            self._users.submit(self.platform.predict, model, nonce=f"{prefix}{number}", **fields)
            for number in range(count)
        ]

    def batches(self, prefix: str) -> list[list[str]]:
        """The batches that the handler was given, as nonces."""
        if not self._log.exists():
            return []
        batches: list[list[str]] = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [batch for batch in batches if batch[0].startswith(prefix)]

    def pending(self, model: str) -> int:
        pending: int = self.platform.describe(model)["jobQueueStatus"]["pendingRequests"]
        return pending


@contextmanager
def batched(directory: Path, *arguments: str) -> Iterator[Batched]:
    package = directory / "models" / "notes" / "code"
    package.mkdir(parents=True)
    log = directory / "batches.log"
    (package / "inference.py").write_text(NOTES.format(log=str(log)))
    with started("--models", str(directory / "models"), *arguments) as platform:
        yield Batched(platform, log)


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Batched]:
    directory = tmp_path_factory.mktemp("batched")
    with batched(directory, "--executions", str(directory / "executions.log")) as made:
        yield made


def own(answers: list[Future[Answer]], prefix: str) -> bool:
    """Whether each has an answer, and that is its own."""
    results = [future.result() for future in answers]
    return [(each.status, each.json.get("nonce")) for each in results] == [
        (200, f"{prefix}{number}") for number in range(len(answers))
    ]


def test_full_and_partial_batches(it: Batched) -> None:
    it.register("full", 4, 800)
    described = it.platform.describe("full")
    assert (described["batchSize"], described["maxBatchDelay"]) == (4, 800)
    start = time.monotonic()
    assert own(it.send("full", 1, "lone"), "lone")
    assert time.monotonic() - start >= 0.8, "it waited for more"
    assert own(it.send("full", 10, "ten", sleep_ms=50), "ten")

    sizes = [len(batch) for batch in it.batches("ten")]
    assert sum(sizes) == 10, "each once"
    assert max(sizes) == 4
    assert len(sizes) <= 4, sizes


def test_an_answer_larger_than_what_is_joined(it: Batched) -> None:
    it.register("large", 3, 5000)
    answers = it.send("large", 3, "big", padding=400_000)

    assert own(answers, "big")
    assert all(len(answer.result().body) > 400_000 for answer in answers)
    assert len(it.batches("big")) == 1


@contextmanager
def asking(it: Batched, model: str, **fields: object) -> Iterator[socket.socket]:
    """A connection on which a request has been sent, and is waiting alone for others."""
    with socket.create_connection(("127.0.0.1", it.platform.said["inference"])) as client:
        body = json.dumps(fields).encode()
        head = f"POST /predictions/{model} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body)
        eventually(lambda: it.pending(model) == 1, "it waits")
        yield client


def test_a_client_that_does_not_read_holds_up_no_other_of_its_batch(it: Batched) -> None:
    it.register("read", 3, 20_000, response_timeout=15)
    with asking(it, "read", nonce="deaf", padding=30_000_000):
        start = time.monotonic()
        assert own(it.send("read", 2, "r"), "r")
        assert own(it.send("read", 3, "s"), "s")
        assert time.monotonic() - start < 10, "not when the deaf one was given up"


def test_who_leaves_while_it_waits_is_not_served(it: Batched) -> None:
    it.register("waits", 3, 20_000)
    with asking(it, "waits", nonce="w-gone"):
        (first,) = it.send("waits", 1, "w")
        eventually(lambda: it.pending("waits") == 2, "they wait together")
    eventually(lambda: it.pending("waits") == 1, "it was withdrawn")
    assert not it.batches("w")
    others = it.send("waits", 2, "v")

    assert own([first], "w")
    assert own(others, "v")
    assert sorted(it.batches("")[-1]) == ["v0", "v1", "w0"]


def test_who_leaves_later_harms_nobody(it: Batched) -> None:
    it.register("flies", 3, 20_000)
    with asking(it, "flies", nonce="f-gone", sleep_ms=500):
        others = it.send("flies", 2, "f-")
        eventually(lambda: bool(it.batches("f-")), "they are with the handler")

    assert own(others, "f-")
    assert [sorted(batch) for batch in it.batches("f-")] == [["f-0", "f-1", "f-gone"]]


def test_what_fails_fails_the_batch_and_what_cannot_be_read_is_its_own(it: Batched) -> None:
    it.register("fail", 3, 5000)
    answers = it.send("fail", 2, "f")
    assert [future.result().status for future in [*answers, *it.send("fail", 1, "g", how="raise")]] == [
        503
    ] * 3
    wrong = [it._users.submit(it.platform.call, "POST", "/predictions/fail", body) for body in (b"{", b"[")]
    tensors = it._users.submit(it.platform.call, "POST", "/v2/models/fail/infer", {"inputs": 1})
    assert [future.result().status for future in wrong] == [400, 400]
    assert tensors.result().status == 500
    good = it.send("fail", 1, "h")
    data = [json.dumps({"nonce": "tensor"})]
    tensor = {"inputs": [{"name": "payload", "datatype": "BYTES", "shape": [1], "data": data}]}
    both = it._users.submit(it.platform.call, "POST", "/v2/models/fail/infer", tensor)
    assert it._users.submit(it.platform.call, "POST", "/predictions/fail", b"{").result().status == 400
    assert own(good, "h")
    assert json.loads(both.result().json["outputs"][0]["data"][0])["nonce"] == "tensor"


@pytest.mark.parametrize(("how", "status"), [("exit", 500), ("kill", 507), ("late", 500)])
def test_a_worker_that_dies_is_told_to_all(it: Batched, how: str, status: int) -> None:
    it.register(how, 3, 5000, response_timeout=1 if how == "late" else 20)
    (pid,) = it.platform.worker_pids(how)
    answers = it.send(how, 3, f"{how}-", sleep_ms=0 if how == "exit" else 3000, how=how)
    if how == "kill":
        eventually(lambda: bool(it.batches("kill-")), "it has them")
        os.kill(pid, signal.SIGKILL)

    assert [future.result().status for future in answers] == [status] * 3
    eventually(lambda: it.platform.worker_pids(how) not in ([], [pid]), "it is replaced")
    assert own(it.send(how, 3, f"{how}-again"), f"{how}-again")


def test_unregistering_serves_those_that_wait_at_once(it: Batched) -> None:
    it.register("end", 9, 20_000)
    answers = it.send("end", 2, "e")
    eventually(lambda: it.pending("end") == 2, "they wait for more")
    start = time.monotonic()
    assert it.platform.manage("DELETE", "/models/end").status == 200

    assert own(answers, "e")
    assert time.monotonic() - start < 10, "the delay is not waited for"


def test_the_protocol_has_batches_too_and_each_execution_is_noted(it: Batched, tmp_path: Path) -> None:
    parameters = {"package": "notes", "workers": 1, "batch_size": 2, "max_batch_delay": 5000}
    assert (
        it.platform.call("POST", "/v2/repository/models/oip/load", {"parameters": parameters}).status == 200
    )
    assert own(it.send("oip", 2, "o"), "o")
    assert len(it.batches("o")) == 1
    log = it._log.parent / "executions.log"
    assert sorted(line.split()[3] for line in log.read_text().splitlines() if " oip " in line) == ["o0", "o1"]
    for parameter, value in (("batch_size", 0), ("batch_size", "2"), ("max_batch_delay", -1)):
        wrong = {"parameters": {"package": "notes", parameter: value}}
        answer = it.platform.call("POST", "/v2/repository/models/wrong/load", wrong)
        assert answer.status == 400
        assert parameter in answer.json["error"]


def test_the_queue_is_bounded_beside_batches(it: Batched) -> None:
    it.register("queue", 2, 5000)
    answers = [*it.send("queue", 2, "q", sleep_ms=1500)]
    eventually(lambda: bool(it.batches("q")), "the worker is busy")
    with ThreadPoolExecutor(110) as users:
        more = [users.submit(it.platform.predict, "queue", nonce=f"m{number}") for number in range(110)]
        statuses = [future.result().status for future in more]

    assert statuses.count(503) >= 110 - 100 - 1
    assert statuses.count(200) >= 100
    assert own(answers, "q")


@pytest.mark.parametrize(
    ("defect", "sizes", "crossed"),
    [("batch_of_one", [1, 1, 1, 1], False), ("batch_mixes_answers", [4], True)],
)
def test_defects(tmp_path: Path, defect: str, sizes: list[int], crossed: bool) -> None:
    with batched(tmp_path, "--defect", defect) as it:
        it.register("m", 4, 2000)
        answers = it.send("m", 4, "d")

        assert own(answers, "d") is not crossed
        assert [len(batch) for batch in it.batches("d")] == sizes


def test_a_batch_that_waits_to_be_full(tmp_path: Path) -> None:
    with batched(tmp_path, "--defect", "batch_waits_full") as it:
        it.register("m", 2, 0)
        (first,) = it.send("m", 1, "a")
        with pytest.raises(TimeoutError):
            first.result(1.0)
        it.send("m", 1, "b")
        assert first.result().status == 200


@pytest.mark.parametrize("defect", ["", "proxy_retries"])
def test_a_link_that_breaks(tmp_path: Path, defect: str) -> None:
    with (
        cut_platform(tmp_path, *(["--defect", defect] if defect else [])) as it,
        ThreadPoolExecutor(3) as users,
    ):
        it.platform.register("sleep", batch_size=3, max_batch_delay=1000)
        (name,) = it.replica_links("sleep")
        answers = [users.submit(it.platform.predict, "sleep", nonce=f"b{n}", sleep_ms=1000) for n in range(3)]
        eventually(lambda: len(it.executed("b")) == 3, "the replica has them")
        it.proxy.cut(name, "down")
        it.proxy.restore(name, "down")
        it.until_link(name, True)

        if defect:
            assert own(answers, "b")
            assert sorted(it.executed("b")) == sorted(["b0", "b1", "b2"] * 2)
        else:
            assert [future.result().status for future in answers] == [500] * 3
            assert len(it.executed("b")) == 3, "never sent again"
            for nonce in ("after", "later"):
                assert it.platform.predict("sleep", nonce=nonce).json["nonce"] == nonce
