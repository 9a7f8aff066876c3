"""What becomes of an operation whose workers cannot start: all is as it was, and who asked is told why."""

from __future__ import annotations

import psutil
import pytest

from tests.embedded.harness import Platform, eventually


def children(platform: Platform) -> int:
    return len(psutil.Process(platform.said["forkserver"]).children())


@pytest.mark.parametrize(
    ("way", "words"), [("raise", "have all there is"), ("exit", "exit code 7"), ("memory", "memory")]
)
def test_a_scale_up_whose_workers_cannot_start_goes_back(clean: Platform, way: str, words: str) -> None:
    name = f"{way}-up"
    clean.register("scarce", name)
    before, described = clean.worker_pids(name), clean.describe(name)

    answer = clean.manage("PUT", f"/models/{name}?min_worker=4&max_worker=5&synchronous=true")

    assert (answer.status, answer.json["type"]) == (500, "InternalServerException")
    assert words in answer.json["message"]
    after = clean.describe(name)
    for key in ("minWorkers", "maxWorkers"):
        assert after[key] == described[key]
    assert clean.worker_pids(name) == before
    assert len(after["workers"]) == children(clean) == 1, "those that did start are gone as well"
    assert clean.predict(name, n=1).status == 200
    assert clean.manage("PUT", f"/models/{name}?min_worker=2&synchronous=true").status == 200


def test_nobody_waits_for_a_scale_up_that_goes_back(clean: Platform) -> None:
    clean.register("scarce", "later")
    assert clean.manage("PUT", "/models/later?min_worker=3").status == 202

    eventually(lambda: any(error["type"] == "LoadFailed" for error in clean.errors("later")), "it was tried")
    eventually(lambda: clean.describe("later")["minWorkers"] == 1 and children(clean) == 1, "it goes back")


def test_a_scale_down_of_a_model_that_keeps_failing_is_none_that_goes_back(clean: Platform) -> None:
    assert (
        clean.manage("POST", "/models?url=scarce&model_name=over&initial_workers=3&synchronous=false").status
        == 202
    )
    eventually(
        lambda: any(error["type"] == "LoadFailed" for error in clean.errors("over")), "a third one fails"
    )

    assert clean.manage("PUT", "/models/over?min_worker=2&max_worker=2&synchronous=true").status == 200
    eventually(lambda: len(clean.worker_pids("over")) == 2, "the two that there is room for")
