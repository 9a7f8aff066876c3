"""What is sent to a server of the Open Inference Protocol, and what becomes of answers of another shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.targets import oip_wire as wire
from chaos.targets.context import UnansweredError
from chaos.targets.http import Answer
from chaos.traffic.spec import NONCE


def answer(content: object) -> Answer:
    return Answer("GET", "http://x/v2", 200, json.dumps(content).encode())


def test_native_payloads_are_sent_as_they_are() -> None:
    tensor = {"name": "x", "shape": [1], "datatype": "FP64", "data": [1.0]}

    assert wire.infer_document({"inputs": [tensor]}, batched=False) == {"id": NONCE, "inputs": [tensor]}
    assert wire.model_path("a/b") == "/v2/models/a%2Fb"


def test_an_id_that_is_given_is_kept() -> None:
    assert wire.infer_document({"id": "mine", "inputs": []}, batched=False)["id"] == "mine"


def test_a_nonce_in_the_payload_is_the_models_to_echo() -> None:
    document = wire.infer_document({"nonce": NONCE}, batched=False)

    assert "id" not in document, "the server would echo it, whatever the model answers"
    assert json.loads(document["inputs"][0]["data"][0]) == {"nonce": NONCE}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text().filter(lambda key: key != "inputs"), inner),
)


@given(json_values, st.booleans())
def test_any_other_payload_arrives_in_one_tensor(payload: object, batched: bool) -> None:
    document = wire.infer_document(payload, batched)

    (tensor,) = document["inputs"]
    assert (tensor["name"], tensor["datatype"]) == ("payload", "BYTES")
    assert tensor["shape"] == ([1, 1] if batched else [1])
    assert json.loads(tensor["data"][0]) == payload
    assert NONCE in json.dumps(document), "a crossed answer must be noticed"


names = st.sampled_from(
    [
        "models",
        "name",
        "ready",
        "instance_group",
        "count",
        "model_stats",
        "inference_stats",
        "queue",
        "success",
        "ns",
    ]
)
shaped = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
)


@pytest.mark.parametrize(
    "read", [wire.index_told, wire.names_told, wire.ready_told, wire.instances_told, wire.timings_told]
)
@given(content=shaped)
def test_an_answer_of_any_shape_is_read_or_nothing_is_known(
    read: Callable[[Answer], object], content: object
) -> None:
    with suppress(UnansweredError):
        read(answer(content))
    with suppress(UnansweredError):
        read(answer({"model_stats": [content], "instance_group": [content], "models": content}))


def test_instances_are_added_up_over_their_groups() -> None:
    assert wire.instances_told(answer({"instance_group": [{"count": 2}, {"kind": "KIND_CPU"}]})) == 3
    assert wire.instances_told(answer({})) == 1


def test_timings_are_added_up_over_versions() -> None:
    entry = {
        key: {"ns": 500_000_000, "count": 1}
        for key in ("queue", "compute_input", "compute_infer", "compute_output")
    }
    stats = {"inference_stats": {**entry, "success": {"count": 3, "ns": 1}}}

    told = wire.timings_told(answer({"model_stats": [stats, stats]}))

    assert (told.served, told.waiting, told.service) == (6, 1.0, 3.0)
