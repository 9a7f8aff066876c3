from __future__ import annotations

import json

import pytest

from chaos.targets.context import UnansweredError
from chaos.targets.http import Answer, ControlClient, RefusedError, UnreachableError
from chaos.targets.processes import free_port
from tests.targets.servers import StandIn, cut, hang, reply

pytestmark = pytest.mark.anyio


async def _call(server: StandIn, seconds: float = 5.0) -> Answer:
    client = ControlClient(server.address)
    try:
        return await client.call("GET", "/x", seconds=seconds)
    finally:
        await client.close()
        await client.close()


async def test_an_answer(blank: StandIn) -> None:
    blank.overrides["GET", "/x"] = reply(200, '{"a": 1}')

    answer = await _call(blank)

    assert (answer.ok, answer.json()) == (True, {"a": 1})
    assert answer.expect("asking") is answer


async def test_parameters_body_and_token(blank: StandIn) -> None:
    client = ControlClient(blank.address, token="key")
    await client.call("PUT", "/x", params={"url": "a b&c"}, body={"n": 1})
    await client.close()

    assert blank.seen == [("PUT", "/x", {"url": "a b&c"}, {"n": 1})]
    assert blank.headers[0]["Authorization"] == "Bearer key"


async def test_refused_connection() -> None:
    port = free_port()
    client = ControlClient(f"http://127.0.0.1:{port}")
    with pytest.raises(UnreachableError, match=rf"127.0.0.1:{port}/x.*is the server running there") as caught:
        await client.call("GET", "/x")
    await client.close()

    assert not isinstance(caught.value, UnansweredError), "it took no effect, and that is known"


async def test_a_server_that_hangs(blank: StandIn) -> None:
    blank.overrides["GET", "/x"] = hang

    with pytest.raises(UnansweredError, match=r"no answer within 0.2 s"):
        await _call(blank, seconds=0.2)


async def test_a_connection_that_is_cut(blank: StandIn) -> None:
    blank.overrides["GET", "/x"] = cut

    with pytest.raises(UnansweredError, match="cut before the answer was complete"):
        await _call(blank)


async def test_what_is_not_json(blank: StandIn) -> None:
    blank.overrides["GET", "/x"] = reply(200, "<html>\nhello</html>")

    answer = await _call(blank)

    with pytest.raises(UnansweredError, match="not JSON: '<html> hello</html>'"):
        answer.json()


async def test_redirects_are_not_followed(blank: StandIn) -> None:
    blank.overrides["GET", "/x"] = reply(302, "")

    with pytest.raises(RefusedError, match="answered 302: no reason given") as caught:
        (await _call(blank)).expect("asking")
    assert caught.value.status == 302


async def test_an_endless_answer(blank: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chaos.targets.http.ANSWER_BYTES", 1024)
    blank.overrides["GET", "/x"] = reply(200, "x" * 4096)

    with pytest.raises(UnansweredError, match="larger than"):
        await _call(blank)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"code": 404, "type": "T", "message": "Model not found: zz"}, "Model not found: zz"),
        ({"error": "failed to\n load"}, "failed to load"),
        ({"detail": [{"msg": "no"}]}, "[{'msg': 'no'}]"),
        ({"message": ""}, '{"message": ""}'),
        ([1], "[1]"),
    ],
)
async def test_the_servers_own_words(body: object, words: str) -> None:
    answer = Answer("GET", "http://host/x", 404, json.dumps(body).encode())

    assert answer.words == words
    with pytest.raises(RefusedError) as caught:
        answer.expect("asking", "do this")
    assert str(caught.value) == f"asking: http://host/x answered 404: {words} (do this)"


async def test_long_words_are_cut() -> None:
    assert len(Answer("GET", "u", 500, b"\xff" * 5000).words) == 301
