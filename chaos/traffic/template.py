"""A request, encoded once: its bytes are cut at the places where each sending puts its own nonce.

Sending is then one ``nonce.join(parts)``, whatever the size of headers and body.
"""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

from chaos.traffic.spec import NONCE, HttpRequest

__all__ = ["NONCE_DIGITS", "RequestTemplate"]

NONCE_DIGITS = 16

_WITHOUT_BODY = frozenset({"GET", "DELETE", "OPTIONS"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_OURS = frozenset({"content-length", "transfer-encoding"})


class RequestTemplate:
    """What to send, and where to.

    ``parts`` are the request's bytes between its nonces; ``checked`` says whether there are any.
    ``expect`` are the statuses of a right answer, any 2xx if empty. ``tls`` is the context of a connection, None for
    plain HTTP.

    :raises ValueError: if the request cannot be put on the wire as HTTP/1.1
    """

    __slots__ = ("checked", "expect", "host", "parts", "port", "tls")

    def __init__(self, request: HttpRequest) -> None:
        url = urlsplit(request.url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError(f"url is {request.url!r} (http://host:port/path or https://…)")
        if not request.url.isascii() or any(char <= " " or char == "\x7f" for char in request.url):
            raise ValueError(f"url is {request.url!r} (percent-encode what is not printable ASCII)")
        if request.method not in _WITH_BODY | _WITHOUT_BODY:
            known = ", ".join(sorted(_WITH_BODY | _WITHOUT_BODY))
            raise ValueError(f"method is {request.method!r} (one of {known})")
        if not all(200 <= status <= 599 for status in request.expect):
            raise ValueError(f"expect is {list(request.expect)} (final statuses of HTTP, 200 to 599)")
        self.expect = frozenset(request.expect)
        self.host = url.hostname
        self.port = url.port or (443 if url.scheme == "https" else 80)
        self.tls = _tls_context(request.verify_tls) if url.scheme == "https" else None

        marker = NONCE.encode()
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        lines = [f"{request.method} {path} HTTP/1.1"]
        if not any(name.lower() == "host" for name, _ in request.headers):
            lines.append(f"Host: {url.netloc.rpartition('@')[2]}")
        lines += [_header(name, value) for name, value in request.headers]
        if request.body or request.method in _WITH_BODY:
            length = len(request.body) + request.body.count(marker) * (NONCE_DIGITS - len(marker))
            lines.append(f"Content-Length: {length}")
        raw = "\r\n".join([*lines, "", ""]).encode("latin-1") + request.body
        self.parts = raw.split(marker)
        self.checked = len(self.parts) > 1


def _header(name: str, value: str) -> str:
    if name.lower() in _OURS:
        raise ValueError(f"header {name!r} is set by the client itself (leave it out)")
    if not name.isascii() or not name or any(char <= " " or char in ":\x7f" for char in name):
        raise ValueError(f"header name {name!r} cannot be sent (letters, digits and hyphens)")
    if any(char in "\r\n\0" for char in value):
        raise ValueError(f"header {name!r} has a line break or a zero byte in its value")
    return f"{name}: {value}"


def _tls_context(verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
