from __future__ import annotations

import json
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from chaos.errors import CapabilityError, TargetError
from chaos.targets.context import TargetContext, UnansweredError
from chaos.targets.http import RefusedError, UnreachableError
from chaos.targets.oip import OIP
from chaos.targets.url import TargetURL
from tests.targets.servers import Respond, StandIn, TritonStandIn, cut, hang, reply

pytestmark = pytest.mark.usefixtures("short_deadlines")

Entry = tuple[str, str, str, float, float, str]


def _adapter(address: str, query: str = "", record: list[Entry] | None = None) -> OIP:
    seen = record if record is not None else []
    url = TargetURL.parse(f"oip+{address}{query}", ["oip"])
    return OIP(url, TargetContext(record=lambda *entry: seen.append(entry)))


@asynccontextmanager
async def opened(server: StandIn, record: list[Entry] | None = None) -> AsyncIterator[OIP]:
    target = _adapter(server.address, record=record)
    try:
        await target.open()
        yield target
    finally:
        await target.close()


@pytest.mark.anyio
async def test_a_life(triton: TritonStandIn) -> None:
    record: list[Entry] = []
    async with opened(triton, record) as target:
        assert await target.models() == []
        await target.register("victim", "sleep", 2)
        state = await target.describe("victim")
        assert (state.ready, state.workers, state.desired) == (True, 3, 3)
        assert await target.models() == ["victim"]
        assert await target.healthy()

        triton.draining = 3
        await target.unregister("victim")
        assert triton.repository["victim"] == "UNAVAILABLE", "it waited until the server was done"
        assert (await target.describe("victim")).ready is False
        assert await target.models() == []

    assert [entry[:3] for entry in record] == [
        ("open", "", "ok"),
        ("register", "victim", "ok"),
        ("unregister", "victim", "ok"),
    ]
    assert [body for _, path, _, body in triton.seen if path.endswith("/load")] == [{}]


@pytest.mark.anyio
async def test_the_embedded_platform_is_told_the_package(triton: TritonStandIn) -> None:
    triton.name = "chaos-embedded"
    async with opened(triton) as target:
        await target.register("victim", "sleep", 2)

    bodies = [body for _, path, _, body in triton.seen if path.endswith("/load")]
    assert bodies == [{"parameters": {"package": "sleep", "workers": 2}}]


@pytest.mark.anyio
async def test_triton_loads_a_model_again_with_its_batches(triton: TritonStandIn) -> None:
    async with opened(triton) as target:
        await target.register_batched("victim", "sleep", 2, 8, 0.05)
        sent = json.loads(target.infer_request("victim", {}).body)
        assert sent["inputs"][0]["shape"] == [1, 1], "the first is of how many inferences it has"
        await target.unregister("victim")
        sent = json.loads(target.infer_request("victim", {}).body)
        assert sent["inputs"][0]["shape"] == [1]

    first, second = (body for _, path, _, body in triton.seen if path.endswith("/load"))
    assert first == {}
    config = json.loads(second["parameters"]["config"])
    assert config["instance_group"] == [{"count": 2}, {"count": 1}], "what the repository says, and"
    assert config["max_batch_size"] == 8
    assert config["dynamic_batching"]["max_queue_delay_microseconds"] == 50_000


@pytest.mark.anyio
async def test_the_embedded_platform_is_told_the_batches(triton: TritonStandIn) -> None:
    triton.name = "chaos-embedded"
    async with opened(triton) as target:
        await target.register_batched("victim", "sleep", 2, 8, 0.05)

    (body,) = (body for _, path, _, body in triton.seen if path.endswith("/load"))
    assert body["parameters"] == {"package": "sleep", "workers": 2, "batch_size": 8, "max_batch_delay": 50}


@pytest.mark.anyio
async def test_of_another_server_no_batches_are_known(triton: TritonStandIn) -> None:
    triton.name = "mlserver"
    async with opened(triton) as target:
        with pytest.raises(CapabilityError, match="the protocol knows no batches"):
            await target.register_batched("victim", "sleep", 2, 8, 0.05)
        assert await target.models() == []


@pytest.mark.anyio
async def test_a_configuration_that_is_none(triton: TritonStandIn) -> None:
    triton.overrides["GET", "/v2/models/victim/config"] = reply(200, "[]")
    async with opened(triton) as target:
        with pytest.raises(UnansweredError, match="its configuration is none"):
            await target.register_batched("victim", "sleep", 2, 8, 0.05)


@pytest.mark.anyio
async def test_without_an_index(triton: TritonStandIn) -> None:
    triton.has_index = False
    async with opened(triton) as target:
        await target.register("victim", "sleep", 1)
        assert await target.models() == ["victim"]
        assert (await target.describe("victim")).ready
        await target.unregister("victim")
        with pytest.raises(TargetError, match="does not know a model 'victim'"):
            await target.describe("victim")


@pytest.mark.anyio
async def test_what_was_there_before_is_left_alone(triton: TritonStandIn) -> None:
    triton.repository["victim"] = "READY"
    async with opened(triton) as target:
        with pytest.raises(TargetError, match="serves a model of that name already"):
            await target.register("victim", "sleep", 1)
        await target.unregister("victim")

        assert await target.models() == ["victim"]


@pytest.mark.anyio
async def test_a_model_that_is_not_in_the_repository(triton: TritonStandIn) -> None:
    record: list[Entry] = []
    async with opened(triton, record) as target:
        with pytest.raises(RefusedError, match=r"failed to load 'nix'.*must be in the server's repository"):
            await target.register("nix", "sleep", 1)
        await target.unregister("nix")
        with pytest.raises(TargetError, match="does not know a model 'nix'"):
            await target.describe("nix")
    assert [entry[2] for entry in record] == ["ok", "fail", "ok"]


@pytest.mark.anyio
async def test_a_model_that_never_gets_ready(triton: TritonStandIn) -> None:
    triton.overrides["POST", "/v2/repository/models/victim/load"] = reply(200, "")
    record: list[Entry] = []
    async with opened(triton, record) as target:
        with pytest.raises(UnansweredError, match="after 1 s the model is not ready"):
            await target.register("victim", "sleep", 1)
    assert record[-1][2] == "info"


@pytest.mark.anyio
async def test_a_model_that_never_goes(triton: TritonStandIn) -> None:
    triton.draining = 10**6
    async with opened(triton) as target:
        await target.register("victim", "sleep", 1)
        with pytest.raises(UnansweredError, match=r"after 0\.5 s the model is still being unloaded"):
            await target.unregister("victim")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("path", "respond", "said"),
    [
        ("/v2/repository/index", reply(200, "{}"), "no index of models"),
        ("/v2/repository/index", reply(200, "[1]"), "no index of models"),
        ("/v2/repository/index", reply(200, "what?"), "not JSON"),
        ("/v2/repository/index", reply(503, '{"error": "shutting down"}'), "shutting down"),
        ("/v2/repository/index", cut, "cut before"),
    ],
)
async def test_an_index_that_is_none(triton: TritonStandIn, path: str, respond: Respond, said: str) -> None:
    async with opened(triton) as target:
        triton.overrides["POST", path] = respond
        with pytest.raises(TargetError, match=said):
            await target.models()


@pytest.mark.anyio
@pytest.mark.parametrize("text", ["{}", '{"models": 1}', "[]"])
async def test_a_list_that_is_none(triton: TritonStandIn, text: str) -> None:
    triton.has_index = False
    triton.overrides["GET", "/v2/models"] = reply(200, text)
    async with opened(triton) as target:
        with pytest.raises(UnansweredError, match="no list of models"):
            await target.models()


@pytest.mark.anyio
async def test_readiness_in_a_body(triton: TritonStandIn) -> None:
    triton.overrides["GET", "/v2/models/victim/ready"] = reply(200, '{"name": "victim", "ready": false}')
    async with opened(triton) as target:
        assert not (await target.describe("victim")).ready


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("respond", "said"),
    [
        (reply(404, "{}"), "Open Inference Protocol"),
        (reply(200, "[]"), "Open Inference Protocol"),
        (reply(200, "<html>"), "not JSON"),
        (hang, "no answer within"),
    ],
)
async def test_servers_of_another_kind(triton: TritonStandIn, respond: Respond, said: str) -> None:
    triton.overrides["GET", "/v2"] = respond
    target = _adapter(triton.address)
    with pytest.raises(TargetError, match=said):
        await target.open()
    await target.close()


@pytest.mark.anyio
@pytest.mark.parametrize("respond", [reply(400, ""), cut, hang])
async def test_not_healthy(triton: TritonStandIn, respond: Respond) -> None:
    async with opened(triton) as target:
        triton.overrides["GET", "/v2/health/ready"] = respond

        assert not await target.healthy()


@pytest.mark.anyio
@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
async def test_certificates_are_checked_unless_told_otherwise(tmp_path: Path) -> None:
    key, certificate = str(tmp_path / "key"), str(tmp_path / "certificate")
    make = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    await anyio.run_process(["openssl", *make.split(), "-keyout", key, "-out", certificate])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    async with TritonStandIn().serving(context) as server:
        address = f"https://127.0.0.1:{server.port}"
        strict, lax = _adapter(address), _adapter(address, "?verify=false")
        try:
            with pytest.raises(UnreachableError, match=r"certificate is not trusted.*verify=false"):
                await strict.open()
            await lax.open()
        finally:
            await strict.close()
            await lax.close()
    assert strict.infer_request("m", {}).verify_tls
    assert not lax.infer_request("m", {}).verify_tls


def test_requests_that_load_and_unload() -> None:
    target = _adapter("http://127.0.0.1:1", "?token=secret")
    for operation in ("load", "unload"):
        request = target.control_request(operation, "a/b")
        assert (request.method, request.body) == ("POST", b"{}")
        assert request.url == f"http://127.0.0.1:1/v2/repository/models/a%2Fb/{operation}"
        assert ("Authorization", "Bearer secret") in request.headers
    with pytest.raises(CapabilityError, match="has no 'scale'"):
        target.control_request("scale", "a/b", 2)


def test_a_token_is_sent_and_not_shown() -> None:
    target = _adapter("http://127.0.0.1:1", "?token=abc")

    assert dict(target.infer_request("m", {}).headers)["Authorization"] == "Bearer abc"
    assert "abc" not in target.url
