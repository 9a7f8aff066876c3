"""What is sent to a SageMaker container, and what becomes of answers of another shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.targets import sagemaker_wire as wire
from chaos.targets.context import UnansweredError
from chaos.targets.http import Answer
from chaos.targets.promises import broken


def answer(content: object, status: int = 200) -> Answer:
    return Answer("GET", "http://x/models", status, json.dumps(content).encode())


def test_paths_and_bodies() -> None:
    assert wire.invoke_path("a/b ?") == "/models/a%2Fb%20%3F/invoke"
    assert wire.loading("m", "/opt/ml/models/m/model", None) == {
        "model_name": "m",
        "url": "/opt/ml/models/m/model",
    }
    assert wire.loading("m", "x", 2)["initial_workers"] == 2
    assert wire.asked("unregister", "m") == ("DELETE", "/models/m")
    assert wire.asked("scale", "m") is None


FIELDS = (
    "models", "modelName", "nextPageToken", "workers", "status", "minWorkers", "pid", "paths", "/models", "post",
    "parameters", "name",
)  # fmt: skip
names = st.sampled_from(FIELDS)
shaped = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "m", "READY", "é\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
)


@pytest.mark.parametrize("wrap", [lambda content: content, lambda content: [content]])
@given(content=shaped)
def test_a_description_of_any_shape_is_read_or_nothing_is_known(
    wrap: Callable[[object], object], content: object
) -> None:
    for document in (content, {"modelName": "m", "workers": content, "minWorkers": 1}):
        with suppress(UnansweredError):
            assert broken("describe", wire.state_told(answer(wrap(document)), "m"), "m") == []


@given(shaped, shaped)
def test_a_list_of_any_shape_is_read_or_nothing_is_known(content: object, token: object) -> None:
    for document in (content, {"models": content, "nextPageToken": token}, {"models": [content]}):
        with suppress(UnansweredError):
            page, following = wire.page_told(answer(document))
            assert all(page)
            assert isinstance(following, str)


@given(shaped, st.sampled_from([200, 404]))
def test_an_api_description_of_any_shape_says_yes_or_no(content: object, status: int) -> None:
    for document in (content, {"paths": {"/models": {"post": {"parameters": content}}}}):
        assert wire.takes_workers(answer(document, status)) is False


@given(st.binary(max_size=40))
def test_what_is_no_json_is_not_known(body: bytes) -> None:
    told = Answer("GET", "http://x/models", 200, body)
    with pytest.raises(UnansweredError):
        wire.page_told(told)
    with pytest.raises(UnansweredError):
        wire.state_told(told, "m")
    assert wire.takes_workers(told) is False


def test_the_last_page_has_no_token() -> None:
    entries = {"models": [{"modelName": "a", "modelUrl": "x"}]}

    assert wire.page_told(answer({**entries, "nextPageToken": "7"})) == (["a"], "7")
    assert wire.page_told(answer({**entries, "nextPageToken": None})) == (["a"], "")
    assert wire.page_told(answer(entries)) == (["a"], "")


def test_workers_that_are_told_count_if_they_are_ready() -> None:
    workers = [{"status": "READY", "pid": 7}, {"status": "UNLOADING"}, {"status": "READY"}]
    told = {"modelName": "m", "minWorkers": 3, "workers": workers}

    state = wire.state_told(answer(told), "m")
    assert (state.ready, state.workers, state.desired, state.pids) == (True, 2, 3, (7,))
    assert wire.state_told(answer([told]), "m") == state, "TorchServe's form, a list of versions"
    alone = wire.state_told(answer({"modelName": "m", "modelUrl": "x"}), "m")
    assert (alone.ready, alone.workers, alone.desired) == (True, 1, 1)
    with pytest.raises(UnansweredError, match="does not describe model 'other'"):
        wire.state_told(answer(told), "other")
