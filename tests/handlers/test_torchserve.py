"""Archives of TorchServe's: the handler that the manifest names, of SageMaker's kind and of TorchServe's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chaos.errors import DocumentError
from chaos.handlers.failures import failure_of
from chaos.handlers.package import import_package, is_package, load_package
from tests.handlers.packages import whole

SAGEMAKER = """
def model_fn(model_dir, context): return context.manifest["model"]["handler"]
def predict_fn(data, model): return [model, data]
"""
CLASS = """
import json, os
from pathlib import Path
class Service:
    def initialize(self, context):
        self.directory = context.system_properties["model_dir"]
        context.set_response_status(500, "nobody asked")
    def handle(self, data, context):
        body = data[0]["body"]
        if body == "status": context.set_response_status(409, "conflict")
        if body == "none": return None
        if body == "two": return ["a", "b"]
        if body == "type": context.set_response_content_type(0, "a/b")
        return [[type(body).__name__, sorted(os.listdir(self.directory))]]
"""
FUNCTION = """
state = {}
def answer(data, context):
    if data is None:
        state["model"] = context.model_name
        return None
    return [state["model"]]
"""


def mar(directory: Path, handler: object, code: str, place: str = "handler.py") -> Path:
    source = directory / "mine" / place
    source.parent.mkdir(parents=True)
    source.write_text(code)
    manifest = directory / "mine" / "MAR-INF" / "MANIFEST.json"
    manifest.parent.mkdir()
    manifest.write_text(json.dumps({"runtime": "python", "model": {"handler": handler}}))
    return directory / "mine"


@pytest.mark.parametrize(
    ("handler", "place"),
    [
        ("handler.py", "handler.py"),
        ("handler", "code/handler.py"),
        ("sagemaker_inference.default_handler_service", "code/inference.py"),
        ("/home/model-server/handler_service.py:handle", "inference.py"),
        ("../../handler.py", "handler.py"),
    ],
)
def test_a_handler_of_sagemakers_kind(tmp_path: Path, handler: str, place: str) -> None:
    path = mar(
        tmp_path,
        handler,
        SAGEMAKER,
        place,
    )
    imported = import_package(path)

    assert is_package(path)
    assert imported.source == path / place
    assert imported.own == {"model_fn", "predict_fn"}
    assert json.loads(whole(imported.load(), b"1")) == [handler, 1]


def test_the_manifests_handler_goes_before_the_other(tmp_path: Path) -> None:
    path = mar(tmp_path, "handler.py", SAGEMAKER)
    (path / "code").mkdir()
    (path / "code" / "inference.py").write_text("def model_fn(model_dir): return len\n")

    assert json.loads(whole(load_package(path), b"1")) == ["handler.py", 1]


def test_a_class(tmp_path: Path) -> None:
    path = mar(tmp_path, "handler.py", CLASS)
    imported = import_package(path)
    handler = imported.load()
    there = sorted(each.name for each in path.iterdir())

    assert imported.own == {"model_fn", "transform_fn"}
    assert json.loads(whole(handler, b"[1]")) == ["list", there]
    assert json.loads(whole(handler, b"[")) == ["bytes", there], "what is no JSON stays as it came"
    assert json.loads(whole(handler, b"x", "text/plain")) == ["str", there]
    assert json.loads(whole(handler, b"\xff", "text/plain")) == ["bytes", there]
    assert json.loads(whole(handler, b"x", "image/png")) == ["bytes", there]
    assert handler.invoke(b"type", "text/plain")[1] == "a/b"
    assert handler.invoke(b"other", "text/plain", "c/d")[1] == "c/d", "a type is one request's"
    with pytest.raises(Exception, match="conflict") as caught:
        handler.invoke(b"status", "text/plain")
    assert failure_of(caught.value).status == 409
    for body, said in ((b"none", "a NoneType"), (b"two", "2 answers")):
        with pytest.raises(ValueError, match=f"handle gave {said} for a batch of one"):
            handler.invoke(body, "text/plain")


@pytest.mark.parametrize(("handler", "name"), [("handler.py:answer", "answer"), ("handler.py", "handle")])
def test_a_function(tmp_path: Path, handler: str, name: str) -> None:
    path = mar(tmp_path, handler, FUNCTION.replace("def answer", f"def {name}"))

    assert whole(load_package(path, "m"), b"[1]") == b"m"


@pytest.mark.parametrize(
    ("handler", "code", "problem"),
    [
        ("image_classifier", "", "handler 'image_classifier' is not in the archive"),
        ("", "", "it names no handler"),
        (3, "", "it names no handler"),
        ("handler.py:answer", "x = 1\n", "there is no function answer"),
        ("handler.py", "handle = 3\n", "there is no function handle"),
        ("handler.py", "class A: pass\nclass B: pass\n", "no function handle and 2 classes"),
        ("handler.py", "class A: pass\n", "class A has no initialize and no handle"),
        ("handler.py", "class A:\n def handle(self, data, context): pass\n", "class A has no initialize"),
        ("handler.py", "class A:\n def initialize(self, c): raise OSError('disk')\n def handle(self, d, c): pass\n",
         "model_fn failed: OSError: disk"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, handler: object, code: str, problem: str) -> None:
    with pytest.raises(DocumentError, match=problem) as caught:
        load_package(mar(tmp_path, handler, code))

    assert "\n" not in str(caught.value)


def test_a_manifest_that_is_none(tmp_path: Path) -> None:
    path = mar(tmp_path, "handler.py", SAGEMAKER)
    for text, problem in (("{", "not JSON"), ("[]", "names no handler")):
        (path / "MAR-INF" / "MANIFEST.json").write_text(text)
        with pytest.raises(DocumentError, match=problem):
            load_package(path)
