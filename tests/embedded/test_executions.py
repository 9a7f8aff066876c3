"""The record of what handlers were given: for what bodies there is a line, who shares the file, and what it costs."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.embedded.executions import _NONCE, ExecutionLog
from tests.embedded.harness import started

plain = st.text(st.characters(codec="ascii", exclude_characters='"\\', exclude_categories=["Cc"]), min_size=1)


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.text())), plain | st.integers())
def test_a_nonce_is_found_whatever_stands_beside_it(fields: dict[str, object], nonce: str | int) -> None:
    fields.pop("nonce", None)
    assert _NONCE.search(json.dumps(fields).encode()) is None
    for document in ({"nonce": nonce, **fields}, {**fields, "nonce": nonce}):
        found = _NONCE.search(json.dumps(document).encode())
        assert found is not None
        assert (found[1] if found[1] is not None else found[2]) == str(nonce).encode()


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"a": "\\"nonce\\": \\"x\\""}', b"nonce", b"\xff\xfe", b'{"nonce": null}']
)
def test_other_bodies_leave_no_line(tmp_path: Path, body: bytes) -> None:
    log = ExecutionLog(tmp_path / "log", "m")
    log.note(body)

    assert (tmp_path / "log").read_bytes() == b""


def test_a_note_is_cheap(tmp_path: Path) -> None:
    """Below ten microseconds on a quiet machine; here beside what one append of a line costs at the least."""
    log = ExecutionLog(tmp_path / "log", "m")
    body = json.dumps({"instances": [[1.0, 2.0, 3.0, 4.0]] * 5, "nonce": "0123456789abcdef"}).encode()
    line = b"1234567.123456 m 12345 0123456789abcdef\n"
    with open(tmp_path / "bare", "ab", buffering=0) as bare:
        bare_seconds = min(_timed(lambda: bare.write(line)) for _ in range(20))
    seconds = min(_timed(lambda: log.note(body)) for _ in range(20))

    assert seconds < 4 * bare_seconds


def _timed(call: object) -> float:
    assert callable(call)
    start = time.perf_counter()
    for _ in range(200):
        call()
    return time.perf_counter() - start


def test_each_request_with_a_nonce_leaves_one_line(tmp_path: Path) -> None:
    file = tmp_path / "executions.log"
    before = time.monotonic()
    with started("--executions", str(file)) as platform:
        platform.register("echo", workers=2)
        platform.register("crash")
        for number in range(4):
            platform.predict("echo", nonce=f"n{number}")
        platform.predict("echo", other=1)
        platform.predict("crash", nonce="dies", how="exit")
        data = [json.dumps({"nonce": "tensor"})]
        tensors = {"inputs": [{"name": "payload", "datatype": "BYTES", "shape": [1], "data": data}]}
        assert platform.call("POST", "/v2/models/echo/infer", tensors).status == 200
        pids = set(platform.worker_pids("echo"))

    lines = [line.split(" ", 3) for line in file.read_text().splitlines()]
    assert [(model, nonce) for _, model, _, nonce in lines] == [
        *(("echo", f"n{number}") for number in range(4)),
        ("crash", "dies"),
        ("echo", "tensor"),
    ]
    assert {int(pid) for _, model, pid, _ in lines if model == "echo"} <= pids
    times = [float(at) for at, *_ in lines]
    assert times == sorted(times)
    assert before < times[0] < times[-1] < time.monotonic()
