"""Packages on disk, loaded for real."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chaos.embedded.store import BUILT_IN
from chaos.errors import DocumentError
from chaos.handlers.formats import HandlerInputError
from chaos.handlers.package import import_package, load_package
from tests.handlers.packages import package, whole


def test_defaults_read_and_write_json_and_csv(tmp_path: Path) -> None:
    handler = load_package(
        package(tmp_path, "def model_fn(model_dir): return None\ndef predict_fn(data, model): return data\n")
    )

    assert handler.invoke(b'{"a": [1, 2]}', "application/json") == (b'{"a": [1, 2]}', "application/json")
    assert handler.invoke(b"1,2\n3,4\n", "text/csv", "text/csv") == (b"1,2\n3,4\n", "text/csv")
    assert handler.invoke(b"1.0,2.5", "text/csv", "image/png, application/json")[0] == b"[1.0, 2.5]"
    assert handler.invoke(b"[1, 2.5]", accept="*/*") == (b"[1.0, 2.5]", "application/json")
    with pytest.raises(HandlerInputError, match="utf-8"):
        handler.invoke(b"\xff", "text/csv")


def test_the_default_accept_is_the_environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "text/csv")
    code = "def model_fn(model_dir): return None\ndef predict_fn(data, model): return data\n"
    handler = load_package(package(tmp_path, code))

    assert [handler.invoke(b"[1]", accept=accept)[1] for accept in ("", None, "*/*", "application/json")] == [
        "text/csv",
        "text/csv",
        "text/csv",
        "application/json",
    ]


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
        def predict_batch_fn(batch, model): return batch
        """,
    )
    imported = import_package(path)

    assert imported.load().invoke(b"x", "a/b") == (b"x!", "a/b")
    assert imported.own == imported.functions.keys() == {"model_fn", "transform_fn"}


def test_text_comes_as_text_and_all_else_as_bytes(tmp_path: Path) -> None:
    path = package(
        tmp_path,
        """
        def model_fn(model_dir): return None
        def transform_fn(model, data, content_type, accept): return f"{type(data).__name__} {accept}"
        """,
    )
    handler = load_package(path)
    kinds = ("application/json", "text/csv", "text/csv; charset=utf-8", "text/plain", "", None)

    assert [whole(handler, b"x", kind, "a/b, c/d") for kind in kinds] == [
        b"str a/b, c/d",
        b"str a/b, c/d",
        *[b"bytes a/b, c/d"] * 4,
    ]


def test_importing_loads_no_model_and_loading_has_a_before_and_an_after(tmp_path: Path) -> None:
    path = package(
        tmp_path,
        """
        calls = []
        def pre_model_fn(model_dir): calls.append("pre")
        def model_fn(model_dir): calls.append("model"); return calls
        def model_warmup_fn(model_dir, model, context): model.append(context.model_name)
        def predict_fn(data, model): return list(model)
        """,
        "p",
    )
    imported = import_package(path)

    assert imported.source == path / "code" / "inference.py"
    assert imported.own == {"pre_model_fn", "model_fn", "model_warmup_fn", "predict_fn"}
    assert imported.functions.keys() == imported.own | {"input_fn", "output_fn", "predict_batch_fn"}
    assert whole(imported.load(), b"1") == b'["pre", "model", "p"]'


@pytest.mark.parametrize("name", ["pre_model_fn", "model_fn", "model_warmup_fn"])
def test_what_loading_raises_is_told(tmp_path: Path, name: str) -> None:
    takes = "model_dir, model" if name == "model_warmup_fn" else "model_dir"
    code = f"def model_fn(model_dir): pass\ndef {name}({takes}): raise OSError('disk')\ndef predict_fn(d, m): pass\n"
    imported = import_package(package(tmp_path, code))

    with pytest.raises(DocumentError, match=f"{name} failed: OSError: disk") as caught:
        imported.load()
    assert isinstance(caught.value.__cause__, OSError)


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
        ("def model_fn(a): pass\nasync def output_fn(p, a): yield p\n", "output_fn is async"),
        ("model_fn = dict\n", "model_fn does not say its parameters"),
        ("import helper\ndef model_fn(a): pass\n", "inference.py:1: cannot be imported: ModuleNotFoundError"),
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
