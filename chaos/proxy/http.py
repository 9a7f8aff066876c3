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

from chaos.proxy.stages import CLOSE, EOF, RESET, Piece, Stage
from chaos.proxy.toxics import HttpCutAttributes, HttpDelayAttributes, HttpStatusAttributes, Toxic

__all__ = ["Talk", "model_of"]

LARGEST = 8 << 20
"""A request of more bytes is passed on as it comes, and not acted on."""

_LEAVE = "connection: close\r\n"
_START = re.compile(rb"[A-Z]{3,10} [^ ]+ HTTP/1\.[01]\r\n")
_MODELS = re.compile(r"^/(?:predictions|v[12]/models|models)/([^/:?]+)")


def model_of(path: str) -> str:
    """The model that a path asks, in TorchServe's, the Open Inference Protocol's and KServe's shape; blank if none."""
    found = _MODELS.match(path)
    return unquote(found[1]) if found else ""


class Talk:
    """What is known of one connection's requests and answers; its two stages share it.

    :param answer: sends bytes to the client
    :param quiet: called when an answer has ended and there are no toxics any more
    """

    def __init__(
        self, seed: int, proxy: str, ordinal: int, answer: Callable[[bytes], None], quiet: Callable[[], None]
    ) -> None:
        self.toxics: list[Toxic] = []
        self.requests = _Requests(self)
        self.answers = _Answers(self)
        self.waiting = False
        """Whether a request has passed and its answer is not complete."""
        self.cut: int | None = None
        """Bytes of the present answer's body after which the connection is reset."""
        self.quiet = quiet
        self._answer = answer
        self._name = f"{seed}:{proxy}:{ordinal}"
        self._count = 0

    @property
    def idle(self) -> bool:
        """Whether no request is under way, and no part of one is held."""
        return not self.waiting and not self.requests.holding

    def decide(self, path: str) -> tuple[float, int | None]:
        """Seconds to hold a request, and the status to answer in the target's place, if any."""
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
                return delay, int(attributes.status)
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
        self._expects = self._asks = False
        self._free = 0.0

    @property
    def holding(self) -> bool:
        """Whether a part of a request is held."""
        return bool(self._held)

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
        parser = self._parser
        assert parser is not None  # noqa: S101
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._complete = 2
        if self._complete > 1 or len(self._held) > LARGEST:
            yield from self._let_go(at)
        elif self._complete or self._asks:
            bodiless = parser.get_method() == b"HEAD"
            delay, status = self._talk.decide(self._path)
            if status is None:
                self._talk.waiting = not bodiless  # the parser of answers cannot know that no body follows
                self._free = at + delay
                yield from self._let_go(self._free)
            else:
                leave = not self._complete
                self._reset()
                self._talk.answer(_refusal(status, bodiless, leave))
                if leave:  # the client may send the body that it asked about, or not: nobody could tell
                    self._talk.answer(CLOSE)

    def on_url(self, url: bytes) -> None:
        """What httptools calls."""
        self._path += url.decode("latin-1")

    def on_header(self, name: bytes, _value: bytes) -> None:
        """What httptools calls."""
        self._expects = self._expects or name.lower() == b"expect"

    def on_headers_complete(self) -> None:
        """What httptools calls. A client that asks first (100-continue) sends no body until it is answered."""
        self._asks = self._expects

    def on_message_complete(self) -> None:
        """What httptools calls."""
        self._complete += 1

    def _begins(self, data: bytes) -> bool:
        """Whether a request begins here. Until one does, what comes belongs to one that was under way before."""
        if self._talk.waiting or not self._talk.toxics or not _START.match(data):
            return False
        self._parser, self._path, self._complete = httptools.HttpRequestParser(self), "", 0
        self._expects = self._asks = False
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
        self._headed = False
        self._body = 0

    def take(self, due: float, data: bytes) -> Iterator[Piece]:
        if data is EOF or not self._talk.waiting:
            yield due, data
            return
        if self._parser is None:
            self._parser, self._headed, self._body = httptools.HttpResponseParser(self), False, 0
        cut, place = self._talk.cut, 0
        while place < len(data) and self._parser is not None:
            # No more is parsed at once than the body may still have: it then ends at the cut to the byte.
            step = len(data) if cut is None else max(1, cut - self._body)
            try:
                self._parser.feed_data(data[place : place + step])
            except httptools.HttpParserError:
                self._end()
            place += step
            if cut is not None and self._headed and self._body >= cut and self._parser is not None:
                yield due, data[:place]
                yield due, RESET
                return
        yield due, data

    def on_headers_complete(self) -> None:
        """What httptools calls."""
        self._headed = self._parser is not None and self._parser.get_status_code() >= 200

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
        if not self._talk.toxics:
            self._talk.quiet()


def _refusal(status: int, bodiless: bool, leave: bool) -> bytes:
    if status in (204, 304):
        return f"HTTP/1.1 {status} Fault Injected\r\n{_LEAVE if leave else ''}\r\n".encode()
    body = b'{"error": "a fault was injected"}'
    head = f"HTTP/1.1 {status} Fault Injected\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return f"{head}{_LEAVE if leave else ''}\r\n".encode() + (b"" if bodiless else body)
