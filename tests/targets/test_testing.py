from __future__ import annotations

from dataclasses import replace

import pytest

from chaos.errors import CapabilityError, TargetError
from chaos.targets.base import (
    ControlRequests,
    Describe,
    Errors,
    Infer,
    Parts,
    Processes,
    Register,
    Scale,
    Target,
    need,
)
from chaos.targets.records import ErrorRecord, ModelState, Part
from chaos.targets.testing import ContractError, FakeTarget, ValidatingTarget
from chaos.traffic.spec import HttpRequest

pytestmark = pytest.mark.anyio


ERROR = ErrorRecord("2026-01-01T00:00:00Z", 1.0, "m", "9000", 7, "Killed", "", "signal 9")


class Broken(FakeTarget):
    """Keeps none of its promises."""

    async def models(self) -> list[str]:
        return ["b", "a", "a"]

    async def describe(self, model: str) -> ModelState:
        return ModelState("other", False, -1, 2, (0,))

    async def scale(self, model: str, workers: int) -> None:
        raise KeyError(model)

    def pids(self) -> list[int]:
        return [0]

    async def healthy(self) -> bool:
        return 1  # type: ignore[return-value]


class Bare:
    """A target without capabilities."""

    url = "bare"

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def healthy(self) -> bool:
        return True


async def test_the_fake_has_every_capability_and_records() -> None:
    target = FakeTarget(processes=[7])
    for capability in (Target, Infer, Register, Scale, ControlRequests, Describe, Processes, Parts, Errors):
        assert isinstance(target, capability)
    await target.open()
    await target.register("m", "sleep", 2)

    assert target.calls == [("open",), ("register", "m", "sleep", 2)]
    assert target.pids() == [7]


async def test_scripted_parts_and_errors() -> None:
    target = ValidatingTarget(FakeTarget(members=[Part("replica", 7, 1.0, "m")], history=[ERROR]))
    await target.open()

    assert await need(target, Parts).parts() == [Part("replica", 7, 1.0, "m")]
    assert await need(target, Errors).errors("m") == [ERROR]
    assert await need(target, Errors).errors("other") == []


async def test_scripted_failures_have_no_effect() -> None:
    target = FakeTarget(failures={"register": TargetError("no")})
    with pytest.raises(TargetError, match="no"):
        await target.register("m", "sleep", 2)

    assert target.served == {}


async def test_all_problems_are_listed() -> None:
    target = ValidatingTarget(Broken())
    await target.open()
    with pytest.raises(ContractError) as names:
        await need(target, Describe).models()
    with pytest.raises(ContractError) as state:
        await need(target, Describe).describe("m")

    assert len(names.value.problems) == 2, "not sorted, and one twice"
    assert len(state.value.problems) == 3
    assert "'other', not 'm'" in str(state.value)
    with pytest.raises(ContractError, match="not a list of pids"):
        need(target, Processes).pids()
    with pytest.raises(ContractError, match="not a bool"):
        await target.healthy()
    with pytest.raises(ContractError, match="KeyError"):
        await need(target, Scale).scale("m", 1)


async def test_nothing_before_open_or_after_close() -> None:
    target = ValidatingTarget(FakeTarget())
    with pytest.raises(ContractError, match="before open"):
        await target.healthy()
    with pytest.raises(ContractError, match="before open"):
        need(target, Infer).infer_request("m", {})
    await target.open()
    with pytest.raises(ContractError, match="open already"):
        await target.open()
    assert await target.healthy()
    await target.close()
    with pytest.raises(ContractError, match="after close"):
        await need(target, Describe).models()


async def test_the_wrapper_has_the_capabilities_of_the_wrapped() -> None:
    target = ValidatingTarget(Bare())

    assert isinstance(target, Target)
    with pytest.raises(CapabilityError):
        need(target, Infer)
    with pytest.raises(ContractError, match="lacks a part"):
        ValidatingTarget(object())  # type: ignore[arg-type]


async def test_errors_of_the_target_pass_through() -> None:
    target = ValidatingTarget(FakeTarget())
    await target.open()
    with pytest.raises(TargetError, match="there is no model"):
        await need(target, Describe).describe("m")


@pytest.mark.parametrize(
    ("call", "answer", "problems"),
    [
        ("models", ["a", 1], 1),
        ("models", None, 1),
        ("describe", {"name": "m"}, 1),
        ("describe", ModelState("m", False, 1, 1), 1),
        ("register", "done", 1),
        ("infer_request", "http://host", 1),
        ("infer_request", HttpRequest("/m", body="text"), 2),  # type: ignore[arg-type]
        ("pids", (1,), 1),
        ("parts", (Part("manager", 1, 1.0),), 1),
        ("parts", [Part("manager", 1, 1.0), Part("proxy", 1, 1.0)], 1),
        ("parts", [Part("replica", 0, 1.0, "m"), Part("proxy", 2, 1.0, "m")], 2),
        ("errors", [{"model": "m"}], 1),
        ("errors", [ERROR, replace(ERROR, model="other", monotonic=2.0)], 2),
    ],
)
async def test_answers_of_the_wrong_kind(call: str, answer: object, problems: int) -> None:
    everything: dict[str, tuple[object, ...]] = {
        "describe": ("m",),
        "register": ("m", "sleep", 1),
        "infer_request": ("m", {}),
        "errors": ("m",),
    }
    target = FakeTarget()
    synchronous = call in ("pids", "infer_request")

    async def later(*_: object) -> object:
        return answer

    setattr(target, call, (lambda *_: answer) if synchronous else later)
    validated = ValidatingTarget(target)
    await validated.open()

    async def invoke() -> None:
        result = getattr(validated, call)(*everything.get(call, ()))
        if not synchronous:
            await result

    with pytest.raises(ContractError) as caught:
        await invoke()

    assert len(caught.value.problems) == problems
