"""The Open Inference Protocol V2 over REST, as Triton speaks it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.embedded.tensors import TensorError, encode_answer, handler_body, parse_request
from tests.embedded.harness import Answer, Platform


def infer(platform: Platform, model: str, *inputs: dict[str, Any], **more: Any) -> Answer:
    return platform.call("POST", f"/v2/models/{model}/infer", {"inputs": list(inputs), **more})


def text(payload: object) -> dict[str, Any]:
    return {"name": "payload", "datatype": "BYTES", "shape": [1], "data": [json.dumps(payload)]}


def test_health_and_metadata(platform: Platform) -> None:
    assert platform.call("GET", "/v2").json["name"] == "chaos-embedded"
    for path in ("/v2/health/live", "/v2/health/ready"):
        answer = platform.call("GET", path)
        assert (answer.status, answer.body) == (200, b"")
    assert platform.call("GET", "/v2/models/nobody").status == 404
    assert platform.call("GET", "/v2/models/nobody/ready").json == {"error": "Model version not ready"}


def test_load_infer_unload(platform: Platform) -> None:
    load = {"parameters": {"package": "sleep", "workers": 2}}
    answer = platform.call("POST", "/v2/repository/models/s/load", load)
    assert (answer.status, answer.body) == (200, b"")
    assert platform.call("POST", "/v2/repository/models/s/load", load).status == 200, "idempotent"
    assert len(platform.worker_pids("s")) == 2
    assert platform.call("GET", "/v2/models/s/ready").status == 200
    assert platform.call("GET", "/v2/models/s/versions/1/ready").status == 200
    metadata = platform.call("GET", "/v2/models/s").json
    assert (metadata["name"], metadata["versions"]) == ("s", ["1"])

    answer = infer(platform, "s", text({"sleep_ms": 1, "nonce": "n"}), id="42")
    assert (answer.json["id"], answer.json["model_name"], answer.json["model_version"]) == ("42", "s", "1")
    (output,) = answer.json["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("result", "BYTES", [1])
    assert json.loads(output["data"][0]) == {"sleep_ms": 1, "nonce": "n", "slept_ms": 1.0}

    index = {entry["name"]: entry for entry in platform.call("POST", "/v2/repository/index").json}
    assert index["s"] == {"name": "s", "version": "1", "state": "READY"}
    assert index["iris"] == {"name": "iris"}, "never loaded: no state"
    ready = platform.call("POST", "/v2/repository/index", {"ready": True}).json
    assert [entry["name"] for entry in ready] == ["s"]

    other = platform.call("POST", "/v2/repository/models/s/load", {"parameters": {"package": "echo"}})
    assert (other.status, "unload it first" in other.json["error"]) == (400, True)
    for _ in range(2):
        answer = platform.call("POST", "/v2/repository/models/s/unload")
        assert (answer.status, answer.body) == (200, b"")
    assert platform.call("GET", "/v2/models/s/ready").status == 400
    assert infer(platform, "s", text({})).status == 404


def test_numeric_tensors(platform: Platform) -> None:
    platform.call("POST", "/v2/repository/models/iris/load")
    rows = {
        "name": "x",
        "datatype": "FP32",
        "shape": [2, 4],
        "data": [5.1, 3.5, 1.4, 0.2, 6.3, 3.3, 6.0, 2.5],
    }

    (output,) = infer(platform, "iris", rows).json["outputs"]

    assert output == {"name": "predictions", "datatype": "INT64", "shape": [2], "data": [0, 2]}
    wrong = infer(platform, "iris", {**rows, "shape": [3, 4]})
    assert (wrong.status, "shape" in wrong.json["error"]) == (400, True)
    broken = infer(platform, "iris", text({"instances": "no"}))
    assert (broken.status, "ValueError" in broken.json["error"]) == (500, True)
    platform.call("POST", "/v2/repository/models/iris/unload")


def test_errors_as_tritons(platform: Platform) -> None:
    platform.register("echo", "e")
    answer = platform.call("POST", "/v2/repository/models/nobody/load")
    assert answer.status == 500
    assert answer.json == {"error": "failed to load 'nobody', failed to poll from model repository"}
    assert platform.call("POST", "/v2/repository/models/nobody/unload").status == 200
    assert platform.call("POST", "/v2/models/e/infer", b"{").status == 500
    assert platform.call("POST", "/v2/models/e/infer", {"id": "1"}).status == 500
    assert platform.call("POST", "/v2/models/nobody/infer", {}).status == 404
    assert platform.call("POST", "/v2/models/e/versions/9/infer", {}).status == 404
    assert platform.call("POST", "/v2/repository/index", b"[").status == 400
    assert (
        platform.call("POST", "/v2/repository/models/e/load", {"parameters": {"workers": -1}}).status == 400
    )
    assert platform.call("GET", "/v2/repository/index").status == 405
    platform.manage("DELETE", "/models/e")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary(max_size=100) | json_values.map(lambda value: json.dumps(value).encode()))
def test_no_request_breaks_the_mapping(body: bytes) -> None:
    _map(body)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "name": json_values | st.just("x"),
            "datatype": st.sampled_from(["BYTES", "FP64", "INT8", "BOOL", None, 3, []]),
            "shape": json_values | st.lists(st.integers(-1, 3), max_size=3),
            "data": json_values | st.lists(st.floats() | st.text(), max_size=6),
        },
    )
)
def test_no_tensor_breaks_the_mapping(tensor: dict[str, Any]) -> None:
    _map(json.dumps({"inputs": [tensor]}).encode())


def _map(body: bytes) -> None:
    try:
        request = parse_request(body)
        mapped = handler_body(request)
        encode_answer(request, mapped, "m", "1")
    except TensorError as error:
        assert error.status in (400, 500)  # noqa: PT017
    else:
        json.loads(mapped) if request["inputs"][0]["datatype"] != "BYTES" else mapped.decode()


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=12))
def test_numbers_survive_the_way_through(values: list[float]) -> None:
    tensor = {"name": "x", "datatype": "FP64", "shape": [len(values)], "data": values}
    request = {"inputs": [tensor], "id": 5}
    instances = json.loads(handler_body(request))["instances"]
    answer = json.loads(encode_answer(request, json.dumps({"predictions": instances}).encode(), "m", "1"))

    assert answer["outputs"] == [
        {"name": "predictions", "datatype": "FP64", "shape": [len(values)], "data": values}
    ]
    assert answer["id"] == "5"


def test_an_answer_that_is_no_text_is_an_error() -> None:
    with pytest.raises(TensorError, match="not text"):
        encode_answer({"inputs": [text({})]}, b"\xff", "m", "1")
