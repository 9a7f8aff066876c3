"""SageMaker's container API: containers of one model and of several, on stand-ins that behave and misbehave."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chaos.errors import CapabilityError, TargetError
from chaos.targets import sagemaker as module
from chaos.targets.base import Describe, Infer, Register, RegisterBatched, Scale, Target, need
from chaos.targets.context import TargetContext, UnansweredError
from chaos.targets.http import RefusedError, UnreachableError
from chaos.targets.processes import free_port
from chaos.targets.registry import open_by_url
from chaos.targets.sagemaker import Container, MultiModel, open_target
from chaos.targets.url import TargetURL
from tests.targets.adapters import Entry
from tests.targets.servers import Respond, SageMakerStandIn, StandIn, cut, hang, reply

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("short_deadlines")]


@asynccontextmanager
async def adapter(
    server: StandIn, query: str = "", record: list[Entry] | None = None, opened: bool = True
) -> AsyncIterator[Any]:
    seen = record if record is not None else []
    url = TargetURL.parse(f"sagemaker+{server.address}{query}", ["sagemaker"])
    target = open_target(url, TargetContext(record=lambda *entry: seen.append(entry)))
    try:
        if opened:
            await target.open()
        yield target
    finally:
        await target.close()


@pytest.mark.parametrize("counts", [False, True])
async def test_a_life(container: SageMakerStandIn, counts: bool) -> None:
    record: list[Entry] = []
    container.counts = counts
    async with adapter(container, record=record) as target:
        assert isinstance(target, MultiModel)
        container.tardy = 3
        await target.register("victim", "sleep", 2)
        state = await target.describe("victim")
        assert (state.ready, state.workers) == (True, 2 if counts else 1)
        assert await target.models() == ["victim"]
        container.tardy = 3
        await target.unregister("victim")
        assert container.served == {}, "it was waited for"
        await target.unregister("victim")

    assert [entry[:3] for entry in record] == [
        ("open", "", "ok"),
        ("register", "victim", "ok"),
        ("unregister", "victim", "ok"),
        ("unregister", "victim", "ok"),
    ]
    body = next(entry[3] for entry in container.seen if entry[0] == "POST")
    assert body == {"model_name": "victim", "url": "sleep"} | ({"initial_workers": 2} if counts else {})


async def test_where_packages_are(container: SageMakerStandIn) -> None:
    async with adapter(container, "?models=/opt/ml/models/") as target:
        await target.register("a", "sleep", 1)
        await target.register("b", "/elsewhere/sleep", 1)

    urls = [entry[3]["url"] for entry in container.seen if entry[0] == "POST"]
    assert urls == ["/opt/ml/models/sleep", "/elsewhere/sleep"]


async def test_what_a_container_of_one_model_lacks(container: SageMakerStandIn) -> None:
    async with adapter(container, "?multi=no") as target:
        assert isinstance(target, Container)
        assert await target.healthy()
        for capability in (Register, RegisterBatched, Scale, Describe):
            with pytest.raises(CapabilityError, match="not applicable"):
                need(target, capability)
        request = need(target, Infer).infer_request("victim", {"nonce": "{nonce}"})
        assert (request.method, request.url) == ("POST", f"{container.address}/invocations")
        assert dict(request.headers) == {"Content-Type": "application/json", "Accept": "application/json"}
        assert target.control_request("health").url == f"{container.address}/ping"
        with pytest.raises(CapabilityError, match="has no 'register'"):
            target.control_request("register", "m", 1, "sleep")


async def test_several_models_asked_of_a_container_of_one(blank: StandIn) -> None:
    blank.overrides["GET", "/ping"] = reply(200, "")
    async with adapter(blank, opened=False) as target:
        with pytest.raises(CapabilityError, match=r"no multi-model API .*answered 404.*multi=no"):
            await target.open()
    async with adapter(blank, "?multi=no") as target:
        assert await target.healthy()


async def test_names_with_anything_in_them(container: SageMakerStandIn) -> None:
    async with adapter(container) as target:
        await target.register("a/b ?", "sleep", 1)
        assert (await target.describe("a/b ?")).ready
        assert target.infer_request("a/b ?", {}).url.endswith("/models/a%2Fb%20%3F/invoke")


async def test_lists_have_pages(container: SageMakerStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    container.page = 2
    container.served = dict.fromkeys("edcba", 1)
    async with adapter(container) as target:
        assert await target.models() == list("abcde")
        monkeypatch.setattr(module, "PAGES", 5)
        endless = json.dumps({"models": [{"modelName": "a"}], "nextPageToken": "0"})
        container.overrides["GET", "/models"] = reply(200, endless)
        with pytest.raises(UnansweredError, match="does not end"):
            await target.models()


async def test_what_was_there_before_is_left_alone(container: SageMakerStandIn) -> None:
    container.served["victim"] = 1
    record: list[Entry] = []
    async with adapter(container, record=record) as target:
        with pytest.raises(RefusedError, match="the name is taken"):
            await target.register("victim", "sleep", 1)
        await target.unregister("victim")

        assert await target.models() == ["victim"]
        await target.register("ours", "sleep", 1)
        with pytest.raises(RefusedError):
            await target.register("ours", "sleep", 1)
        await target.unregister("ours")
        assert await target.models() == ["victim"]
    assert [entry[:3] for entry in record[:2]] == [("open", "", "ok"), ("register", "victim", "fail")]


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, {"message": "Model not found at: sleep"}, "models=DIR"),
        (405, {}, "multi=no"),
        (507, {"message": "no memory left"}, "no memory left (the container has no room"),
        (500, {"message": "its model_fn raised"}, "answered 500: its model_fn raised"),
    ],
)
async def test_refusals(container: SageMakerStandIn, status: int, body: dict[str, str], said: str) -> None:
    container.overrides["POST", "/models"] = reply(status, json.dumps(body))
    record: list[Entry] = []
    async with adapter(container, record=record) as target:
        with pytest.raises(RefusedError, match=re.escape(said)):
            await target.register("victim", "sleep", 1)
    assert record[-1][2] == "fail"


@pytest.mark.parametrize("respond", [cut, hang])
async def test_no_answer_is_unknown(
    container: SageMakerStandIn, respond: Respond, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "chaos.targets.http.ControlClient.call.__kwdefaults__", {"params": None, "body": None, "seconds": 0.3}
    )
    container.overrides["POST", "/models"] = respond
    record: list[Entry] = []
    async with adapter(container, record=record) as target:
        with pytest.raises(UnansweredError):
            await target.register("victim", "sleep", 1)
        container.served["victim"] = 1  # it may have taken effect, so it is removed as well
        await target.unregister("victim")
        assert await target.models() == []
    assert record[1][2] == "info"


async def test_workers_that_never_get_ready(container: SageMakerStandIn) -> None:
    container.counts, container.tardy = True, 10**6
    record: list[Entry] = []
    async with adapter(container, record=record) as target:
        with pytest.raises(UnansweredError, match="0 of 2 workers are ready"):
            await target.register("victim", "sleep", 2)
        with pytest.raises(UnansweredError, match="still described"):
            await target.unregister("victim")
    assert [entry[2] for entry in record[1:]] == ["info", "info"]


async def test_describing_what_is_not_there(container: SageMakerStandIn) -> None:
    async with adapter(container) as target:
        with pytest.raises(TargetError, match="is it loaded"):
            await target.describe("nix")


@pytest.mark.parametrize(
    ("path", "respond", "said"),
    [
        ("/ping", reply(404, "{}"), "SageMaker container"),
        ("/ping", hang, "no answer within 0.5 s"),
        ("/models", reply(200, "{}"), "no list of models"),
        ("/models", reply(200, "pong"), "not JSON"),
        ("/models", reply(503, "{}"), "answered 503"),
    ],
)
async def test_addresses_that_are_wrong(
    container: SageMakerStandIn, path: str, respond: Respond, said: str
) -> None:
    container.overrides["GET", path] = respond
    async with adapter(container, opened=False) as target:
        with pytest.raises(TargetError, match=said):
            await target.open()


async def test_nobody_there() -> None:
    nobody = StandIn()
    nobody.port = free_port()
    async with adapter(nobody, opened=False) as target:
        with pytest.raises(UnreachableError, match="is the server running"):
            await target.open()
        assert not await target.healthy()


@pytest.mark.parametrize(
    ("respond", "healthy"),
    [
        (reply(200, ""), True),
        (reply(200, "anything"), True),
        (reply(503, ""), False),
        (cut, False),
        (hang, False),
    ],
)
async def test_health_is_the_status(container: SageMakerStandIn, respond: Respond, healthy: bool) -> None:
    async with adapter(container) as target:
        container.overrides["GET", "/ping"] = respond

        assert await target.healthy() is healthy


async def test_one_that_is_not_well_can_be_opened(container: SageMakerStandIn) -> None:
    container.overrides["GET", "/ping"] = reply(503, "loading")
    async with adapter(container) as target:
        assert not await target.healthy()


async def test_its_control_plane_on_the_wire(container: SageMakerStandIn) -> None:
    container.counts = True
    async with adapter(container) as target:
        register = target.control_request("register", "grün/1", 3, "sleep")
        assert (register.method, register.url) == ("POST", f"{container.address}/models")
        assert json.loads(register.body) == {"model_name": "grün/1", "url": "sleep", "initial_workers": 3}
        assert ("Content-Type", "application/json") in register.headers
        assert target.control_request("unregister", "m").method == "DELETE"
        assert target.control_request("list").url == f"{container.address}/models"
        for operation in ("scale", "load", "api_description"):
            with pytest.raises(CapabilityError, match=f"has no '{operation}'"):
                target.control_request(operation, "m", 2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sagemaker", "needs an address"),
        ("sagemaker+http://127.0.0.1:1?multi=maybe", "yes or no"),
        ("sagemaker+http://127.0.0.1:1?multi=no&management=2", "no option 'management'"),
        ("sagemaker+http://127.0.0.1:1?store=x", "has no option 'store'"),
        ("sagemaker+http://127.0.0.1:1?verify=maybe", "true or false"),
        ("sagemaker+http://127.0.0.1:1?management=99999999", "no port"),
    ],
)
def test_urls_that_are_wrong(text: str, said: str) -> None:
    with pytest.raises(TargetError, match=said):
        open_by_url(text)


def test_processes_are_read_on_this_machine_only() -> None:
    from chaos.targets.base import Processes

    def of(host: str, query: str = "") -> Target:
        return open_by_url(f"sagemaker+http://{host}:1{query}", allow=[host])

    for query in ("", "?multi=no", "?management=2"):
        assert isinstance(of("127.0.0.1", query), Processes)
        assert not isinstance(of("serving.test", query), Processes)
