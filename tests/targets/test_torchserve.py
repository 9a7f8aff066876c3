from __future__ import annotations

import json
import re

import pytest

from chaos.errors import CapabilityError, TargetError
from chaos.targets import torchserve as module
from chaos.targets.context import UnansweredError
from chaos.targets.http import RefusedError, UnreachableError
from chaos.targets.processes import free_port
from tests.targets.adapters import Entry, adapter
from tests.targets.servers import Respond, StandIn, TorchServeStandIn, cut, hang, reply

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("short_deadlines")]


async def test_a_life(torchserve: TorchServeStandIn) -> None:
    record: list[Entry] = []
    async with adapter(torchserve, record=record) as target:
        torchserve.tardy = 3
        await target.register("victim", "sleep", 2)
        state = await target.describe("victim")
        assert (state.name, state.ready, state.workers, state.desired) == ("victim", True, 2, 2)
        await target.scale("victim", 3)
        assert (await target.describe("victim")).workers == 3
        assert await target.models() == ["victim"]
        await target.unregister("victim")
        await target.unregister("victim")
        assert await target.models() == []

    assert [entry[:3] for entry in record] == [
        ("open", "", "ok"),
        ("register", "victim", "ok"),
        ("scale", "victim", "ok"),
        ("unregister", "victim", "ok"),
        ("unregister", "victim", "ok"),
    ]
    assert all(start <= end for _, _, _, start, end, _ in record)
    register = next(entry for entry in torchserve.seen if entry[0] == "POST")
    assert register[2] == {
        "url": "sleep.mar",
        "model_name": "victim",
        "initial_workers": "2",
        "synchronous": "true",
    }


async def test_batches_in_its_words(torchserve: TorchServeStandIn) -> None:
    async with adapter(torchserve) as target:
        await target.register_batched("victim", "sleep", 2, 8, 0.05)

    (query,) = (entry[2] for entry in torchserve.seen if entry[0] == "POST")
    assert (query["batch_size"], query["max_batch_delay"], query["initial_workers"]) == ("8", "50", "2")


@pytest.mark.parametrize(("query", "sent"), [("", "sleep.mar"), ("&store=plain", "sleep")])
async def test_names_of_archives(torchserve: TorchServeStandIn, query: str, sent: str) -> None:
    async with adapter(torchserve, query) as target:
        await target.register("a", "sleep", 1)
        await target.register("b", sent, 1)

    assert [entry[2]["url"] for entry in torchserve.seen if entry[0] == "POST"] == [sent, sent]


async def test_names_with_anything_in_them(torchserve: TorchServeStandIn) -> None:
    async with adapter(torchserve) as target:
        await target.register("a/b ?", "sleep", 1)

        assert torchserve.served == {"a/b ?": 1}
        assert (await target.describe("a/b ?")).ready
        assert target.infer_request("a/b ?", {}).url.endswith("/predictions/a%2Fb%20%3F")


async def test_lists_have_pages(torchserve: TorchServeStandIn) -> None:
    torchserve.page = 2
    torchserve.served = dict.fromkeys("edcba", 1)
    async with adapter(torchserve) as target:
        assert await target.models() == list("abcde")


async def test_a_list_without_end(torchserve: TorchServeStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGES", 5)
    endless = json.dumps({"models": [{"modelName": "a"}], "nextPageToken": "0"})
    torchserve.overrides["GET", "/models"] = reply(200, endless)
    async with adapter(torchserve) as target:
        with pytest.raises(UnansweredError, match="does not end"):
            await target.models()


@pytest.mark.parametrize("models", ["[{}]", "[1]", "null", '{"modelName": "m"}'])
async def test_lists_that_are_none(torchserve: TorchServeStandIn, models: str) -> None:
    torchserve.overrides["GET", "/models"] = reply(200, f'{{"models": {models}}}')
    async with adapter(torchserve) as target:
        with pytest.raises(UnansweredError, match="is no list of models"):
            await target.models()


async def test_what_was_there_before_is_left_alone(torchserve: TorchServeStandIn) -> None:
    torchserve.served["victim"] = 1
    record: list[Entry] = []
    async with adapter(torchserve, record=record) as target:
        with pytest.raises(RefusedError, match="the name is taken"):
            await target.register("victim", "sleep", 1)
        await target.unregister("victim")

        assert await target.models() == ["victim"]
    assert [entry[:3] for entry in record] == [("open", "", "ok"), ("register", "victim", "fail")]


async def test_our_own_is_removed_though_asked_for_twice(torchserve: TorchServeStandIn) -> None:
    async with adapter(torchserve) as target:
        await target.register("victim", "sleep", 1)
        with pytest.raises(RefusedError):
            await target.register("victim", "sleep", 1)
        await target.unregister("victim")

        assert await target.models() == []


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, {"message": "Model not found at: sleep.mar"}, "model store"),
        (405, {"message": "Model API disabled"}, "--enable-model-api"),
        (503, {"message": "no worker"}, "answered 503: no worker"),
        (400, {"type": "InvalidKeyException", "message": "Token Authorization failed"}, "management_token"),
    ],
)
async def test_refusals(torchserve: TorchServeStandIn, status: int, body: dict[str, str], said: str) -> None:
    torchserve.overrides["POST", "/models"] = reply(status, json.dumps(body))
    record: list[Entry] = []
    async with adapter(torchserve, record=record) as target:
        with pytest.raises(RefusedError, match=re.escape(said)):
            await target.register("victim", "sleep", 1)
    assert record[-1][2] == "fail"


@pytest.mark.parametrize("respond", [cut, hang])
async def test_no_answer_is_unknown(
    torchserve: TorchServeStandIn, respond: Respond, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "chaos.targets.http.ControlClient.call.__kwdefaults__", {"params": None, "body": None, "seconds": 0.3}
    )
    torchserve.overrides["POST", "/models"] = respond
    record: list[Entry] = []
    async with adapter(torchserve, record=record) as target:
        with pytest.raises(UnansweredError):
            await target.register("victim", "sleep", 1)
        # it may have taken effect, so it is removed as well
        torchserve.served["victim"] = 1
        await target.unregister("victim")
        assert await target.models() == []
    assert record[1][2] == "info"


async def test_workers_that_never_get_ready(torchserve: TorchServeStandIn) -> None:
    torchserve.tardy = 10**6
    record: list[Entry] = []
    async with adapter(torchserve, record=record) as target:
        with pytest.raises(UnansweredError, match="0 of 2 workers are ready, not 2"):
            await target.register("victim", "sleep", 2)
    assert record[-1][2] == "info"


async def test_describing_what_is_not_there(torchserve: TorchServeStandIn) -> None:
    async with adapter(torchserve) as target:
        with pytest.raises(TargetError, match="Model not found: nix"):
            await target.describe("nix")
        with pytest.raises(TargetError, match="Model not found: nix"):
            await target.scale("nix", 1)


@pytest.mark.parametrize(
    "text", ["[]", "{}", '[{"modelName": "m"}]', '[{"modelName":"m","minWorkers":1,"workers":[1]}]']
)
async def test_descriptions_that_are_none(torchserve: TorchServeStandIn, text: str) -> None:
    torchserve.overrides["GET", "/models/m"] = reply(200, text)
    async with adapter(torchserve) as target:
        with pytest.raises(UnansweredError, match="does not describe a model"):
            await target.describe("m")


@pytest.mark.parametrize(
    ("path", "respond", "said"),
    [
        ("/ping", reply(200, "pong"), "not JSON"),
        ("/ping", reply(404, '{"message": "no such path"}'), "inference address"),
        ("/ping", reply(400, '{"message": "Token Authorization failed."}'), "option"),
        ("/ping", hang, "no answer within 0.5 s"),
        ("/models", reply(200, "{}"), "management=PORT"),
        ("/models", reply(404, '{"message": "Requested resource is not found"}'), "404"),
        ("/metrics", reply(404, "{}"), "metrics=PORT"),
    ],
)
async def test_addresses_that_are_wrong(
    torchserve: TorchServeStandIn, path: str, respond: Respond, said: str
) -> None:
    torchserve.overrides["GET", path] = respond
    async with adapter(torchserve, f"&metrics={torchserve.port}", opened=False) as target:
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
        (reply(200, '{"status": "Healthy"}'), True),
        (reply(500, '{"status": "Unhealthy"}'), False),
        (reply(200, "yes"), False),
        (cut, False),
        (hang, False),
    ],
)
async def test_health(torchserve: TorchServeStandIn, respond: Respond, healthy: bool) -> None:
    async with adapter(torchserve) as target:
        torchserve.overrides["GET", "/ping"] = respond

        assert await target.healthy() is healthy


async def test_an_unhealthy_server_can_be_opened(torchserve: TorchServeStandIn) -> None:
    torchserve.overrides["GET", "/ping"] = reply(500, '{"status": "Unhealthy"}')
    async with adapter(torchserve) as target:
        assert not await target.healthy()


async def test_a_request_that_scales(torchserve: TorchServeStandIn) -> None:
    async with adapter(torchserve, "&management_token=secret", opened=False) as target:
        request = target.control_request("scale", "grün/1", 3)

        assert request.method == "PUT"
        assert request.headers == (("Authorization", "Bearer secret"),)
        assert request.url == (
            f"{torchserve.address}/models/gr%C3%BCn%2F1?min_worker=3&max_worker=3&synchronous=true"
        )
        with pytest.raises(CapabilityError, match="has no 'load'"):
            target.control_request("load", "victim")


async def test_inference_requests(torchserve: TorchServeStandIn) -> None:
    async with adapter(torchserve, "&token=abc&management_token=def") as target:
        request = target.infer_request("victim", {"sleep_ms": 2, "nonce": "{nonce}"})

        assert "abc" not in target.url
    assert request.url == f"{torchserve.address}/predictions/victim"
    assert json.loads(request.body) == {"sleep_ms": 2, "nonce": "{nonce}"}
    assert dict(request.headers) == {"Content-Type": "application/json", "Authorization": "Bearer abc"}
    sent = [headers.get("Authorization") for headers in torchserve.headers]
    assert sent == ["Bearer abc", "Bearer def"]
