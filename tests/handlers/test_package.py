"""Packages on disk, loaded for real."""

from __future__ import annotations

import importlib.util
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.embedded.store import BUILT_IN
from chaos.errors import DocumentError
from chaos.handlers.formats import HandlerInputError, decode, encode
from chaos.handlers.package import load_package
from tests.handlers.packages import package, whole


def test_defaults_read_and_write_json_and_csv(tmp_path: Path) -> None:
    handler = load_package(
        package(tmp_path, "def model_fn(model_dir): return None\ndef predict_fn(data, model): return data\n")
    )

    assert handler.invoke(b'{"a": [1, 2]}', "application/json") == (b'{"a": [1, 2]}', "application/json")
    assert handler.invoke(b"1,2\n3,4\n", "text/csv", "text/csv") == (b"1.0,2.0\n3.0,4.0\n", "text/csv")
    assert handler.invoke(b"1,2", "text/csv", "image/png, */*;q=0.1")[0] == b"[[1.0, 2.0]]"


def test_context_goes_to_whoever_takes_one_more_parameter(tmp_path: Path) -> None:
    path = package(
        tmp_path,
        """
        def model_fn(model_dir, context): return context.system_properties["model_dir"]
        def input_fn(data, content_type, context): return (data, context.model_name)
        def predict_fn(data, model): return [data[0].decode(), data[1], model]
        def output_fn(prediction, accept, context): return ("|".join(prediction), "text/plain")
        """,
    )

    assert load_package(path, "m").invoke(b"x", "any/thing") == (f"x|m|{path}".encode(), "text/plain")


def test_transform_fn_does_all_at_once(tmp_path: Path) -> None:
    path = package(
        tmp_path,
        """
        def model_fn(model_dir): return b"!"
        def transform_fn(model, data, content_type, accept): return data + model, content_type
        """,
    )

    assert load_package(path).invoke(b"x", "a/b") == (b"x!", "a/b")


def test_a_callable_model_needs_no_predict_fn(tmp_path: Path) -> None:
    handler = load_package(package(tmp_path, "def model_fn(model_dir): return lambda data: data[::-1]\n"))

    assert handler.invoke(b"[1, 2]") == (b"[2, 1]", "application/json")


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("x = 1\n", "no model_fn"),
        ("def model_fn(model_dir): return 1\n", "no predict_fn"),
        ("def model_fn(model_dir:\n", "inference.py:1: cannot be imported: SyntaxError"),
        ("import no_such_module\n", "inference.py:1: cannot be imported: ModuleNotFoundError"),
        (
            "\n\nraise RuntimeError('so there')\n",
            "inference.py:3: cannot be imported: RuntimeError: so there",
        ),
        ("def model_fn(model_dir): raise OSError('disk')\n", "model_fn failed: OSError: disk"),
        ("def model_fn(): return 1\n", "model_fn takes 0 parameters"),
        ("def model_fn(a): return 1\nasync def predict_fn(a, b): return 1\n", "predict_fn is async"),
        (
            "def model_fn(a): pass\ndef transform_fn(a,b,c,d): pass\ndef input_fn(a,b): pass\n",
            "beside input_fn",
        ),
        ("def model_fn(a): pass\npredict_fn = 3\n", "predict_fn is not a function"),
    ],
)
def test_a_broken_package_is_a_document_error_with_its_place(tmp_path: Path, code: str, problem: str) -> None:
    with pytest.raises(DocumentError) as caught:
        load_package(package(tmp_path, code))

    assert problem in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_a_missing_package_is_a_document_error(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="no such handler"):
        load_package(tmp_path / "nowhere")


def test_packages_do_not_see_each_others_modules(tmp_path: Path) -> None:
    handlers = []
    for word in ("one", "two"):
        path = package(
            tmp_path,
            """
            import helper
            def model_fn(model_dir): return helper.WORD
            def predict_fn(data, model): return [model, helper.WORD]
            """,
            word,
        )
        (path / "code" / "helper.py").write_text(f"WORD = {word!r}\n")
        handlers.append(load_package(path))

    assert [json.loads(whole(handler, b"{}")) for handler in handlers] == [["one", "one"], ["two", "two"]]


@given(st.binary(max_size=200), st.sampled_from(["application/json", "text/csv", "", "x/y", "text/csv; a=b"]))
def test_no_body_breaks_the_decoder(body: bytes, content_type: str) -> None:
    with suppress(HandlerInputError):
        decode(body, content_type)


@given(
    st.recursive(
        st.integers() | st.text() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_json_survives_the_way_in_and_out(value: object) -> None:
    assert decode(encode(value, "")[0], "application/json") == value


def test_an_answer_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(HandlerInputError, match="image/png"):
        encode([1], "image/png")
    with pytest.raises(TypeError, match="object"):
        encode({"a": object()}, "")


@pytest.mark.parametrize("name", ["echo", "sleep", "burn", "allocate", "crash", "huge", "iris"])
def test_built_in_packages_answer_and_copy_what_they_do_not_know(name: str) -> None:
    known: dict[str, dict[str, Any]] = {
        "crash": {"how": "none"},
        "iris": {"instances": [[5.1, 3.5, 1.4, 0.2]]},
        "allocate": {"mebibytes": 1},
    }
    request: dict[str, Any] = {"nonce": "0123456789abcdef", "extra": [1], **known.get(name, {})}

    body, kind = load_package(BUILT_IN / name).invoke(json.dumps(request).encode())
    assert isinstance(body, bytes)

    answer = json.loads(body)
    assert kind == "application/json"
    assert answer["nonce"] == "0123456789abcdef"
    assert answer["extra"] == [1]


def test_huge_is_as_large_as_asked_with_the_fields_at_its_head() -> None:
    body = whole(load_package(BUILT_IN / "huge"), b'{"mebibytes": 2, "nonce": "abc"}')

    assert len(body) == 2 << 20
    assert b'"nonce": "abc"' in body[:100]


def test_iris_is_what_training_gives_and_mostly_right() -> None:
    spec = importlib.util.spec_from_file_location("iris_train", BUILT_IN / "iris" / "train.py")
    assert spec is not None
    assert spec.loader is not None
    train = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(train)
    from sklearn.datasets import load_iris

    trained, kept = train.train(), json.loads((BUILT_IN / "iris" / "model.json").read_text())
    data = load_iris()
    body = whole(load_package(BUILT_IN / "iris"), json.dumps({"instances": data.data.tolist()}).encode())
    answer = json.loads(body)

    assert kept["classes"] == trained["classes"]
    np.testing.assert_allclose(kept["coefficients"], trained["coefficients"], atol=1e-2)
    np.testing.assert_allclose(kept["intercepts"], trained["intercepts"], atol=5e-2)
    assert np.mean(np.array(answer["predictions"]) == data.target) > 0.95
    np.testing.assert_allclose(np.sum(answer["probabilities"], axis=1), 1.0)
