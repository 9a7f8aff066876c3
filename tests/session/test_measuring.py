"""What an experiment may ask to have measured, and what a run does with it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from chaos.cells.bench import Bench
from chaos.cells.measuring import PROCEDURES
from chaos.errors import CapabilityError, ChaosError, DocumentError
from chaos.session.measuring import Measuring, Request, requested
from chaos.session.plan import Plan, make_plan
from chaos.session.system import System
from chaos.sla.documents import ProbeDocument
from chaos.targets.base import Target
from chaos.targets.testing import FakeTarget

pytestmark = pytest.mark.anyio

WANTED = Request("C", ("inference", "handlers"), {"rate": 20.0})


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("C", "", {}), ("C", ("inference", "batch_inference", "handlers"))),
        (("isolation", "handlers", {}), ("C", ("handlers",))),
        (("linear scaling", "", {}), ("D", ("scale", "unregister"))),
        (("linear_scaling", ["scale"], {}), ("D", ("scale",))),
        (("grace", "", {}), ("H", ("scale", "unregister"))),
        (("E", " inference,health ", {}), ("E", ("health", "inference"))),
    ],
)
def test_a_property_is_named_by_its_name_or_code(arguments: Any, wanted: Any) -> None:
    found = requested(*arguments)

    assert (found.code, found.apis) == wanted


def test_settings_may_be_text_and_a_blank_one_is_the_default() -> None:
    assert requested("C", "inference", {"rate": "20", "seconds": "", "workers": 2}).given == {
        "rate": 20.0,
        "workers": 2.0,
    }


@pytest.mark.parametrize("value", ["fast", "nan", "inf", [1]])
def test_a_setting_is_a_finite_number(value: object) -> None:
    with pytest.raises(DocumentError, match="no finite number"):
        requested("C", "", {"rate": value})


class Patient:
    """A procedure that takes its time, and cleans up after itself."""

    code = "C"
    together = False
    defaults: Mapping[str, float] = {"rate": 1.0}

    def __init__(self) -> None:
        self.begun = anyio.Event()
        self.cleaned = 0

    async def measure(self, bench: Bench, apis: Sequence[str]) -> None:
        self.begun.set()
        try:
            async with bench.serving("sleep", label=apis[0]):
                await anyio.sleep(bench.settings["rate"] / 100)
        finally:
            self.cleaned += 1


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> Patient:
    procedure = Patient()
    monkeypatch.setitem(PROCEDURES, "C", procedure)
    return procedure


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Of a run on somebody's server."""
    probe = tmp_path / "list.json"
    reads = {"name": "list", "api": "list", "schedule": {"rate": 1}}
    probe.write_text(json.dumps({**reads, "objectives": [{"sli": "availability", "at_least": 1}]}))
    arguments = {"target": "torchserve+http://127.0.0.1:8080", "probes": [str(probe)]}
    return make_plan(arguments, "t", str(tmp_path / "e.json"), [])


class Told:
    """What a measurement says, to the history and to the ledger."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.phases: list[str] = []
        self.owed: list[str] = []

    def emit(self, kind: str, at: float | None = None, **values: Any) -> None:
        self.events.append((kind, values))

    def owe(self, by: str, touches: Sequence[str], undo: Mapping[str, Any]) -> Any:
        self.owed.append(f"{by} {undo['tag']}")
        return lambda: self.owed.append(f"settled {undo['tag']}")

    def outcomes(self) -> list[str]:
        return [
            values["outcome"] for kind, values in self.events if kind == "cell" and values["event"] == "end"
        ]


async def test_cells_are_measured_in_the_phase_of_the_fault_and_what_they_make_is_owed(
    patient: Patient, plan: Plan
) -> None:
    told, target = Told(), FakeTarget()
    measuring = Measuring(plan, told.owe, told.emit, told.phases.append)

    assert await measuring.measure(target, WANTED, 5) is False

    assert told.phases == ["fault", "recovery"]
    assert told.outcomes() == ["measured", "measured"]
    assert measuring.count == 1
    names = [call[1] for call in target.calls if call[0] == "register"]
    (owed, settled) = told.owed
    tag = owed.split()[1]
    assert owed.startswith("chaos.session.leftovers:Models")
    assert settled == f"settled {tag}"
    assert all(tag in name for name in names), "or nobody could find them after a kill"
    assert target.served == {}


async def test_a_measurement_is_cut_short_and_cleans_up(patient: Patient, plan: Plan) -> None:
    told, target, cut = Told(), FakeTarget(), []
    measuring = Measuring(plan, told.owe, told.emit, told.phases.append)

    async def measure() -> None:
        cut.append(await measuring.measure(target, Request("C", ("inference", "handlers"), {"rate": 1e6}), 5))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(measure)
        await patient.begun.wait()
        with pytest.raises(ChaosError, match="already"):
            await measuring.measure(target, WANTED, 5)
        quiet = measuring.unless_busy(told.emit)
        quiet("state")
        assert await measuring.end() == 1

    assert cut == [True]
    assert patient.cleaned == 1
    assert target.served == {}
    assert told.outcomes() == ["broken"]
    assert told.phases == ["fault", "recovery"]
    assert not any(kind == "state" for kind, _ in told.events)
    assert await measuring.end() == 0
    assert measuring.cut_short() is False
    quiet("state")
    assert told.events[-1][0] == "state"


def probe(**fields: Any) -> ProbeDocument:
    rest = {"name": "p", "schedule": {"rate": 5}, "objectives": [{"sli": "availability", "at_least": 0.9}]}
    return ProbeDocument.model_validate({**rest, **fields})


def test_a_probe_sends_what_its_api_asks_for() -> None:
    target = FakeTarget()
    system = System(target)

    taken = {"api": "register", "model": "m", "package": "sleep", "expect_status": [409]}
    assert system.request(probe(**taken)).expect == (409,)
    assert target.calls[-1] == ("control_request", "register", "m", 0, "sleep")
    system.request(probe(api="scale", model="m", workers=3))
    assert target.calls[-1] == ("control_request", "scale", "m", 3, "")
    system.request(probe(api="health"))
    assert target.calls[-1] == ("control_request", "health", "", 0, "")
    assert system.request(probe(api="handlers", model="m", payload=7)).body == b"7"


def test_a_canary_of_a_change_needs_a_control_plane_that_refuses() -> None:
    class Repository:
        """What a server is that loads and unloads."""

        url = "oip://x"
        healthy = open = close = None

        def control_request(
            self, operation: str, model: str = "", workers: int = 0, package: str = ""
        ) -> Any:
            raise AssertionError("it would load it again")

    system = System(Repository())  # type: ignore[arg-type]

    with pytest.raises(CapabilityError, match="'scale'"):
        system.request(probe(api="register", model="m", package="sleep", expect_status=[409]))
    assert isinstance(FakeTarget(), Target)
