"""Handlers that answer in pieces, and handlers that answer a batch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chaos.embedded.store import BUILT_IN
from chaos.handlers.failures import Failure, HandlerStatusError, failure_of
from chaos.handlers.formats import HandlerInputError
from chaos.handlers.package import load_package
from tests.handlers.packages import package, whole

STREAMS = """
    def model_fn(model_dir): return None
    def predict_fn(data, model): return data
    def output_fn(prediction, accept):
        yield "é"
        yield b""
        yield bytearray(b"two")
        if prediction.tolist(): yield prediction.tolist()
"""


def test_a_generator_answers_in_pieces(tmp_path: Path) -> None:
    body, kind = load_package(package(tmp_path, STREAMS)).invoke(b"null", accept="text/plain")

    assert not isinstance(body, bytes)
    assert (next(body), list(body), kind) == ("é".encode(), [b"two"], "text/plain")


def test_transform_fn_may_return_an_iterator_and_a_type(tmp_path: Path) -> None:
    code = """
        def model_fn(model_dir): return None
        def transform_fn(model, data, content_type, accept): return iter(["a", "b"]), "text/event-stream"
    """
    body, kind = load_package(package(tmp_path, code)).invoke(b"")

    assert (list(body), kind) == ([b"a", b"b"], "text/event-stream")


def test_a_piece_that_is_neither_text_nor_bytes_is_an_error_where_it_comes(tmp_path: Path) -> None:
    body, _ = load_package(package(tmp_path, STREAMS)).invoke(b"[1]")
    pieces = iter(body)

    assert (next(pieces), next(pieces)) == ("é".encode(), b"two")
    with pytest.raises(TypeError, match="a list, not bytes or text"):
        next(pieces)


BATCH = """
def model_fn(model_dir): return []
def input_fn(body, content_type):
    if body == b"unreadable": raise ValueError("unreadable")
    return body.decode()
def predict_batch_fn(batch, model):
    model.append(len(batch))
    if "all" in batch: raise RuntimeError("all of them")
    return batch if "short" not in batch else batch[1:]
def output_fn(prediction, accept):
    if prediction == "unwritable": raise TypeError("unwritable")
    if prediction == "pieces": return iter(["a", b"b", ""])
    return f"{prediction} of {CALLS}", "text/plain"
CALLS = 1
"""


def asked(*bodies: str) -> list[tuple[bytes, str, str]]:
    return [(body.encode(), "text/plain", "text/plain") for body in bodies]


def test_a_batch_is_predicted_at_once_and_each_gets_its_own(tmp_path: Path) -> None:
    handler = load_package(package(tmp_path, BATCH))
    first, unreadable, unwritable, pieces = handler.invoke_batch(
        asked("one", "unreadable", "unwritable", "pieces")
    )

    assert first == (b"one of 1", "text/plain")
    assert isinstance(unreadable, ValueError)
    assert isinstance(unwritable, TypeError)
    assert pieces == (b"ab", "text/plain")
    assert handler.model == [3], "one call for all that could be read"
    assert [type(each) for each in handler.invoke_batch(asked("unreadable", "unreadable"))] == [
        ValueError
    ] * 2
    assert handler.model == [3], "none for nothing"


@pytest.mark.parametrize(
    ("bodies", "error", "said"),
    [(["a", "all"], RuntimeError, "all of them"), (["a", "short"], ValueError, "1 predictions for 2")],
)
def test_what_predicting_raises_fails_the_batch(
    tmp_path: Path, bodies: list[str], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        load_package(package(tmp_path, BATCH)).invoke_batch(asked(*bodies))


def test_without_a_function_for_batches_it_is_one_after_another_and_the_other_way_round(
    tmp_path: Path,
) -> None:
    single = load_package(BUILT_IN / "echo")
    bodies = [(json.dumps({"n": n}).encode(), "application/json", "") for n in range(3)]
    assert single.invoke_batch(bodies) == [single.invoke(*body) for body in bodies]
    assert whole(load_package(package(tmp_path, BATCH)), b"one", "text/plain") == b"one of 1"


def test_a_transform_fn_is_called_for_each_of_a_batch(tmp_path: Path) -> None:
    code = """
    from chaos.handlers.formats import HandlerInputError
    def model_fn(model_dir): return None
    def transform_fn(model, body, content_type, accept):
        if body == b"bad": raise HandlerInputError("bad")
        if body == b"broken": raise RuntimeError("broken")
        return iter([body, body])
    """
    handler = load_package(package(tmp_path, code))
    good, bad = handler.invoke_batch(asked("x", "bad"))

    assert good == (b"xx", "text/plain")
    assert isinstance(bad, HandlerInputError)
    with pytest.raises(RuntimeError, match="broken"):
        handler.invoke_batch(asked("x", "broken"))


def test_an_error_that_states_a_status_is_a_requests_own_in_a_batch_too(tmp_path: Path) -> None:
    code = """
    class BaseInferenceToolkitError(Exception): pass
    class Wrong(BaseInferenceToolkitError):
        def __init__(self, status): self.status_code, self.message, self.phrase = status, "wrong", "Wrong"
    def model_fn(model_dir): return None
    def transform_fn(model, body, content_type, accept):
        if body.isdigit(): raise Wrong(int(body))
        return body
    """
    handler = load_package(package(tmp_path, code))
    good, bad = handler.invoke_batch(asked("x", "422"))

    assert good == (b"x", "text/plain")
    assert isinstance(bad, Exception)
    assert failure_of(bad) == Failure(422, "wrong", "Wrong", stated=True, refused=True)
    with pytest.raises(Exception, match="503"):
        handler.invoke_batch(asked("x", "503"))


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        ("{'a': [1]}", b'{\n  "a": [\n    1\n  ]\n}'),
        ("None", b"null"),
        ("bytearray(b'x')", b"x"),
        ("'é'", "é".encode()),
    ],
)
def test_what_is_neither_text_nor_bytes_is_json_as_under_the_model_server(
    tmp_path: Path, answer: str, body: bytes
) -> None:
    code = f"def model_fn(model_dir): pass\ndef transform_fn(model, data, kind, accept): return {answer}\n"
    assert load_package(package(tmp_path, code)).invoke(b"") == (body, "application/json")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [("object()", "a object, not bytes or text"), ("('x', 3)", "content type is a int, not text")],
)
def test_an_answer_that_is_none(tmp_path: Path, answer: str, problem: str) -> None:
    code = f"def model_fn(model_dir): pass\ndef transform_fn(model, data, kind, accept): return {answer}\n"
    with pytest.raises(TypeError, match=problem):
        load_package(package(tmp_path, code)).invoke(b"")


def test_a_status_set_in_the_context_is_the_answers(tmp_path: Path) -> None:
    code = """
    def model_fn(model_dir): return None
    def transform_fn(model, body, content_type, accept, context):
        assert context.get_request_header(0, "Content-Type") == content_type
        if body == b"no": context.set_response_status(418, "teapot")
        return body
    """
    handler = load_package(package(tmp_path, code))

    with pytest.raises(HandlerStatusError) as caught:
        handler.invoke(b"no", "text/plain")
    assert failure_of(caught.value) == Failure(418, "no", "teapot", stated=True, refused=True)
    assert whole(handler, b"yes", "text/plain") == b"yes", "the next request has a status of its own"


def test_each_of_a_batch_has_its_own_request_in_the_context(tmp_path: Path) -> None:
    code = """
    def model_fn(model_dir): return None
    def input_fn(data, content_type, context): return context.get_request_id(), data
    def predict_batch_fn(batch, model): return batch
    def output_fn(prediction, accept, context):
        if prediction[1] == b"no": context.set_response_status(404)
        return context.get_all_request_header(0)["Accept"]
    """
    first, second, third = load_package(package(tmp_path, code)).invoke_batch(
        [(body, "text/plain", f"a/{body.decode()}") for body in (b"one", b"no", b"two")]
    )

    assert (first, third) == ((b"a/one", "a/one"), (b"a/two", "a/two"))
    assert isinstance(second, HandlerStatusError)
    assert (second.status_code, second.message) == (404, "a/no")


def test_an_error_that_states_nothing_is_an_internal_one() -> None:
    assert failure_of(ValueError("two\nlines")) == Failure(
        500, "two\nlines", "two lines", stated=False, refused=False
    )
    assert failure_of(KeyError()).message == "Invalid Request"
    assert failure_of(HandlerInputError("no")).refused
