"""Frames: what is packed is read again, and nothing else is a frame."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.handlers.frames import HEADER_BYTES, BrokenFrameError, header, packed, parsed

TOKEN = b"tokentok"
messages = st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.lists(st.text()), max_size=4)


@given(messages, st.integers(0, 2**32 - 1), st.integers(0, 1000))
def test_what_is_packed_is_read_again(message: dict[str, object], number: int, length: int) -> None:
    data = packed(TOKEN, number, message, length)
    asked, size, checksum, body = header(data[:HEADER_BYTES], TOKEN, number, 1000)
    assert (asked, body, len(data)) == (number, length, HEADER_BYTES + size)
    assert parsed(data[HEADER_BYTES:], checksum) == message


@given(st.binary(min_size=HEADER_BYTES, max_size=HEADER_BYTES))
def test_what_a_handler_writes_is_no_header(data: bytes) -> None:
    with pytest.raises(BrokenFrameError):
        header(data, TOKEN, 1, 1 << 62)


@given(messages, st.binary(min_size=1, max_size=3), st.data())
def test_what_was_written_into_is_no_object(
    message: dict[str, object], junk: bytes, data: st.DataObject
) -> None:
    frame = packed(TOKEN, 1, message, 0)
    _, size, checksum, _ = header(frame[:HEADER_BYTES], TOKEN, 1, 0)
    place = data.draw(st.integers(0, size - 1))
    text = frame[HEADER_BYTES:]
    changed = (text[:place] + junk + text[place:])[:size]
    if changed != text:
        with pytest.raises(BrokenFrameError):
            parsed(changed, checksum)


@pytest.mark.parametrize(("number", "body"), [(2, 0), (1, 11)])
def test_another_answer_than_the_one_awaited(number: int, body: int) -> None:
    with pytest.raises(BrokenFrameError):
        header(packed(TOKEN, number, {}, body)[:HEADER_BYTES], TOKEN, 1, 10)


def test_an_object_it_has_to_be() -> None:
    for text in (b"[]", b"{", b"\xff", b"[" * 100_000):
        with pytest.raises(BrokenFrameError):
            parsed(text, zlib.crc32(text))
