"""The tester in the seed's shape: dictionaries with what was found, and no exception for what a handler does."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from chaos.errors import DocumentError
from chaos.handlers.limits import Limits
from chaos.handlers.packing import pack
from chaos.offline.builder import DEFAULT_SAMPLES, PipelineTestingSpecBuilder
from chaos.offline.handle import HandlerCallError, HandlerHandle
from chaos.offline.specs import (
    InferenceHandlerSpec,
    InferencePipelineTestingSpec,
    PipelineDAG,
    PipelineTestingSpec,
    ScriptExecutionSpec,
)
from chaos.offline.tester import RuntimeTester
from chaos.offline.testing import TestOptions

CODE = """
import json, os, pathlib
import beside

loaded = []

def model_fn(model_dir):
    loaded.append(model_dir)
    return float(pathlib.Path(model_dir, "weight.txt").read_text())

def input_fn(request_body, request_content_type):
    if request_content_type == "text/csv":
        return [float(cell) for cell in request_body.split(",")]
    return json.loads(request_body)["values"]

def predict_fn(input_data, model):
    return [beside.times(model, value) for value in input_data]

def output_fn(prediction, response_content_type):
    return json.dumps(prediction)
"""


def handler(directory: Path, code: str = CODE) -> Path:
    """A handler as the seed's examples have it: a script, what it imports, and model files elsewhere."""
    (directory / "code").mkdir()
    (directory / "code" / "beside.py").write_text("def times(a, b):\n    return a * b\n")
    (directory / "code" / "mine.py").write_text(code)
    (directory / "model").mkdir()
    (directory / "model" / "weight.txt").write_text("2.0")
    return directory / "code" / "mine.py"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("seed")
    handler(directory)
    return directory


@pytest.fixture(scope="module")
def tester(directory: Path) -> RuntimeTester:
    return RuntimeTester(directory / "work", options=TestOptions(repeats=1, leak_calls=40, parallel=1))


@pytest.fixture(scope="module")
def handle(tester: RuntimeTester, directory: Path) -> Iterator[HandlerHandle]:
    with tester.load_handler(directory / "code" / "mine.py") as handle:
        found = tester.test_inference_function(handle, "model_fn", {"model_dir": str(directory / "model")})
        assert found["success"]
        assert str(found["result"]) == "float 2.0"
        yield handle


def test_functions_one_after_the_other(tester: RuntimeTester, handle: HandlerHandle) -> None:
    read = tester.test_inference_function(
        handle, "input_fn", {"request_body": '{"values": [1, 2]}', "request_content_type": "application/json"}
    )
    assert read["function_name"] == "input_fn"
    assert read["success"]
    assert read["execution_time"] > 0
    assert str(read["result"]) == "list of 2 int"
    assert read["validation"] == {"valid": True, "problems": []}
    assert "error" not in read

    predicted = tester.test_inference_function(
        handle, "predict_fn", {"model": "whatever", "input_data": read["result"]}
    )
    assert str(predicted["result"]) == "list of 2 float"
    answered = tester.test_inference_function(
        handle, "output_fn", {"prediction": predicted["result"], "response_content_type": "application/json"}
    )
    assert answered["result"].body == b"[2.0, 4.0]"


def test_a_function_that_raises(tester: RuntimeTester, handle: HandlerHandle) -> None:
    found = tester.test_inference_function(
        handle, "input_fn", {"data": "{}", "content_type": "application/json"}
    )

    assert not found["success"]
    assert found["result"] is None
    assert found["error"] == "input_fn raised KeyError: 'values' (code/inference.py:14)"


@pytest.mark.parametrize(
    ("function", "params", "error"),
    [
        ("inptu_fn", {}, "there is no such function"),
        ("input_fn", {"data": "1"}, "there is no content_type"),
        ("predict_fn", {"data": [1.0], "model": 1}, "a list cannot be given to a handler in another process"),
        ("transform_fn", {"model": 1, "data": "", "content_type": "", "accept": ""}, "has no transform_fn"),
    ],
)
def test_a_call_that_cannot_be_made(
    tester: RuntimeTester, handle: HandlerHandle, function: str, params: dict[str, object], error: str
) -> None:
    found = tester.test_inference_function(handle, function, params)

    assert not found["success"]
    assert error in found["error"]


def test_a_handle_is_called_like_a_module(handle: HandlerHandle) -> None:
    read = handle.input_fn("1,2,3", "text/csv")

    assert handle.output_fn(handle.predict_fn(read, handle), accept="").body == b"[2.0, 4.0, 6.0]"
    with pytest.raises(
        HandlerCallError, match=r"input_fn raised ValueError: .*code/inference\.py:13"
    ) as caught:
        handle.input_fn("x", content_type="text/csv")
    assert caught.value.call.outcome == "raised"
    assert "beside" not in sys.modules
    with pytest.raises(AttributeError):
        handle.other_fn  # noqa: B018


def test_what_returns_nothing_is_not_valid(tester: RuntimeTester, tmp_path: Path) -> None:
    path = handler(
        tmp_path, "def model_fn(d): return 1\ndef input_fn(d, t): pass\ndef predict_fn(d, m): return d\n"
    )
    with tester.load_handler(path) as handle:
        found = tester.test_inference_function(handle, "input_fn", {"data": "", "content_type": ""})

    assert not found["success"]
    assert found["validation"] == {"valid": False, "problems": ["input_fn gave None"]}
    assert found["error"] == "input_fn gave None"


def test_a_package_is_a_handler_as_well(tester: RuntimeTester, tmp_path: Path) -> None:
    package = tmp_path / "package"
    (package / "code").mkdir(parents=True)
    (package / "code" / "inference.py").write_text(
        "def model_fn(d): return d\ndef predict_fn(d, m): return m\n"
    )
    archive = pack(package, tmp_path / "model.tar.gz")
    for path in (package, archive):
        with tester.load_handler(path) as handle:
            assert handle.input_fn("[1, 2]", "application/json").words == "ndarray int64 (2,)"
            assert handle.model_fn("").type == "str"


def test_a_handler_that_is_gone_starts_again(tester: RuntimeTester, tmp_path: Path) -> None:
    code = "import os\ndef model_fn(d): return 1\ndef input_fn(d, t): os._exit(3)\ndef predict_fn(d, m): return d\n"
    with tester.load_handler(handler(tmp_path, code)) as handle:
        for _ in range(2):
            found = tester.test_inference_function(handle, "input_fn", {"data": "", "content_type": ""})
            assert "input_fn ended its process" in found["error"] or "exit" in found["error"]


def test_a_handler_that_does_not_load(tester: RuntimeTester, tmp_path: Path) -> None:
    path = handler(tmp_path, "def model_fn(d): raise OSError('no weights')\ndef predict_fn(d, m): return d\n")
    with tester.load_handler(path) as handle:
        loaded = tester.test_inference_function(handle, "model_fn", {"model_dir": str(tmp_path / "model")})
        read = tester.test_inference_function(handle, "input_fn", {"data": "", "content_type": ""})

    assert loaded["error"] == read["error"] == "model_fn raised OSError: no weights (code/inference.py:1)"


def test_nothing_is_left_of_a_handle(tester: RuntimeTester, directory: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    kept = tester.load_handler(directory / "code" / "mine.py")
    kept.model_fn(str(directory / "model"))
    assert set(psutil.Process().children(recursive=True)) > before
    del kept
    gc.collect()
    assert set(psutil.Process().children(recursive=True)) <= before

    closed = tester.load_handler(directory / "code" / "mine.py")
    closed.close()
    with pytest.raises(DocumentError, match="the handler is closed"):
        closed.input_fn("", "")


def test_a_handler_that_is_not_there(tester: RuntimeTester, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "none.py", tmp_path / "none.tar.gz", tmp_path / "empty"):
        with pytest.raises(DocumentError, match="there is no such"):
            tester.load_handler(path)


def spec(directory: Path, **more: object) -> InferenceHandlerSpec:
    return InferenceHandlerSpec.model_validate(
        {
            "handler_name": "mine",
            "handler_path": str(directory / "code" / "mine.py"),
            "model_dir": str(directory / "model"),
            "test_data_samples": [
                {"data": '{"values": [1, 2]}'},
                {"content_type": "text/csv", "data": "1,2"},
            ],
            **more,
        }
    )


def test_the_whole_pipeline(tester: RuntimeTester, directory: Path) -> None:
    found = tester.test_inference_pipeline(spec(directory))

    assert found["pipeline_success"], found["errors"]
    assert found["errors"] == []
    assert found["result"].overall_success
    assert found["function_results"]["model_fn"]["success"]
    assert found["function_results"]["input_fn"]["success"]
    assert found["function_results"]["pipeline"] == {"success": True}


def test_the_whole_pipeline_of_a_handler_that_fails(tester: RuntimeTester, directory: Path) -> None:
    samples = [{"data": '{"values": [1]}'}, {"data": "{}"}]
    found = tester.test_inference_pipeline(spec(directory, test_data_samples=samples))

    assert not found["pipeline_success"]
    assert not found["function_results"]["input_fn"]["success"]
    assert "KeyError" in str(found["errors"])


def test_what_cannot_be_tested(tester: RuntimeTester, directory: Path, handle: HandlerHandle) -> None:
    missing = tester.test_inference_pipeline(spec(directory, handler_path=str(directory / "none.py")))
    assert (missing["pipeline_success"], missing["result"]) == (False, None)
    assert "there is no such handler" in missing["errors"][0]
    assert "no specification" in tester.test_inference_pipeline(handle)["errors"][0]
    script = ScriptExecutionSpec(script_name="prep", script_path="none.py")
    compatibility = tester.test_script_to_inference_compatibility(script, spec(directory))
    assert (compatibility["compatible"], compatibility["result"]) == (False, None)
    assert "there is no such script" in compatibility["error"]
    graph = PipelineTestingSpec(dag=PipelineDAG(nodes=("a",)))
    pipeline = tester.test_pipeline_with_inference(graph, {})
    assert not pipeline["pipeline_success"]
    assert "there is neither a script nor a handler for a" in pipeline["errors"][0]


def test_the_limits_hold(directory: Path, tmp_path: Path) -> None:
    sleeps = "def input_fn(d, t): time.sleep(60)"
    code = f"import time\ndef model_fn(d): return 1\n{sleeps}\ndef predict_fn(d, m): return d\n"
    tester = RuntimeTester(tmp_path / "work", limits=Limits(call=0.5))
    with tester.load_handler(handler(tmp_path, code)) as handle:
        found = tester.test_inference_function(handle, "input_fn", {"data": "", "content_type": ""})

    assert not found["success"]
    assert "0.5 s" in found["error"]


def test_a_handler_specification_finds_its_samples(directory: Path, tmp_path: Path) -> None:
    builder = PipelineTestingSpecBuilder()
    bare = builder.create_inference_handler_spec("mine", "code/mine.py", "model")
    assert bare.test_data_samples == DEFAULT_SAMPLES
    assert (bare.handler_path, bare.model_dir, bare.packaged_model_path) == ("code/mine.py", "model", "")
    (tmp_path / "payloads").mkdir()
    package = builder.create_inference_handler_spec("mine", str(tmp_path / "model.tar.gz"))
    assert package.packaged_model_path == str(tmp_path / "model.tar.gz")
    assert package.payload_samples_path == str(tmp_path / "payloads")
    assert package.test_data_samples == ()


def test_a_mixed_specification(directory: Path) -> None:
    script = ScriptExecutionSpec(script_name="a", script_path="a.py")
    mixed = PipelineTestingSpecBuilder().build_mixed_pipeline_spec(
        PipelineDAG(nodes=("a", "b"), edges=(("a", "b"),)), {"a": script, "b": script}, {"b": spec(directory)}
    )

    assert isinstance(mixed, InferencePipelineTestingSpec)
    assert list(mixed.script_specs) == ["a"]
    assert list(mixed.inference_handlers) == ["b"]
