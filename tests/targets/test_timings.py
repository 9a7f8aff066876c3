"""What targets tell of waiting and service: TorchServe's metrics, Triton's statistics, and answers that are neither."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from chaos.errors import CapabilityError
from chaos.targets.base import Timings, need
from chaos.targets.context import TargetContext, UnansweredError
from chaos.targets.oip import OIP
from chaos.targets.records import Told
from chaos.targets.testing import ContractError, FakeTarget, ValidatingTarget
from chaos.targets.torchserve import TorchServe
from chaos.targets.url import TargetURL
from tests.targets.servers import Respond, TorchServeStandIn, TritonStandIn, reply

pytestmark = pytest.mark.anyio

LABELS = 'model_version="default",hostname="here"'
METRICS = f"""\
# HELP ts_inference_requests_total Total number of inference requests.
# TYPE ts_inference_requests_total counter
ts_inference_requests_total{{model_name="m",{LABELS}}} 4.0
ts_inference_requests_total{{model_name="other",{LABELS}}} 7.0
# HELP ts_inference_latency_microseconds Total inference latency in Microseconds
# TYPE ts_inference_latency_microseconds counter
ts_inference_latency_microseconds{{model_name="m",{LABELS}}} 240000.0
# HELP ts_queue_latency_microseconds Total queue latency in Microseconds
# TYPE ts_queue_latency_microseconds counter
ts_queue_latency_microseconds{{model_name="m",{LABELS}}} 80000.0
# HELP GPUUtilization Gauge
# TYPE GPUUtilization gauge
"""


async def torchserve_told(server: TorchServeStandIn, metrics: bool, model: str = "m") -> Told:
    query = f"&metrics={server.port}" if metrics else ""
    text = f"torchserve+{server.address}?management={server.port}{query}"
    target = TorchServe(TargetURL.parse(text, ["torchserve"]), TargetContext())
    try:
        return await need(target, Timings).timings(model)
    finally:
        await target.close()


async def oip_told(server: TritonStandIn) -> Told:
    target = OIP(TargetURL.parse(f"oip+{server.address}", ["oip"]), TargetContext())
    try:
        return await need(target, Timings).timings("m")
    finally:
        await target.close()


async def test_torchserves_latency_counts_the_wait_too(torchserve: TorchServeStandIn) -> None:
    torchserve.overrides["GET", "/metrics"] = reply(200, METRICS)

    found = await torchserve_told(torchserve, metrics=True)
    assert found == Told(4, 0.08, found.service)
    assert found.service == pytest.approx(0.16)
    assert await torchserve_told(torchserve, metrics=True, model="new") == Told(0, 0.0, 0.0)


async def test_torchserve_without_metrics(torchserve: TorchServeStandIn) -> None:
    with pytest.raises(CapabilityError, match="metrics=PORT"):
        await torchserve_told(torchserve, metrics=False)
    torchserve.overrides["GET", "/metrics"] = reply(200, 'ts_queue{model_name="m"} many\n')
    with pytest.raises(UnansweredError, match="these are no metrics"):
        await torchserve_told(torchserve, metrics=True)


def statistics(document: Any) -> Respond:
    async def respond(request: web.Request) -> web.StreamResponse:
        return web.json_response(document)

    return respond


async def test_tritons_statistics_of_all_versions(triton: TritonStandIn) -> None:
    def spent(milliseconds: int) -> dict[str, int]:
        return {"count": 3, "ns": milliseconds * 1_000_000}

    parts = {"compute_input": spent(1), "compute_infer": spent(40), "compute_output": spent(2)}
    version = {"inference_stats": {"success": {"count": 60, "ns": 1}, "queue": spent(10), **parts}}
    triton.overrides["GET", "/v2/models/m/stats"] = statistics({"model_stats": [version, version]})

    found = await oip_told(triton)
    assert found == Told(120, 0.02, found.service)
    assert found.service == pytest.approx(0.086)


async def test_a_server_without_statistics(triton: TritonStandIn) -> None:
    with pytest.raises(CapabilityError, match="has no statistics of model 'm'"):
        await oip_told(triton)
    triton.overrides["GET", "/v2/models/m/stats"] = statistics({"model_stats": [{"name": "m"}]})
    with pytest.raises(UnansweredError, match="is no statistics"):
        await oip_told(triton)


async def test_the_doubles() -> None:
    fake = FakeTarget()
    target = ValidatingTarget(fake)
    await target.open()
    fake.served["m"] = 1
    assert await need(target, Timings).timings("m") == Told(0, 0.0, 0.0)

    class Wrong(FakeTarget):
        async def timings(self, model: str) -> Told:
            return Told(1, -1.0, 0.0)

    wrong = ValidatingTarget(Wrong())
    await wrong.open()
    with pytest.raises(ContractError, match="negative"):
        await need(wrong, Timings).timings("m")
