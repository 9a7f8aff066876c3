"""The hostile packages on the running platform: each does its harm, to its own model only, and is got over."""

from __future__ import annotations

from collections.abc import Iterator

import psutil
import pytest

from tests.embedded.harness import Platform, eventually


@pytest.fixture
def bystander(clean: Platform) -> Iterator[Platform]:
    """A platform with an innocent model, which must have come through unharmed."""
    clean.register("echo", "bystander")
    before = clean.worker_pids("bystander")
    yield clean
    assert clean.predict("bystander", n=1).json == {"n": 1}
    assert clean.worker_pids("bystander") == before


def test_hang_is_cleaned_up_by_the_response_timeout(bystander: Platform) -> None:
    bystander.register("hang", response_timeout=1)
    (before,) = bystander.worker_pids("hang")

    answer = bystander.predict("hang")

    assert (answer.status, answer.json["message"]) == (500, "Worker died.")
    eventually(lambda: not psutil.pid_exists(before), "the worker that hung is gone")
    assert bystander.predict("hang", hang=False).status == 200


def test_leak_uses_up_the_descriptors_of_its_own_worker(bystander: Platform) -> None:
    bystander.register("leak")
    (pid,) = bystander.worker_pids("leak")
    counts = [bystander.predict("leak", descriptors=300) for _ in range(5)]

    assert [answer.status for answer in counts] == [200, 200, 200, 503, 503]
    assert counts[2].json["leaked"] == 900
    assert psutil.Process(pid).num_fds() >= 1020
    assert bystander.worker_pids("leak") == [pid], "it answers still, with errors"
    assert bystander.predict("leak").status == 200, "its link stands, though it could open no other"


@pytest.mark.parametrize("fields", [{"first_ms": 300}, {"every_ms": 30}])
def test_slow_takes_its_time(bystander: Platform, fields: dict[str, int]) -> None:
    bystander.register("slow")
    answer = bystander.predict("slow", **fields)

    assert {key: answer.json[key] for key in fields} == fields


def test_a_crash_loop_ends_with_the_crashes(bystander: Platform) -> None:
    bystander.register("crash")
    for how in ("exit", "sigkill", "abort", "exit"):
        assert bystander.predict("crash", how=how).status in (500, 507)
    assert bystander.predict("crash", how="none").status == 200
