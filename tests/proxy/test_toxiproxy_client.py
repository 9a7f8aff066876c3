"""Toxiproxy's own Python client drives our proxy, unchanged."""

from __future__ import annotations

import socket
import time
import urllib.error
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.proxy.conftest import Served

toxiproxy = pytest.importorskip("toxiproxy")

from toxiproxy.api import APIConsumer  # noqa: E402
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists  # noqa: E402


@pytest.fixture
def client(served: Served) -> Iterator[Any]:
    """The client, pointed at our API; what it made is gone after."""
    host, port = served.api.split(":")
    found = toxiproxy.Toxiproxy()
    found.update_api_consumer(host, int(port))
    yield found
    found.destroy_all()


def connect(proxy: Any) -> socket.socket:
    host, port = proxy.listen.split(":")
    return socket.create_connection((host, int(port)), timeout=5)


def test_it_is_there(client: Any) -> None:
    assert client.running() is True
    assert b"2.9" in client.version()


def test_create_find_destroy(client: Any, served: Served) -> None:
    made = client.create(upstream=served.upstream, name="one")
    assert made.enabled
    assert client.get_proxy("one").upstream == served.upstream
    with closing(connect(made)) as through:
        through.sendall(b"hello")
        assert through.recv(5) == b"hello"
    with pytest.raises(ProxyExists):
        client.create(upstream=served.upstream, name="one")
    assert client.destroy(made)
    assert client.get_proxy("one") is None
    with pytest.raises(NotFound):
        APIConsumer.get("/proxies/one")


def test_populate(client: Any, served: Served) -> None:
    wanted = [{"name": name, "listen": "127.0.0.1:0", "upstream": served.upstream} for name in ("a", "b")]
    assert [proxy.name for proxy in client.populate(wanted)] == ["a", "b"]
    assert {"a", "b"} <= client.proxies().keys()


TYPES: list[tuple[str, dict[str, int]]] = [
    ("latency", {"latency": 10, "jitter": 2}),
    ("bandwidth", {"rate": 100}),
    ("slow_close", {"delay": 10}),
    ("timeout", {"timeout": 10}),
    ("reset_peer", {"timeout": 10}),
    ("slicer", {"average_size": 10, "size_variation": 2, "delay": 1}),
    ("limit_data", {"bytes": 10}),
]


@pytest.mark.parametrize(("kind", "attributes"), TYPES)
@pytest.mark.parametrize("stream", ["upstream", "downstream"])
def test_every_toxic(client: Any, served: Served, kind: str, attributes: dict[str, int], stream: str) -> None:
    proxy = client.create(upstream=served.upstream, name="t")
    proxy.add_toxic(type=kind, stream=stream, toxicity=0.5, attributes=attributes)
    found = proxy.get_toxic(f"{kind}_{stream}")
    assert (found.type, found.stream, found.toxicity, found.attributes) == (kind, stream, 0.5, attributes)
    name, value = next(iter(attributes.items()))
    APIConsumer.post(f"/proxies/t/toxics/{kind}_{stream}", json={"attributes": {name: value + 1}})
    changed = proxy.get_toxic(f"{kind}_{stream}")
    assert changed.attributes == {**attributes, name: value + 1}
    with pytest.raises(ProxyExists):
        proxy.add_toxic(type=kind, stream=stream)
    assert proxy.destroy_toxic(f"{kind}_{stream}")
    assert proxy.toxics() == {}


def test_what_is_none_is_refused(client: Any, served: Served) -> None:
    proxy = client.create(upstream=served.upstream, name="t")
    with pytest.raises(InvalidToxic, match="invalid toxic type"):
        proxy.add_toxic(type="latencee")
    with pytest.raises(InvalidToxic, match="upstream or downstream"):
        proxy.add_toxic(type="latency", stream="sideways")
    with pytest.raises(InvalidToxic, match="latency"):
        proxy.add_toxic(type="latency", attributes={"latency": "soon"})
    with pytest.raises(NotFound):
        proxy.destroy_toxic("latency_downstream")


def test_toggle(client: Any, served: Served) -> None:
    proxy = client.create(upstream=served.upstream, name="t")
    with proxy.down(), pytest.raises(ConnectionRefusedError):
        connect(proxy)
    connect(proxy).close()


def test_reset(client: Any, served: Served) -> None:
    proxy = client.create(upstream=served.upstream, name="t")
    proxy.add_toxic(type="latency", attributes={"latency": 300})
    proxy.disable()
    client.reset()
    assert client.get_proxy("t").enabled
    assert proxy.toxics() == {}
    with closing(connect(proxy)) as through:
        start = time.perf_counter()
        through.sendall(b"x")
        assert through.recv(1) == b"x"
        assert time.perf_counter() - start < 0.25


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/proxies", {"name": "x"}, 400),
        ("POST", "/proxies", {"upstream": "127.0.0.1:1"}, 400),
        ("POST", "/proxies", [], 400),
        ("POST", "/proxies", {"name": "x", "upstream": "nonsense"}, 400),
        ("POST", "/proxies", {"name": "x", "upstream": "127.0.0.1:1", "listen": "192.0.2.1:1"}, 500),
        ("GET", "/proxies/none", None, 404),
        ("GET", "/nowhere", None, 404),
        ("PUT", "/proxies", {}, 405),
    ],
)
def test_errors_have_toxiproxys_shape(
    served: Served, method: str, path: str, body: object, status: int
) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        served.call(method, path, body)
    with closing(caught.value) as error:
        assert error.code == status
        assert f'"status": {status}'.encode() in error.read()
