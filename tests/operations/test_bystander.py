"""Frames of the traffic to a bystander become rows of a program's record, and the isolation check reads them."""

from __future__ import annotations

import numpy as np
import pytest

from chaos.operations.bystander import rows_of
from chaos.operations.checks.left import Isolation
from chaos.operations.record import ProgramRecord
from chaos.traffic.histogram import buckets_of, slot_of
from chaos.traffic.spec import Outcome
from tests.operations.synthetic import Story


def record(outcome: Outcome, seconds: float, count: int) -> ProgramRecord:
    bucket = int(buckets_of(np.array([seconds]))[0])
    good = [slot_of(99.9), int(Outcome.OK), 3, 7]
    rows = rows_of({"cells": [good, [slot_of(100.2), int(outcome), bucket, count]]})
    story = Story("a").call("register", "a").standing(a=1)
    story.events.append({"kind": "bystander", "at": story.now, "rows": rows})
    return story.end()


@pytest.mark.parametrize(
    ("outcome", "seconds", "count", "words"),
    [
        (Outcome.OK, 0.01, 3, []),
        (Outcome.RESET, 0.01, 3, ["3 of 10 requests to a model that no step is about failed: reset"]),
        (Outcome.OK, 3.0, 1, ["1 of 8 requests to a model that no step is about were held up, up to 3.0 s"]),
    ],
)
def test_what_it_felt(outcome: Outcome, seconds: float, count: int, words: list[str]) -> None:
    assert [each.words for each in Isolation().check(record(outcome, seconds, count))] == words
