"""SageMaker's container API on the inference port, where SageMaker sends all of its own requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chaos.embedded.answers import Protocol
from chaos.embedded.paths import route
from tests.embedded.harness import Answer, Platform, started

PACKAGES = {
    "broken": "def model_fn(model_dir): raise OSError('no weights')\n",
    "greedy": "def model_fn(model_dir): return bytearray(512 << 20)\ndef predict_fn(data, model): return 1\n",
    "raising": """
import json

class BaseInferenceToolkitError(Exception):
    pass

class Said(BaseInferenceToolkitError):
    def __init__(self, status_code, message, phrase):
        self.status_code, self.message, self.phrase = status_code, message, phrase

def model_fn(model_dir):
    return 1

def input_fn(body, content_type):
    if content_type != "application/json":
        raise TypeError(content_type)
    return body

def predict_fn(body, model):
    data = json.loads(body)
    if data["how"] == "says":
        raise Said(data["status"], "not today", "No")
    if data["how"] == "memory":
        raise MemoryError
    raise ValueError("a shape is wrong")
""",
}
TARGET_MODEL = "X-Amzn-SageMaker-Target-Model"


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform with packages that fail, whose replicas may take 64 MiB each and 256 MiB together."""
    directory = tmp_path_factory.mktemp("packages")
    for name, code in PACKAGES.items():
        (directory / name / "code").mkdir(parents=True)
        (directory / name / "code" / "inference.py").write_text(code)
    log = directory / "platform.log"
    with started(
        "--models", str(directory), "--memory", "64", "--node-memory", "256", "--log", str(log)
    ) as platform:
        yield platform
        assert "Traceback" not in log.read_text(), log.read_text()


def load(platform: Platform, name: str, url: str, **more: Any) -> Answer:
    return platform.call("POST", "/models", {"model_name": name, "url": url, **more})


def refused(answer: Answer, status: int, words: str = "") -> None:
    assert (answer.status, answer.json["code"]) == (status, status), answer
    assert words in answer.json["message"]


def test_a_models_life(container: Platform) -> None:
    assert container.call("GET", "/ping").status == 200
    assert load(container, "s", "sleep").status == 200
    assert len(container.worker_pids("s")) == 1
    refused(load(container, "s", "sleep"), 409, "already registered")
    described = container.call("GET", "/models/s").json
    assert (described["modelName"], described["modelUrl"], len(described["workers"])) == ("s", "sleep", 1)
    answer = container.call("POST", "/models/s/invoke", {"sleep_ms": 1, "nonce": "n"})
    assert (answer.status, answer.json["nonce"]) == (200, "n")
    assert container.call("DELETE", "/models/s").status == 200
    refused(container.call("DELETE", "/models/s"), 404, "Model not found: s")
    refused(container.call("GET", "/models/s"), 404)
    refused(container.call("POST", "/models/s/invoke", {}), 404)


def test_a_package_by_its_directory(container: Platform, tmp_path: Path) -> None:
    code = tmp_path / "model" / "code"
    code.mkdir(parents=True)
    (code / "inference.py").write_text(
        "def model_fn(d): return 2\ndef predict_fn(x, model): return x * model\n"
    )

    assert load(container, "by-path", str(tmp_path / "model"), initial_workers=2).status == 200
    assert len(container.worker_pids("by-path")) == 2
    assert container.call("POST", "/models/by-path/invoke", 21).json == 42
    assert container.call("DELETE", "/models/by-path").status == 200


def test_pages(container: Platform) -> None:
    for name in ("c", "a", "b"):
        load(container, name, "echo", initial_workers=0)
    first = container.call("GET", "/models?limit=2").json
    rest = container.call("GET", f"/models?limit=2&next_page_token={first['nextPageToken']}").json

    assert [entry["modelName"] for entry in first["models"] + rest["models"]] == ["a", "b", "c"]
    assert first["models"][0] == {"modelName": "a", "modelUrl": "echo"}
    assert "nextPageToken" not in rest
    for name in "abc":
        container.call("DELETE", f"/models/{name}")


def test_which_model_an_invocation_is_for(container: Platform) -> None:
    def invoke(named: str = "", query: str = "") -> Answer:
        headers = {TARGET_MODEL: named} if named else {}
        return container.call("POST", f"/invocations{query}", {"x": 1}, headers=headers)

    refused(invoke(), 400, "0 models are loaded")
    load(container, "one", "echo")
    assert invoke().json == {"x": 1}
    load(container, "two", "raising")
    refused(invoke(), 400, "2 models are loaded")
    assert invoke("one").json == invoke("/one.tar.gz").json == {"x": 1}
    refused(invoke("three"), 404, "Model not found: three")
    assert invoke(query="?model_name=one").json == {"x": 1}, "TorchServe's way"
    refused(container.call("GET", "/invocations"), 405)
    for name in ("one", "two"):
        container.call("DELETE", f"/models/{name}")


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        ({"how": "raises"}, 500, "ValueError: a shape is wrong"),
        ({"how": "says", "status": 422}, 422, "not today"),
        ({"how": "says", "status": 503}, 503, "not today"),
        ({"how": "says", "status": 7}, 500, "not today"),
        ({"how": "memory"}, 507, "Out of resources"),
    ],
)
def test_what_a_handler_raises_is_told_as_the_toolkit_has_it(
    container: Platform, sent: dict[str, Any], status: int, words: str
) -> None:
    if container.call("GET", "/models/raising").status == 404:
        load(container, "raising", "raising")

    refused(container.call("POST", "/models/raising/invoke", sent), status, words)
    as_torchserve = status if sent["how"] != "raises" else 503
    assert container.call("POST", "/predictions/raising", sent).status == as_torchserve


def test_a_content_type_that_is_not_supported_is_an_error_of_the_handler(container: Platform) -> None:
    if container.call("GET", "/models/raising").status == 404:
        load(container, "raising", "raising")
    answer = container.call("POST", "/models/raising/invoke", b"x", headers={"content-type": "image/png"})

    refused(answer, 500, "image/png")
    container.call("DELETE", "/models/raising")


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"model_name": "m", "url": "broken"}, 500, "no weights"),
        ({"model_name": "m", "url": "greedy"}, 507, "out of memory"),
        ({"model_name": "m", "url": "echo", "initial_workers": 5}, 507, "256 MiB"),
        ({"model_name": "m", "url": "nowhere"}, 404, "Model not found at: nowhere"),
        ({"model_name": "m", "url": "../echo"}, 404, "Model not found"),
        ({"model_name": "m"}, 400, "Parameter url is required"),
        ({"url": "echo"}, 400, "Parameter model_name is required"),
        ({"model_name": ["m"], "url": "echo"}, 400, "model_name"),
        ({"model_name": "a/b", "url": "echo"}, 400, "letters"),
        ({"model_name": "m", "url": "echo", "initial_workers": True}, 400, "number of workers"),
        (["m"], 400, "not a JSON object"),
        (b"{", 400, "not JSON"),
        (b"[" * 100_000, 400, "not JSON"),
        (b"\xff", 400, "UTF-8"),
    ],
)
def test_loads_that_are_refused_leave_nothing(
    container: Platform, body: Any, status: int, words: str
) -> None:
    before = container.call("GET", "/models").json

    answer = container.call("POST", "/models", body)

    if b"UTF-8" not in answer.body:
        refused(answer, status, words)
    assert answer.status == status
    assert container.call("GET", "/models").json == before


def test_no_body_brings_the_control_plane_down(container: Platform) -> None:
    """What is nested too deep to be read was the end of the manager."""
    for path in ("/models", "/v2/repository/index", "/v2/repository/models/m/load"):
        assert container.call("POST", path, b"[" * 100_000).status == 400
    assert container.call("GET", "/ping").json == {"status": "Healthy"}


def test_it_says_what_it_takes(container: Platform) -> None:
    document = container.call("GET", "/api-description").json

    parameters = [parameter["name"] for parameter in document["paths"]["/models"]["post"]["parameters"]]
    assert parameters == ["url", "model_name", "initial_workers"]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["GET", "POST", "DELETE", "PUT"]),
    st.sampled_from(["/models", "/models?next_page_token=", "/models/", "/models/x/", "/invocations"]),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=8),
    st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["model_name", "url", "initial_workers"]), inner)),
)  # fmt: skip
def test_whatever_is_asked_is_answered(
    container: Platform, method: str, path: str, more: str, body: Any
) -> None:
    answer = container.call(method, path + more, json.dumps(body).encode())

    assert answer.status in (200, 400, 404, 405)
    assert container.call("GET", "/models").json == {"models": []}


def test_routes() -> None:
    assert route("POST", "/models/m/invoke").protocol is Protocol.SAGEMAKER
    assert route("POST", "/invocations?model_name=m").protocol is Protocol.TORCHSERVE
    assert route("PUT", "/models/m").kind == "wrong_method", "SageMaker's API does not scale"
    assert route("GET", "/models/a%2Fb").model == "a/b"
