from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.errors import TargetError
from chaos.targets.url import TargetURL, is_loopback

KNOWN = ["embedded", "oip", "torchserve"]

names = st.from_regex(r"[a-z][a-z0-9_-]{0,10}", fullmatch=True)
hosts = st.from_regex(r"[a-z][a-z0-9-]{0,10}(\.[a-z]{1,5})?", fullmatch=True) | st.ip_addresses().map(str)
ports = st.integers(1, 65535)


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def test_the_documented_example() -> None:
    url = TargetURL.parse("torchserve+http://127.0.0.1:8080?management=8081&metrics=http://10.0.0.1:9", KNOWN)

    assert (url.adapter, url.scheme, url.host, url.port) == ("torchserve", "http", "127.0.0.1", 8080)
    assert url.base == "http://127.0.0.1:8080"
    assert url.endpoint("management") == "http://127.0.0.1:8081"
    assert url.endpoint("metrics") == "http://10.0.0.1:9"
    assert url.endpoint("other") == ""
    assert url.hosts() == ["127.0.0.1", "10.0.0.1"]


def test_without_an_address() -> None:
    url = TargetURL.parse("embedded?defect=shared_queue&models=DIR&defect=other", KNOWN)

    assert (url.adapter, url.base, url.hosts()) == ("embedded", "", [])
    assert url.options == (("defect", "shared_queue"), ("models", "DIR"), ("defect", "other"))
    assert url.option("defect") == "other"


def test_default_ports_and_paths() -> None:
    assert TargetURL.parse("oip+https://example.org/base/", KNOWN).base == "https://example.org:443/base"
    assert TargetURL.parse("oip+http://[::1]", KNOWN).base == "http://[::1]:80"


@given(
    names, st.sampled_from(["http", "https"]), hosts, ports, st.lists(st.tuples(names, st.text(min_size=1)))
)
def test_what_is_written_is_read(
    adapter: str, scheme: str, host: str, port: int, options: list[tuple[str, str]]
) -> None:
    text = f"{adapter}+{scheme}://{_host(host)}:{port}" + (f"?{urlencode(options)}" if options else "")

    url = TargetURL.parse(text, [adapter])

    assert (url.adapter, url.scheme, url.host, url.port) == (adapter, scheme, host.lower(), port)
    assert url.options == tuple(options)
    assert TargetURL.parse(f"{adapter}+{url.base}", [adapter]).base == url.base


@given(st.text() | st.from_regex(r"(oip|embedded)?\+?(https?)?:?/?/?.{0,20}(\?.*)?"))
def test_anything_is_read_or_explained(text: str) -> None:
    try:
        url = TargetURL.parse(text, KNOWN)
        url.hosts()
        url.endpoint("management")
    except TargetError:
        return

    assert url.adapter in KNOWN
    assert bool(url.base) == bool(url.host)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("torchsrve+http://127.0.0.1:8080", "did you mean 'torchserve'?"),
        ("nothing+http://127.0.0.1", "known adapters: embedded, oip, torchserve"),
        ("", "no adapter is called ''"),
        ("http://127.0.0.1:8080", "names no adapter"),
        ("oip://127.0.0.1:8080", "ADAPTER+http://"),
        ("oip+ftp://127.0.0.1", "starts with http://"),
        ("oip+http://", "names no host"),
        ("oip+http://me:secret@127.0.0.1", "password in the address is not taken"),
        ("oip+http://127.0.0.1:99999", "ort"),
        ("oip+http://127.0.0.1:0", "0 is no port"),
        ("oip+http://127.0.0.1#x", "have no place"),
        ("embedded?shared_queue", "NAME=VALUE"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(TargetError) as caught:
        TargetURL.parse(text, KNOWN)

    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


def test_bad_endpoints() -> None:
    url = TargetURL.parse("torchserve+http://127.0.0.1:1?management=70000&metrics=here", KNOWN)

    with pytest.raises(TargetError, match="70000 is no port"):
        url.endpoint("management")
    with pytest.raises(TargetError, match="option 'metrics'"):
        url.endpoint("metrics")


def test_unknown_options_are_refused() -> None:
    url = TargetURL.parse("torchserve+http://127.0.0.1:1?managment=1", KNOWN)

    url.check_options(["managment"])
    with pytest.raises(TargetError, match="did you mean 'management'"):
        url.check_options(["management", "metrics"])


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "0.0.0.0", "localhost.example.org", "example.org", "::", "127.0.0.1.nip.io"]
)
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)
