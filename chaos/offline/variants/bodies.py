"""Bodies of any content type: nothing, a part, more than expected, other bytes, or what another type calls for."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from chaos.handlers.formats import CSV, JSON, NPY, NPZ
from chaos.offline.specs import InferenceTestSample

__all__ = ["LARGE", "MIB", "Body", "Kinds", "beside", "bodies", "of_type", "repeated"]

MIB = 1 << 20
LARGE = (1, 2, 4, 8)
"""Huge bodies are of so many MiB; there is one of each."""

Body = tuple[bytes, str]
"""What is sent, and as which content type."""

Kinds = dict[str, st.SearchStrategy[Body]]

OTHERS = (JSON, CSV, NPY, NPZ, "application/octet-stream", "text/plain", "application/xml", "image/png")
PARAMETERS = ("; charset=utf-8", "; charset=latin-1", ";", "; header=present")

NO_TEXT = (b"\xff", b"\x80", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xc0\xaf")
"""Bytes that stand nowhere in UTF-8: stray, cut off, half a surrogate pair, beyond Unicode, longer than need be."""


def bodies(sample: InferenceTestSample, text: bool) -> Kinds:
    """What can be made of any body.

    :param text: it is meant to be read as text
    """
    data, kind = sample.data, sample.content_type
    kinds = {
        "empty": of_type(st.sampled_from([b"", b" ", b"\n", b"\0"]), kind),
        "garbage": of_type(st.binary(min_size=1, max_size=256), kind),
        "huge": of_type(repeated(lambda size: (data or b"\0") * (size // max(1, len(data)) + 1)), kind),
        "wrong content type": st.sampled_from(_other_types(kind)).map(lambda other: (data, other)),
    }
    if len(data) > 1:
        kinds["truncated"] = of_type(st.integers(1, len(data) - 1).map(lambda size: data[:size]), kind)
    if text:
        kinds["not UTF-8"] = of_type(_not_text(data), kind)
    return kinds


def beside(others: Kinds, own: Kinds) -> Kinds:
    """The kinds of one content type, then those of any: what is of both kinds is named by the first."""
    return {**own, **{kind: strategy for kind, strategy in others.items() if kind not in own}}


def of_type(data: st.SearchStrategy[bytes], kind: str) -> st.SearchStrategy[Body]:
    """Bodies of one content type."""
    return data.map(lambda each: (each, kind))


def repeated(make: Callable[[int], bytes]) -> st.SearchStrategy[bytes]:
    """What ``make`` gives for each size in :data:`LARGE`, in bytes."""
    return st.sampled_from(LARGE).map(lambda size: make(size * MIB))


def _other_types(kind: str) -> list[str]:
    return [
        *(other for other in OTHERS if other != kind),
        *(kind + more for more in PARAMETERS),
        kind.upper(),
    ]


@st.composite
def _not_text(draw: st.DrawFn, data: bytes) -> bytes:
    text = data.decode(errors="replace")
    if draw(st.booleans()):
        coding = draw(st.sampled_from(["utf-16", "utf-32"]))
        return text.encode(coding)
    place = draw(st.integers(0, len(data)))
    return data[:place] + draw(st.sampled_from(NO_TEXT)) + data[place:]
