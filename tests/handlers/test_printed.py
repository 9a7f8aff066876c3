"""What is printed: kept up to a limit, and watched for secrets as it comes, in whatever pieces."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from chaos.handlers.printed import Printed


@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(0, 60))
def test_a_secret_is_seen_in_any_pieces(pieces: list[bytes], most: int) -> None:
    reading, writing = os.pipe()
    printed = Printed(reading, most, {"one": "ab", "other": "\x00\x00\x00"})
    for piece in pieces:
        os.write(writing, piece)
        printed.read()
    os.close(writing)
    text = b"".join(pieces)
    assert printed.take() == text[:most].decode(errors="replace") + (
        f"… ({len(text) - most} bytes more)" if len(text) > most else ""
    )
    assert printed.leaked == {
        name for name, value in (("one", b"ab"), ("other", b"\x00\x00\x00")) if value in text
    }
    assert printed.take() == ""
    printed.close()
