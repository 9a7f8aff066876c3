"""The good handler packages under the real multi-model-server and toolkit, and on the embedded platform: they agree.

Both are spoken to by SageMaker's container API, with the same target.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from chaos.offline.samples import read_samples
from chaos.offline.specs import InferenceTestSample
from chaos.targets.base import Directories, Infer, Register, Target, need
from chaos.targets.embedded import Embedded
from chaos.targets.registry import open_by_url
from tests.real.conftest import CACHE
from tests.real.mms_rig import mms_server

pytestmark = [pytest.mark.real, pytest.mark.anyio]

TESTS = Path(__file__).parents[1]
GOOD = sorted(path.name for path in (TESTS / "packages").glob("good_*"))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A multi-model-server, by its target URL."""
    with mms_server(CACHE) as (inference, management):
        yield f"sagemaker+http://127.0.0.1:{inference}?management={management}"


def asked(target: Target, model: str, sample: InferenceTestSample) -> tuple[int, str, Any]:
    """Send a sample as it is: status, content type, and the body, as JSON if it is, of an answer that is no error."""
    url = urlsplit(need(target, Infer).infer_request(model, {}).url)
    headers = {"Content-Type": sample.content_type} | ({"Accept": sample.accept} if sample.accept else {})
    connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=30)
    try:
        connection.request("POST", url.path, sample.data, headers)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status >= 400:
        return answer.status, "", None
    try:
        told: Any = json.loads(body)
    except ValueError:
        told = body
    return answer.status, str(answer.getheader("content-type")), told


async def answers(target: Target, package: str) -> dict[str, tuple[int, str, Any]]:
    """What a target that is open answers to each sample of a package."""
    register = need(target, Register)
    directory = TESTS / "packages" / package
    await register.register(package, need(target, Directories).package_in(directory), 1)
    try:
        samples = read_samples(TESTS / "payloads" / package)
        return {sample.sample_name: asked(target, package, sample) for sample in samples}
    finally:
        await register.unregister(package)


@pytest.mark.parametrize("package", GOOD)
async def test_the_good_packages_agree(server: str, package: str) -> None:
    real, ours = open_by_url(server), open_by_url("embedded")
    assert isinstance(ours, Embedded)
    await ours.open()
    try:
        await real.open()
        assert ours.address is not None
        beside = open_by_url(f"sagemaker+{ours.address.base}")
        await beside.open()
        theirs, embedded = await answers(real, package), await answers(beside, package)
        await beside.close()
    finally:
        await real.close()
        await ours.close()

    print(f"\n{package}: " + ", ".join(f"{name} {answer[0]}" for name, answer in theirs.items()))
    assert embedded == theirs
    assert any(status == 200 for status, _, _ in theirs.values())
    wanted = {
        sample.sample_name: sample.should_succeed for sample in read_samples(TESTS / "payloads" / package)
    }
    assert {name: answer[0] < 400 for name, answer in theirs.items()} == wanted
