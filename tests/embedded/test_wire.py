"""Frames cut at any place, and bytes that are none."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.embedded.wire import (
    HEADER_LIMIT,
    PREFIX,
    STREAM,
    FrameReader,
    Signal,
    WireError,
    encode_chunk,
    encode_head,
)


class Sink:
    def __init__(self) -> None:
        self.frames: list[tuple[dict[str, Any], int, bytes, bool]] = []
        self.signals: list[Signal] = []

    def frame_head(self, header: dict[str, Any], length: int) -> None:
        assert not self.frames or self.frames[-1][3], "a head only after the end of the frame before"
        self.frames.append((header, length, b"", False))

    def frame_body(self, chunk: bytes) -> None:
        assert chunk
        header, length, body, ended = self.frames[-1]
        assert not ended
        self.frames[-1] = (header, length, body + chunk, False)

    def frame_end(self) -> None:
        header, length, body, _ = self.frames[-1]
        self.frames[-1] = (header, length, body, True)

    def frame_signal(self, signal: Signal) -> None:
        self.signals.append(signal)
        if signal is Signal.BROKEN:
            header, length, body, _ = self.frames[-1]
            self.frames[-1] = (header, length, body, True)


headers = st.dictionaries(st.text(), st.text() | st.integers(), max_size=3)


whole = st.tuples(headers, st.binary(max_size=50))
streamed = st.tuples(headers, st.lists(st.binary(min_size=1, max_size=50), max_size=3), st.booleans())


def encode(frame: Any, beats: bool) -> tuple[bytes, tuple[dict[str, Any], int, bytes, bool]]:
    """A frame or a stream as bytes, with beats wherever they may be, and what a sink makes of it."""
    beat = Signal.BEAT.frame if beats else b""
    if len(frame) == 2:
        header, body = frame
        return beat + encode_head(header, len(body)) + body, (header, len(body), body, True)
    header, chunks, complete = frame
    end = encode_chunk(b"") if complete else Signal.BROKEN.frame
    pieces = [encode_head(header, STREAM), *map(encode_chunk, chunks), end]
    return beat.join(pieces), (header, STREAM, b"".join(chunks), True)


@given(st.lists(whole | streamed, max_size=5), st.booleans(), st.lists(st.integers(1, 30)))
def test_frames_survive_any_cut(frames: list[Any], beats: bool, cuts: list[int]) -> None:
    encoded = [encode(frame, beats) for frame in frames]
    stream = b"".join(data for data, _ in encoded)
    sink = Sink()
    reader = FrameReader(sink)
    for cut in [*cuts, len(stream)]:
        reader.feed(stream[:cut])
        stream = stream[cut:]

    assert sink.frames == [seen for _, seen in encoded]
    broken = sum(len(frame) == 3 and not frame[2] for frame in frames)
    assert sink.signals.count(Signal.BROKEN) == broken


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    with suppress(WireError):
        FrameReader(Sink()).feed(data)


@pytest.mark.parametrize("text", [b"[1]", b"{", b"\xff", b"[" * 60_000])
def test_a_header_that_is_no_object_is_refused(text: bytes) -> None:
    with pytest.raises(WireError):
        FrameReader(Sink()).feed(PREFIX.pack(len(text), 0) + text)


@pytest.mark.parametrize(
    "stream",
    [
        encode_chunk(b"no stream began"),
        PREFIX.pack(Signal.BEAT, 1),
        encode_head({}, STREAM) + encode_head({}, 0),
        encode_head({}, STREAM) + Signal.BROKEN.frame + encode_chunk(b"late"),
    ],
)
def test_what_is_out_of_place_is_refused(stream: bytes) -> None:
    with pytest.raises(WireError):
        FrameReader(Sink()).feed(stream)


def test_a_header_over_the_limit_is_refused_before_it_is_there() -> None:
    with pytest.raises(WireError, match=str(HEADER_LIMIT)):
        FrameReader(Sink()).feed(PREFIX.pack(HEADER_LIMIT + 1, 0))


def test_a_large_body_is_passed_on_as_it_came() -> None:
    chunks: list[bytes] = []
    sink = Sink()
    sink.frame_body = chunks.append  # type: ignore[method-assign, assignment]
    reader = FrameReader(sink)
    chunk = b"x" * 65536
    reader.feed(encode_head(json.loads("{}"), 10 * len(chunk)))
    for _ in range(10):
        reader.feed(chunk)

    assert all(got is chunk for got in chunks[:-1])
    assert sum(map(len, chunks)) == 10 * len(chunk)
