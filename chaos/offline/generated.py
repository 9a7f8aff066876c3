"""Samples that are generated, each like one that is given and different in one way, or drawn from a JSON Schema.

Hypothesis draws them. Each has its ``kind``, which names the difference: ``missing field``, ``other rank``,
``truncated``; for those drawn from a schema ``valid``, or the word that is broken, as in ``violates required``. Their
kinds take turns, so that each is reached early, its simplest variant first.

What a handler makes of them is not known beforehand: it may answer one more row, or refuse it. Only what is ``valid``
should succeed. A body that is ``pickled`` prints :data:`CANARY` if it is unpickled: whoever may send requests to such a
handler may run any code in it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from typing import Any

from hypothesis import strategies as st

from chaos.errors import DocumentError
from chaos.handlers.formats import CSV, JSON, NPY
from chaos.offline.specs import InferenceTestSample
from chaos.offline.variants.arrays import CANARY, npy_bodies, pickled
from chaos.offline.variants.bodies import LARGE, MIB, Body, Kinds, bodies, of_type
from chaos.offline.variants.drawing import drawn
from chaos.offline.variants.instances import instances
from chaos.offline.variants.jsons import json_bodies
from chaos.offline.variants.schema import Schema
from chaos.offline.variants.tables import csv_bodies
from chaos.offline.variants.violations import violations

__all__ = ["CANARY", "VALID", "Generated", "generate"]

VALID = "valid"

BLANK = b" \n\0"
MAY_BE_BLANK = frozenset({"empty", "huge", "wrong content type"})
"""A body of nothing but these characters is of one of these kinds, whatever else it was made by."""

MOST_BYTES = 128 * MIB
"""All bodies together are no larger than this; there are fewer if they would be."""

ROUNDS = 4
"""How often kinds with many variants make up for those with few."""


@dataclass(frozen=True, slots=True)
class Generated:
    """A generated sample, and how it differs from what was given."""

    sample: InferenceTestSample
    kind: str


def generate(
    samples: Sequence[InferenceTestSample],
    count: int,
    seed: int,
    schema: Mapping[str, Any] | bool | None = None,
) -> list[Generated]:
    """So many samples; fewer if there are no more that differ, or they would take more than 128 MiB.

    The same for the same arguments; see :func:`~chaos.offline.variants.drawing.drawn`. No two are the same request.

    :param samples: examples; of those that should not succeed nothing is made, unless there are no others
    :param schema: a JSON Schema of the values that the handler takes in JSON
    :raises DocumentError: if there is neither an example nor a schema, the schema cannot be understood, or nothing fits
    """
    kinds = _kinds(samples, seed, schema)
    found: list[Generated] = []
    size = 0
    for kind, number, (data, content_type) in islice(_in_turn(kinds, count, seed), count):
        size += len(data)
        if size > MOST_BYTES:
            break
        sample = InferenceTestSample(
            sample_name=f"{kind} {number}",
            content_type=content_type,
            data=data,
            should_succeed=kind == VALID,
        )
        found.append(Generated(sample, kind))
    return found


def _kinds(
    samples: Sequence[InferenceTestSample], seed: int, schema: Mapping[str, Any] | bool | None
) -> Kinds:
    """All kinds of bodies that can be made, with what draws them."""
    found: dict[str, list[st.SearchStrategy[Body]]] = {}
    if schema is not None:
        checked = Schema.checked(schema)
        valid = instances(checked)
        if not (examples := drawn(instances(checked, full=True), 1, seed)):
            raise DocumentError(checked.place, "no value was found that fits", "make it less strict")
        found[VALID] = [valid.map(_as_json)]
        for word, broken in violations(checked).items():
            found[f"violates {word}"] = [broken.map(_as_json)]
        if not samples:
            samples = [InferenceTestSample(data=json.dumps(examples[0]).encode())]
    if not samples:
        raise DocumentError("samples", "there is none to make others from", "give one, or a JSON Schema")
    for sample in [sample for sample in samples if sample.should_succeed] or samples:
        for kind, strategy in _bodies(sample).items():
            found.setdefault(kind, []).append(strategy)
    found["pickled"] = [of_type(pickled(), NPY)]
    return {kind: st.one_of(strategies) for kind, strategies in found.items()}


def _bodies(sample: InferenceTestSample) -> Kinds:
    makers: Mapping[str, Callable[[InferenceTestSample], Kinds]] = {
        JSON: json_bodies,
        CSV: csv_bodies,
        NPY: npy_bodies,
    }
    kind = sample.content_type.partition(";")[0].strip().lower()
    if kind in makers and len(sample.data) <= MIB:  # writing a large one again for each variant takes long
        return makers[kind](sample)
    return bodies(sample, text=kind == JSON or kind.startswith("text/"))


def _as_json(value: Any) -> Body:
    return json.dumps(value).encode(), JSON


def _in_turn(kinds: Kinds, count: int, seed: int) -> Iterator[tuple[str, int, Body]]:
    """The first of each kind, the second of each, and so on; with the number that each has among its kind."""
    wanted = max(1, -(-count // len(kinds)))
    for _ in range(ROUNDS):
        lists = _distinct(kinds, wanted, seed)
        if sum(map(len, lists.values())) >= count:
            break
        wanted *= 2
    numbered = [
        [(kind, number, body) for number, body in enumerate(found, 1)] for kind, found in lists.items()
    ]
    return (each for each in chain.from_iterable(zip_longest(*numbered)) if each is not None)


def _distinct(kinds: Kinds, wanted: int, seed: int) -> dict[str, list[Body]]:
    """Up to so many of each kind, none of which is of another kind as well."""
    told: set[Body] = set()
    lists: dict[str, list[Body]] = {}
    for kind, strategy in kinds.items():
        count = min(wanted, len(LARGE)) if kind == "huge" else wanted
        found = drawn(strategy, count, random.Random(f"{seed} {kind}").getrandbits(64))
        lists[kind] = [
            body
            for body in dict.fromkeys(found)
            if body not in told and (kind in MAY_BE_BLANK or body[0].strip(BLANK))
        ]
        told.update(lists[kind])
    return lists
