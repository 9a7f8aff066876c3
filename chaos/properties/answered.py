"""Whether everything that was asked was answered, and rightly: the census that goes with measures of time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from chaos.properties.base import Measure, at_most
from chaos.properties.record import Requests
from chaos.traffic.spec import Outcome

__all__ = ["answered"]

BUSY = {Outcome.TIMEOUT, Outcome.HTTP_5XX}
"""What a server that is short of processors answers too: full queues, and too late."""


def answered(loads: Iterable[Requests]) -> Measure:
    """At most none may be lost. Refusals and timeouts alone are no evidence where the machine was busy with others."""
    outcomes = np.concatenate([np.empty(0, dtype=np.int64), *(requests.outcome for requests in loads)])
    lost = Counter(Outcome(each) for each in outcomes.tolist() if each != Outcome.OK)
    told = ", ".join(f"{times} {outcome.label}" for outcome, times in lost.most_common())
    says = f"{outcomes.size - lost.total()} of {outcomes.size} requests were answered, and rightly"
    return at_most(
        "requests not answered rightly",
        0,
        lost.total(),
        n=int(outcomes.size),
        timed=bool(lost) and lost.keys() <= BUSY,
        says=f"{says} ({told})" if told else says,
    )
