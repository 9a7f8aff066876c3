"""An answer is the same however it was cut into pieces, and what is no answer never breaks the reader."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.faults.raw_http import BODY_BYTES, LOST, HeldRequest, Reply
from chaos.traffic.spec import HttpRequest
from tests.faults.control_server import SAY

WHOLE = {"plain": 200, "chunked": 200, "interim": 202, "empty": 204, "refused": 409, "failed": 500}


@given(st.sampled_from(sorted(WHOLE)), st.lists(st.integers(0, 120), max_size=8))
def test_pieces_of_any_size(what: str, cuts: list[int]) -> None:
    content, reply = SAY[what], Reply()
    places = sorted({0, *(cut for cut in cuts if cut < len(content)), len(content)})
    for start, end in pairwise(places):
        assert not reply.complete
        reply.feed(content[start:end])

    assert (reply.complete, reply.status) == (True, WHOLE[what])
    assert bytes(reply.body) in (b"ok", b"busy", b"")


@given(st.integers(0, 60))
def test_an_answer_that_a_close_ends(cut: int) -> None:
    content, reply = SAY["closes"], Reply()
    reply.feed(content[:cut])
    reply.closed()

    assert reply.complete is (cut >= content.index(b"\r\n\r\n") + 4)


@given(
    st.binary(max_size=200), st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", SAY["plain"], SAY["interim"][:25]])
)
def test_anything_may_come(garbage: bytes, before: bytes) -> None:
    reply = Reply()
    with suppress(*LOST):
        reply.feed(before)
        reply.feed(garbage)
        reply.closed()
    if before == SAY["plain"]:
        assert (reply.complete, reply.status, bytes(reply.body)) == (True, 200, b"ok")


def test_a_body_is_kept_up_to_its_bound() -> None:
    reply = Reply()
    reply.feed(SAY["huge"])

    assert reply.complete
    assert len(reply.body) == BODY_BYTES


def test_what_cannot_be_put_on_the_wire() -> None:
    with pytest.raises(ValueError, match="method"):
        HeldRequest(HttpRequest("http://127.0.0.1/", "BREW"))
