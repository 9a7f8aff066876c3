"""TorchServe's management API: status codes, shapes, and operations that are atomic."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.embedded.harness import Platform, started


def refused(answer: Any, status: int, kind: str) -> str:
    """An error in TorchServe's shape; its message."""
    assert (answer.status, answer.json["code"], answer.json["type"]) == (status, status, kind)
    assert set(answer.json) == {"code", "type", "message"}
    return str(answer.json["message"])


def test_a_models_life(platform: Platform) -> None:
    url = "/models?url=echo.mar&model_name=life&initial_workers=2&synchronous=true"
    answer = platform.manage("POST", url)
    assert answer.json == {"status": 'Model "life" Version: 1.0 registered with 2 initial workers'}
    again = refused(platform.manage("POST", url), 409, "ConflictStatusException")
    assert again == "Model version 1.0 is already registered for model life"

    described = platform.describe("life")
    expected = {
        "modelName": "life",
        "modelVersion": "1.0",
        "modelUrl": "echo.mar",
        "minWorkers": 2,
        "maxWorkers": 2,
    }
    assert expected.items() <= described.items()
    assert described["jobQueueStatus"] == {"remainingCapacity": 100, "pendingRequests": 0}
    assert len(described["workers"]) == 2
    for worker in described["workers"]:
        assert worker["status"] == "READY"
        assert psutil.pid_exists(worker["pid"])
        assert worker["memoryUsage"] > 1 << 20
        assert worker["startTime"].endswith("Z")
    assert platform.manage("GET", "/models/life/1.0").json[0]["modelName"] == "life"
    assert platform.manage("GET", "/models/life/all").status == 200
    refused(platform.manage("GET", "/models/life/2.0"), 404, "ModelVersionNotFoundException")

    scaled = platform.manage("PUT", "/models/life?min_worker=3&synchronous=true")
    assert (scaled.status, scaled.json) == (200, {"status": "Workers scaled to 3 for model: life"})
    kept = platform.manage("PUT", "/models/life/1.0?min_worker=1&max_worker=3&synchronous=true")
    assert kept.json == {"status": "Workers scaled to 1 for model: life, version: 1.0"}
    assert len(platform.worker_pids("life")) == 3, "none leaves while the count is within max_worker"
    assert platform.manage("PUT", "/models/life?min_worker=1").status == 202
    refused(platform.manage("PUT", "/models/life?min_worker=2&max_worker=1"), 400, "BadRequestException")

    assert platform.manage("DELETE", "/models/life").json == {"status": 'Model "life" unregistered'}
    refused(platform.manage("DELETE", "/models/life"), 404, "ModelNotFoundException")
    refused(platform.predict("life"), 404, "ModelNotFoundException")


@pytest.mark.parametrize(
    ("query", "status", "kind"),
    [
        ("", 400, "BadRequestException"),
        ("?url=nowhere.mar", 404, "ModelNotFoundException"),
        ("?url=../echo", 404, "ModelNotFoundException"),
        ("?url=http://127.0.0.1/echo.mar", 400, "DownloadArchiveException"),
        ("?url=echo&batch_size=0", 400, "BadRequestException"),
        ("?url=echo&batch_size=101", 400, "BadRequestException"),
        ("?url=echo&batch_size=2&max_batch_delay=-1", 400, "BadRequestException"),
        ("?url=echo&batch_size=2&max_batch_delay=60001", 400, "BadRequestException"),
        ("?url=echo&model_name=a/b", 400, "BadRequestException"),
        ("?url=echo&initial_workers=65", 400, "BadRequestException"),
        ("?url=echo&response_timeout=0", 400, "BadRequestException"),
    ],
)
def test_registrations_that_are_refused_leave_nothing(
    platform: Platform, query: str, status: int, kind: str
) -> None:
    before = platform.manage("GET", "/models").json

    refused(platform.manage("POST", f"/models{query}"), status, kind)

    assert platform.manage("GET", "/models").json == before


def test_a_body_may_stand_in_for_the_query(platform: Platform) -> None:
    body = {"url": "echo", "model_name": "body", "initial_workers": 1, "synchronous": True}
    assert platform.manage("POST", "/models", body).status == 200
    refused(platform.manage("POST", "/models", b"{"), 500, "JsonSyntaxException")
    platform.manage("DELETE", "/models/body")


def test_pages(platform: Platform) -> None:
    for name in ("p3", "p1", "p2"):
        platform.register("echo", name, workers=0)
    first = platform.manage("GET", "/models?limit=2").json
    rest = platform.manage("GET", f"/models?limit=2&next_page_token={first['nextPageToken']}").json

    assert first["models"] == [
        {"modelName": "p1", "modelUrl": "echo"},
        {"modelName": "p2", "modelUrl": "echo"},
    ]
    assert rest == {"models": [{"modelName": "p3", "modelUrl": "echo"}]}
    assert len(platform.manage("GET", "/models?limit=-1").json["models"]) == 3
    refused(platform.predict("p1"), 503, "ServiceUnavailableException")
    for name in ("p1", "p2", "p3"):
        platform.manage("DELETE", f"/models/{name}")


def test_descriptions_and_what_nobody_serves(platform: Platform) -> None:
    platform.register("echo", "described", workers=0)
    for port, path in (("management", "/"), ("management", "/models/described"), ("inference", "/")):
        answer = platform.call("OPTIONS", path, port=port)
        assert (answer.status, answer.json["openapi"]) == (200, "3.0.1")
        assert answer.json["paths"]
    assert platform.call("GET", "/api-description").json["openapi"] == "3.0.1"
    assert platform.call("GET", "/ping").json == {"status": "Healthy"}
    for port in ("management", "inference", "metrics"):
        refused(platform.call("GET", "/nothing/here", port=port), 404, "ResourceNotFoundException")
    refused(platform.manage("PATCH", "/models"), 405, "MethodNotAllowedException")
    refused(platform.call("DELETE", "/ping"), 405, "MethodNotAllowedException")
    refused(platform.call("POST", "/predictions/described/9"), 404, "ModelVersionNotFoundException")
    platform.manage("DELETE", "/models/described")


def test_concurrent_equal_operations_end_in_one_state(platform: Platform) -> None:
    with ThreadPoolExecutor(8) as pool:
        url = "/models?url=echo&model_name=same&initial_workers=2"
        registered = list(pool.map(lambda _: platform.manage("POST", url).status, range(8)))
        scaled = list(
            pool.map(
                lambda _: (
                    platform.manage("PUT", "/models/same?min_worker=4&max_worker=4&synchronous=true").status
                ),
                range(8),
            )
        )
        pids = platform.worker_pids("same")
        children = [child.pid for child in psutil.Process(platform.said["forkserver"]).children()]
        removed = list(pool.map(lambda _: platform.manage("DELETE", "/models/same").status, range(8)))

    assert Counter(registered) == {200: 1, 409: 7}
    assert scaled == [200] * 8
    assert sorted(pids) == sorted(children), "as many as are said, and no others"
    assert len(pids) == 4
    assert Counter(removed) == {200: 1, 404: 7}
    assert psutil.Process(platform.said["forkserver"]).children() == []


def test_mixed_concurrent_operations_keep_what_runs_and_what_is_said_the_same(platform: Platform) -> None:
    platform.register("echo", "mixed", workers=1)
    with ThreadPoolExecutor(6) as pool:
        for _ in range(3):
            sizes = [1, 3, 0, 2, 4, 1]
            path = "/models/mixed?min_worker={0}&max_worker={0}&synchronous=true"
            assert (
                list(pool.map(lambda n, p=path: platform.manage("PUT", p.format(n)).status, sizes))
                == [200] * 6
            )
    children = {child.pid for child in psutil.Process(platform.said["forkserver"]).children()}

    described = platform.describe("mixed")
    assert {worker["pid"] for worker in described["workers"]} == children
    assert len(children) == described["minWorkers"]
    platform.manage("DELETE", "/models/mixed")


def test_a_broken_package_rolls_back(tmp_path: Path) -> None:
    for name, code in {
        "syntax": "def model_fn(\n",
        "raises": "def model_fn(model_dir): raise OSError('no weights')\n",
        "exits": "import os\ndef model_fn(model_dir): os._exit(3)\n",
        "good": "def model_fn(model_dir): return 1\ndef predict_fn(data, model): return {'mine': model}\n",
    }.items():
        source = tmp_path / name / "code" / "inference.py"
        source.parent.mkdir(parents=True)
        source.write_text(code)
    with started("--models", str(tmp_path)) as platform:
        for name, words in (
            ("syntax", "SyntaxError"),
            ("raises", "no weights"),
            ("exits", "ended while it loaded"),
        ):
            answer = platform.manage("POST", f"/models?url={name}&initial_workers=2")
            message = refused(answer, 500, "InternalServerException")
            assert message.startswith("Failed to start workers")
            assert words in message
        assert platform.manage("GET", "/models").json == {"models": []}
        assert psutil.Process(platform.said["forkserver"]).children() == []
        answer = platform.call("POST", "/v2/repository/models/syntax/load")
        assert answer.status == 400
        platform.register("good")
        assert platform.predict("good").json == {"mine": 1}
        platform.register(str(tmp_path / "good"), "by-path")
        assert platform.predict("by-path").json == {"mine": 1}


def test_scaling_a_model_that_keeps_failing_is_refused_and_it_can_still_be_removed(
    tmp_path: Path,
) -> None:
    source = tmp_path / "flaky" / "code" / "inference.py"
    source.parent.mkdir(parents=True)
    source.write_text("raise RuntimeError('never')\n")
    with started("--models", str(tmp_path)) as platform:
        assert platform.manage("POST", "/models?url=flaky&synchronous=false").status == 202
        answer = platform.manage("PUT", "/models/flaky?min_worker=2&synchronous=true")
        assert "never" in refused(answer, 500, "InternalServerException")
        described = platform.describe("flaky")
        assert (described["minWorkers"], len(described["workers"])) == (1, 1)
        index = platform.call("POST", "/v2/repository/index").json
        assert next(entry for entry in index if entry["name"] == "flaky")["state"] == "UNAVAILABLE"
        assert platform.manage("DELETE", "/models/flaky").status == 200
