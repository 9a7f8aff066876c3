"""NPY bodies like one that is given: other shapes, ranks and types, headers that lie, and objects in a pickle."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from chaos.offline.specs import InferenceTestSample
from chaos.offline.variants.bodies import Kinds, beside, bodies, of_type, repeated

__all__ = ["CANARY", "npy_bodies", "pickled"]

Array = np.ndarray[Any, Any]

CANARY = "chaos: this was printed by a pickle in the body of a request"
"""What is printed where a ``pickled`` body is unpickled: whoever may send one may run any code there."""

TYPES = ("<f4", "<f2", ">f8", "<i8", "|u1", "|b1", "<c16", "<U4", "|S4", "<M8[s]")
OVERSTATED = ((1 << 40,), (1 << 20, 1 << 20), (1 << 62,), (-1,), (3, -2))


def npy_bodies(sample: InferenceTestSample) -> Kinds:
    """By kind, what a body in NPY may become; of one that is no array only what any body may."""
    kinds = bodies(sample, text=False)
    try:
        array = np.load(io.BytesIO(sample.data), allow_pickle=False)
    except Exception:  # whatever is wrong with it
        return kinds
    if not isinstance(array, np.ndarray):
        return kinds
    found = {
        "wrong type": st.sampled_from(TYPES).map(lambda name: _saved(_cast(array, name))),
        "other rank": st.sampled_from([(1,), (1, 1), (), (-1,)]).map(
            lambda lead: _saved(_ranked(array, lead))
        ),
        "more rows": (st.integers(1, 3) | st.sampled_from([10, 1000])).map(
            lambda more: _saved(_sized(array, _rows(array) + more))
        ),
        "fewer rows": st.integers(0, max(0, _rows(array) - 1)).map(lambda rows: _saved(_sized(array, rows))),
        "more columns": st.integers(1, 3).map(lambda more: _saved(_widened(array, more))),
        "transposed": st.builds(lambda: _saved(np.asfortranarray(np.atleast_2d(array).T))),
        "overstated shape": st.sampled_from(OVERSTATED).map(lambda shape: _headed(array, shape)),
    }
    if array.size:
        found["huge"] = repeated(_repeats(array))
    if array.dtype.kind == "f" and array.size:
        found["NaN"] = _with(array, [np.nan, np.inf, -np.inf])
        found["negative zero"] = _with(array, [-0.0])
        found["large number"] = _with(
            array, [float(np.finfo(array.dtype).max), float(np.finfo(array.dtype).min), 2.0**15]
        )
    elif array.dtype.kind in "iu" and array.size:
        limits = np.iinfo(array.dtype)
        found["large number"] = _with(array, [int(limits.max), int(limits.min)])
    found["empty"] = st.sampled_from([(0,), (0, 4), (4, 0)]).map(lambda shape: _saved(_empty(array, shape)))
    typed = {name: of_type(strategy, sample.content_type) for name, strategy in found.items()}
    return {**beside(kinds, typed), "empty": kinds["empty"] | typed["empty"]}


def pickled() -> st.SearchStrategy[bytes]:
    """Arrays of objects, whose pickles print :data:`CANARY` when they are loaded, and do nothing else."""
    return st.sampled_from([(1,), (), (2, 2), (1, 1, 1)]).map(_bomb)


class _Canary:
    """Unpickled by a call of print, which is harmless; ``os.system`` would be as easy."""

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return print, (CANARY,)


def _bomb(shape: tuple[int, ...]) -> bytes:
    array = np.empty(shape, dtype=object)
    array[...] = _Canary()
    raw = io.BytesIO()
    np.save(raw, array, allow_pickle=True)
    return raw.getvalue()


def _saved(array: Array) -> bytes:
    raw = io.BytesIO()
    np.save(raw, array, allow_pickle=False)
    return raw.getvalue()


def _cast(array: Array, name: str) -> Array:
    plain = array.real if array.dtype.kind == "c" and name != "<c16" else array
    with np.errstate(all="ignore"):
        try:
            return plain.astype(name)
        except Exception:  # a cast that cannot be, which numpy says in many ways
            return np.zeros(array.shape, dtype=name)


def _ranked(array: Array, lead: tuple[int, ...]) -> Array:
    """With dimensions of one before the others; flat; or a single number."""
    if lead == ():
        return array.ravel()[:1].reshape(()) if array.size else array
    return array.reshape(lead if lead == (-1,) else (*lead, *array.shape))


def _rows(array: Array) -> int:
    return array.shape[0] if array.ndim else 1


def _sized(array: Array, rows: int) -> Array:
    whole = np.atleast_1d(array)
    return np.resize(whole, (rows, *whole.shape[1:])) if whole.size else whole


def _widened(array: Array, more: int) -> Array:
    whole = np.atleast_2d(array)
    return np.resize(whole, (*whole.shape[:-1], whole.shape[-1] + more)) if whole.size else whole


def _empty(array: Array, shape: tuple[int, ...]) -> Array:
    return np.zeros(shape, dtype=array.dtype)


def _headed(array: Array, shape: tuple[int, ...]) -> bytes:
    """A header that promises more than follows, or what cannot be."""
    raw = io.BytesIO()
    header = {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(raw, header)
    return raw.getvalue() + array.tobytes()[:MOST]


MOST = 1 << 16
"""Bytes that follow a header that lies."""


def _with(array: Array, values: list[Any]) -> st.SearchStrategy[bytes]:
    """One of the values in one place, or in all."""

    def spoilt(drawn: tuple[int, Any, bool]) -> bytes:
        place, value, everywhere = drawn
        copy = np.array(array)
        copy.reshape(-1)[slice(None) if everywhere else place] = value
        return _saved(copy)

    places = st.integers(0, min(array.size, MOST) - 1)
    return st.tuples(places, st.sampled_from(values), st.booleans()).map(spoilt)


def _repeats(array: Array) -> Callable[[int], bytes]:
    whole = np.atleast_1d(array)
    size_of_row = max(1, whole.nbytes // max(1, whole.shape[0]))
    return lambda size: _saved(_sized(array, size // size_of_row + 1))
