"""Toxics that act on HTTP/1.1 requests: a status in the target's place, a delay, an answer cut in its body.

A connection that has none of them pays nothing for this. One that is already talking is understood from its next
request on, which is seen by its first bytes. A client that sends requests before it has its answers (pipelining) is let
pass untouched: its answers could not be told apart.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

import httptools

from chaos.proxy.stages import EOF, RESET, Piece, Stage
from chaos.proxy.toxics import HttpCutAttributes, HttpDelayAttributes, HttpStatusAttributes, Toxic

__all__ = ["Talk", "model_of"]

LARGEST = 8 << 20
"""A request of more bytes is passed on as it comes, and not acted on."""

_START = re.compile(rb"[A-Z]{3,10} [^ ]+ HTTP/1\.[01]\r\n")
_MODELS = re.compile(r"^/(?:predictions|v[12]/models|models)/([^/:?]+)")


def model_of(path: str) -> str:
    """The model that a path asks, in TorchServe's, the Open Inference Protocol's and KServe's shape; blank if none."""
    found = _MODELS.match(path)
    return unquote(found[1]) if found else ""


class Talk:
    """What is known of one connection's requests and answers; its two stages share it.

    :param answer: sends bytes to the client
    """

    def __init__(self, seed: int, proxy: str, ordinal: int, answer: Callable[[bytes], None]) -> None:
        self.toxics: list[Toxic] = []
        self.requests = _Requests(self)
        self.answers = _Answers(self)
        self.waiting = False
        """Whether a request has passed and its answer is not complete."""
        self.cut: int | None = None
        """Bytes of the present answer's body after which the connection is reset."""
        self._answer = answer
        self._name = f"{seed}:{proxy}:{ordinal}"
        self._count = 0

    def decide(self, path: str) -> tuple[float, bytes | None]:
        """Seconds to hold a request, and what to answer in the target's place, if anything."""
        self._count += 1
        self.cut, delay = None, 0.0
        for toxic in self.toxics:
            attributes: Any = toxic.attributes
            draw = random.Random(f"{self._name}:{toxic.name}:{self._count}").random()
            if draw >= toxic.toxicity or not path.startswith(attributes.path):
                continue
            if attributes.model and attributes.model != model_of(path):
                continue
            if isinstance(attributes, HttpStatusAttributes):
                return delay, _refusal(attributes.status)
            if isinstance(attributes, HttpDelayAttributes):
                delay += attributes.delay / 1000.0
            elif isinstance(attributes, HttpCutAttributes):
                self.cut = attributes.after_bytes
        return delay, None

    def answer(self, data: bytes) -> None:
        """Answer in the target's place."""
        self._answer(data)


class _Requests(Stage):
    """Holds a request until it is complete, then lets it go, late or never."""

    def __init__(self, talk: Talk) -> None:
        super().__init__(None, random.Random(0), 0.0)
        self._talk = talk
        self._parser: httptools.HttpRequestParser | None = None
        self._held = bytearray()
        self._path = ""
        self._complete = 0
        self._free = 0.0

    def take(self, due: float, data: bytes) -> Iterator[Piece]:
        at = max(due, self._free)
        if data is EOF:
            yield from self._let_go(at)
            yield at, EOF
            return
        if self._parser is None and not self._begins(data):
            yield at, data
            return
        self._held += data
        try:
            assert self._parser is not None  # noqa: S101
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._complete = 2
        if self._complete > 1 or len(self._held) > LARGEST:
            yield from self._let_go(at)
        elif self._complete:
            delay, refusal = self._talk.decide(self._path)
            if refusal is None:
                self._talk.waiting = True
                self._free = at + delay
                yield from self._let_go(self._free)
            else:
                self._reset()
                self._talk.answer(refusal)

    def on_url(self, url: bytes) -> None:
        """What httptools calls."""
        self._path += url.decode("latin-1")

    def on_message_complete(self) -> None:
        """What httptools calls."""
        self._complete += 1

    def _begins(self, data: bytes) -> bool:
        """Whether a request begins here. Until one does, what comes belongs to one that was under way before."""
        if self._talk.waiting or not self._talk.toxics or not _START.match(data):
            return False
        self._parser, self._path, self._complete = httptools.HttpRequestParser(self), "", 0
        return True

    def _let_go(self, at: float) -> Iterator[Piece]:
        if self._held:
            yield at, bytes(self._held)
        self._reset()

    def _reset(self) -> None:
        self._held.clear()
        self._parser = None


class _Answers(Stage):
    """Sees where an answer ends, and cuts it in its body if that was decided."""

    def __init__(self, talk: Talk) -> None:
        super().__init__(None, random.Random(0), 0.0)
        self._talk = talk
        self._parser: httptools.HttpResponseParser | None = None
        self._body = 0

    def take(self, due: float, data: bytes) -> Iterator[Piece]:
        if data is EOF or not self._talk.waiting:
            yield due, data
            return
        if self._parser is None:
            self._parser, self._body = httptools.HttpResponseParser(self), 0
        before = self._body
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._end()
        cut = self._talk.cut
        if cut is not None and self._body > cut:
            # Within a chunk the body is what stands last; of a chunked one some framing goes along.
            keep = len(data) - (self._body - max(before, cut))
            yield due, data[: max(0, keep)]
            yield due, RESET
        else:
            yield due, data

    def on_body(self, body: bytes) -> None:
        """What httptools calls."""
        self._body += len(body)

    def on_message_complete(self) -> None:
        """What httptools calls."""
        if self._parser is not None and self._parser.get_status_code() >= 200:
            self._end()

    def _end(self) -> None:
        self._talk.waiting = False
        self._parser = None


def _refusal(status: int) -> bytes:
    body = b'{"error": "a fault was injected"}'
    head = f"HTTP/1.1 {status} Fault Injected\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body
