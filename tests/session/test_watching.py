"""The state sampler sees what runs, survives whatever a target does to it, and executions are counted exactly."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.checks.evidence import gather
from chaos.embedded.executions import ExecutionLog
from chaos.errors import TargetError
from chaos.recording import record
from chaos.session.watching import error_entry, read_executions, watch_state
from chaos.targets.looking import LOOK_SECONDS
from chaos.targets.records import ErrorRecord, ModelState, Part
from chaos.targets.testing import FakeTarget
from tests.checks.stories import run

SECONDS = 0.01


class Frozen(FakeTarget):
    """A target that never answers when it is asked for its processes."""

    async def parts(self) -> list[Part]:
        await anyio.sleep_forever()
        raise AssertionError


class Bare:
    """A target that only describes."""

    url = "bare"

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def healthy(self) -> bool:
        return True

    async def models(self) -> list[str]:
        return ["iris"]

    async def describe(self, model: str) -> ModelState:
        return ModelState(model, True, 2, 2, (5, 6))


def watched(
    target: Any, looks: int, between: Callable[[int], None] = lambda _count: None
) -> list[dict[str, Any]]:
    """So many looks at a target's model ``iris``; ``between`` is called after each with their number so far."""
    seen: list[dict[str, Any]] = []

    async def main() -> None:
        with anyio.fail_after(30), anyio.CancelScope() as scope:

            def emit(kind: str, **values: Any) -> None:
                seen.append({"kind": kind, "at": 1000.0 + len(seen), **values})
                between(len(seen))
                if len(seen) == looks:
                    scope.cancel()

            await watch_state(target, ["iris"], emit, SECONDS)

    anyio.run(main)
    return seen


def served() -> FakeTarget:
    """Two living replicas of the model, one of another, one of none, and a proxy."""
    owners = [("replica", 11, "iris"), ("replica", 12, "iris"), ("replica", 21, "other"), ("replica", 31, "")]
    parts = [Part(role, pid, 1.0, model) for role, pid, model in [*owners, ("proxy", 41, "")]]  # type: ignore[arg-type]
    return FakeTarget(served={"iris": 2}, members=parts)


def test_a_look_says_what_is_described_and_what_lives() -> None:
    (look, *_rest) = watched(served(), 2)

    assert look["models"] == {"iris": {"desired": 2, "workers": 2, "pids": [11, 12], "alive": 2}}
    assert look["strays"] == 1
    assert [link["name"] for link in look["links"]] == ["manager", "replica-iris-0", "replica-iris-1"]
    assert look["error"] == ""


def test_a_look_is_evidence_as_checks_read_it() -> None:
    events = [run(), *watched(served(), 3)]
    evidence = gather(events, record(events))

    assert [seen.is_exactly(2) for _at, seen in evidence.states_of("iris")] == [True] * 3
    assert evidence.states[0].strays == 1


def test_processes_are_not_made_up_where_nobody_counts_them() -> None:
    (look,) = watched(Bare(), 1)

    assert look["models"]["iris"] == {"desired": 2, "workers": 2, "pids": [5, 6], "alive": None}
    assert (look["strays"], look["links"]) == (None, None)


@pytest.mark.parametrize("call", ["describe", "parts", "links"])
def test_a_call_that_fails_is_told_and_the_looking_goes_on(call: str) -> None:
    target = served()

    def script(count: int) -> None:
        target.failures = {call: TargetError("it is being replaced")} if count == 1 else {}

    before, failed, after = watched(target, 3, script)

    assert "it is being replaced" in failed["error"]
    assert (before["error"], after["error"]) == ("", "")
    assert after["models"] == before["models"]
    if call == "describe":
        assert failed["models"] == {}
    if call == "links":
        assert failed["links"] is None
    if call == "parts":
        assert failed["models"]["iris"]["alive"] is None


def test_an_adapters_crash_does_not_end_the_run() -> None:
    target = served()
    target.failures = {"links": ZeroDivisionError()}

    assert "ZeroDivisionError()" in watched(target, 2)[1]["error"]


def test_a_call_that_hangs_is_given_up() -> None:
    (look,) = watched(Frozen(served={"iris": 2}), 1)

    assert look["error"] == f"reading the processes took more than {LOOK_SECONDS:g} s"
    assert look["models"]["iris"]["alive"] is None


def test_a_target_that_does_not_describe_is_left_alone() -> None:
    class Silent:
        url = "silent"

    async def main() -> None:
        with anyio.fail_after(5):
            await watch_state(Silent(), ["iris"], lambda *_a, **_k: pytest.fail("an event"))  # type: ignore[arg-type]

    anyio.run(main)


def test_an_error_record_becomes_an_entry_on_the_monotonic_clock() -> None:
    remembered = ErrorRecord(
        "2026-11-21T12:00:00Z", 1012.5, "iris", "3", 77, "OOMKilled", "kernel", "512 MiB"
    )

    assert error_entry(remembered) == {
        "model": "iris", "type": "OOMKilled", "by": "kernel", "pid": 77, "at": 1012.5, "detail": "512 MiB",
    }  # fmt: skip
    events = [run(), {"kind": "errors", "at": 1020.0, "errors": [error_entry(remembered)]}]
    assert gather(events, record(events)).errors is not None
    assert "monotonic" in {field.name for field in dataclasses.fields(ErrorRecord)}


@given(st.lists(st.tuples(st.sampled_from(["iris", "other"]), st.integers(0, 6)), max_size=40))
def test_executions_are_counted_exactly(
    tmp_path_factory: pytest.TempPathFactory, given: list[tuple[str, int]]
) -> None:
    path = tmp_path_factory.mktemp("run") / "executions.log"
    path.write_text("".join(f"1.5 {model} 7 n {nonce}\n" for model, nonce in given))
    times = Counter((model, f"n {nonce}") for model, nonce in given)
    found = read_executions(path)

    assert found["counted"]
    assert found["total"] == len(given)
    assert found["models"] == dict(Counter(model for model, _nonce in given))
    assert found["repeats"] == sum(count - 1 for count in times.values())
    twice = {(model, nonce, count) for (model, nonce), count in times.items() if count > 1}
    assert {tuple(entry) for entry in found["repeated"]} == twice


def test_the_replicas_write_what_is_read_here(tmp_path: Path) -> None:
    log = ExecutionLog(tmp_path / "executions.log", "iris")
    for nonce in (b'"a b"', b'"c"', b'"a b"', b"7"):
        log.note(b'{"x": [1], "nonce": %s}' % nonce)
    found = read_executions(tmp_path / "executions.log")

    assert (found["counted"], found["models"], found["repeated"]) == (True, {"iris": 4}, [["iris", "a b", 2]])


def test_only_the_first_repetitions_are_listed_and_all_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "executions.log"
    path.write_text("".join(f"1.0 iris 7 {number % 50}\n" for number in range(150)))
    found = read_executions(path)

    assert (found["repeats"], len(found["repeated"]), found["repeated"][0]) == (100, 20, ["iris", "0", 3])


@pytest.mark.parametrize("line", ["", "1.0 iris 7", "1.0 iris 7 torn"])
def test_a_line_that_is_none_makes_the_record_damaged(line: str, tmp_path: Path) -> None:
    path = tmp_path / "executions.log"
    path.write_text("1.0 iris 7 a\n" + (line or "\n"))

    assert read_executions(path)["counted"] is False
    assert read_executions(path)["total"] == 1


def test_an_unreadable_record_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=os.strerror(2)):
        read_executions(tmp_path / "none.log")
