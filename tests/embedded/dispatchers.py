"""Dispatchers with replicas that are connected, for requests that are nothing but a model and a number."""

from __future__ import annotations

from dataclasses import dataclass

from chaos.embedded.defects import Defect
from chaos.embedded.dispatch import Dispatcher

MODELS = ("a", "b")


LIMIT = 3


BATCHES = {"a": 1, "b": 3}


DELAY = 1.0


@dataclass(eq=False)
class Request:
    model: str
    number: int = 0


def dispatcher(*defects: Defect, workers: int = 1) -> Dispatcher[Request]:
    made: Dispatcher[Request] = Dispatcher(frozenset(defects))
    for index, model in enumerate(MODELS):
        made.set_model(model, workers=workers, limit=LIMIT)
        made.add_replica(index, model)
        made.connected(index)
    return made


def batching(
    *defects: Defect, batch: int = 3, delay: float = DELAY, replicas: int = 1
) -> Dispatcher[Request]:
    made: Dispatcher[Request] = Dispatcher(frozenset(defects))
    made.set_model("a", workers=replicas, limit=LIMIT, batch=batch, delay=delay)
    for replica in range(replicas):
        made.add_replica(replica, "a")
        made.connected(replica)
    return made
