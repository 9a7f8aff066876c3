"""Requests on the wire: well-formed whatever their body holds, and refused where they cannot be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.traffic.spec import NONCE, HttpRequest
from chaos.traffic.template import NONCE_DIGITS, RequestTemplate

DIGITS = b"0123456789abcdef"


def _sent(request: HttpRequest) -> tuple[bytes, dict[bytes, bytes], bytes]:
    head, _, body = DIGITS.join(RequestTemplate(request).parts).partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    return first, dict(line.split(b": ", 1) for line in lines), body


bodies = st.lists(st.binary() | st.just(NONCE.encode())).map(b"".join)


@given(bodies)
def test_a_body_is_sent_whole_with_its_true_length(body: bytes) -> None:
    first, headers, sent = _sent(HttpRequest("http://127.0.0.1:1234/a/b?c=d", body=body))
    assert first == b"POST /a/b?c=d HTTP/1.1"
    assert headers[b"Host"] == b"127.0.0.1:1234"
    assert sent == body.replace(NONCE.encode(), DIGITS)
    assert int(headers[b"Content-Length"]) == len(sent)
    assert len(DIGITS) == NONCE_DIGITS


def test_headers_hold_nonces_too() -> None:
    request = HttpRequest("http://h", "GET", headers=(("X-Id", f"a{NONCE}b{NONCE}"), ("Host", "other")))
    first, headers, body = _sent(request)
    assert (first, body) == (b"GET / HTTP/1.1", b"")
    assert headers == {b"X-Id": b"a" + DIGITS + b"b" + DIGITS, b"Host": b"other"}
    assert RequestTemplate(request).checked


def test_without_a_nonce_nothing_is_checked() -> None:
    template = RequestTemplate(HttpRequest("http://[::1]/x", body=b"{}"))
    assert not template.checked
    assert (template.host, template.port, template.tls) == ("::1", 80, None)


def test_https_has_its_own_port() -> None:
    template = RequestTemplate(HttpRequest("https://example.org"))
    assert template.port == 443
    assert template.tls is not None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": "ftp://h/"}, "url"),
        ({"url": "http:///x"}, "url"),
        ({"url": "http://h/a b"}, "percent-encode"),
        ({"url": "http://h/ä"}, "percent-encode"),
        ({"url": "http://h:99999/"}, "[Pp]ort"),
        ({"method": "HEAD"}, "method"),
        ({"method": "GET / HTTP/1.1\r\nX: y\r\n\r\nGET"}, "method"),
        ({"headers": (("Content-Length", "3"),)}, "leave it out"),
        ({"headers": (("transfer-encoding", "chunked"),)}, "leave it out"),
        ({"headers": (("A", "b\r\nC: d"),)}, "line break"),
        ({"headers": (("A: b\r\nC", "d"),)}, "header name"),
        ({"headers": (("A", "\u20ac"),)}, "latin-1"),
        ({"expect": (200, 99)}, "200 to 599"),
        ({"expect": (101,)}, "final statuses"),
    ],
)
def test_what_cannot_be_sent_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        RequestTemplate(HttpRequest(**{"url": "http://h/", **changes}))
