"""What a handler should not do between its calls: answer differently, remember, or start what it does not end.

``determinism`` asks whether the same request has the same answer, again in one process and in a new one;
``statelessness`` whether answers depend on what was asked before: the requests in reverse and in a shuffled order, each
in a new process. One that is random is told from one that remembers by a new process with the same requests in the same
order: the former differs there, too.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from chaos.handlers.isolation import Isolated
from chaos.offline.answers import difference
from chaos.offline.pool import Pool
from chaos.offline.requests import Request
from chaos.offline.results import CheckResult
from chaos.offline.runs import KEPT_BYTES, Ran, run_once

__all__ = ["ORDERS", "Answers", "answers_of", "judge_orders", "loaded_once", "run_orders"]

ORDERS = ("the same", "the reverse", "a shuffled")
MOST_REQUESTS = 200
"""Of each order: what a handler remembers shows sooner than that."""

Answers = dict[int, Ran]
"""The first run of each request, by its number."""


def run_orders(
    pool: Pool, requests: Sequence[Request], seed: int, heard: Callable[[int, str], None]
) -> dict[str, list[Ran]]:
    """The runs of the requests in each order, by its name; each order in a new process.

    :param heard: is told how many orders are done, and which was the last
    """
    few = list(requests[:MOST_REQUESTS])
    shuffled = random.Random(seed).sample(few, len(few))
    orders = dict(zip(ORDERS, (few, few[::-1], shuffled), strict=True))

    def one(handler: Isolated, name: str) -> list[Ran]:
        handler.load()
        return [run_once(handler, request, first=not number) for number, request in enumerate(orders[name])]

    found: dict[str, list[Ran]] = {}
    for number, (name, ran) in enumerate(zip(orders, pool.each(one, list(orders)), strict=True), 1):
        found[name] = ran
        heard(number, f"in {name} order")
    return found


def answers_of(runs: Sequence[Ran]) -> Answers:
    """The first run of each request among these."""
    found: Answers = {}
    for ran in runs:
        found.setdefault(id(ran.request), ran)
    return found


def judge_orders(passes: Sequence[Sequence[Ran]], orders: dict[str, list[Ran]]) -> list[CheckResult]:
    """``determinism`` and ``statelessness``, by the passes over the requests in one process, and in other orders."""
    first = answers_of(passes[0]) if passes else {}
    asked = {id(ran.request): ran.request for ran in orders.get(ORDERS[0], [])}
    if not asked:
        return [
            CheckResult(name=name, verdict="unknown", words="no request was answered each time")
            for name in ("determinism", "statelessness")
        ]
    anew = _apart(asked, first, answers_of(orders[ORDERS[0]]))
    again = next((found for each in passes[1:] if (found := _apart(asked, first, answers_of(each)))), "")
    evidence = {"requests": len(asked), "passes": len(passes)}
    if anew:
        words = f"a new process answers the same request otherwise: {anew}"
    elif again:
        words = f"the same request is answered otherwise the second time: {again}"
    else:
        words = f"the same request has the same answer, {len(passes)} times in one process and in a new one"
    deterministic = CheckResult(
        name="determinism", verdict="fail" if anew or again else "pass", words=words, evidence=evidence
    )
    return [deterministic, _stateless(asked, first, orders, anew, again)]


def _stateless(
    asked: dict[int, Request], first: Answers, orders: dict[str, list[Ran]], anew: str, again: str
) -> CheckResult:
    name = "statelessness"
    if anew:
        words = "it does not answer twice the same anyway, so nothing can be told of the order"
        return CheckResult(name=name, verdict="unknown", words=words)
    if again:
        words = (
            f"it remembers what it was asked before, for a new process answers as the first one did: {again}"
        )
        return CheckResult(name=name, verdict="fail", words=words)
    if len(asked) < 2:
        return CheckResult(name=name, verdict="not applicable", words="one request has no order")
    for order in ORDERS[1:]:
        if apart := _apart(asked, first, answers_of(orders[order])):
            return CheckResult(
                name=name, verdict="fail", words=f"in {order} order it answers otherwise: {apart}"
            )
    words = f"the order of the {len(asked)} requests does not matter"
    return CheckResult(name=name, verdict="pass", words=words, evidence={"requests": len(asked)})


def loaded_once(runs: Sequence[Ran], loads: int) -> CheckResult:
    """``loaded once``: in no process ``model_fn`` loads the model again; to call it for what is loaded is no fault.

    :param loads: how often it did before the first request
    """
    most, requests = loads, 0
    for ran in runs:
        if ran.run.loads > most:
            most, requests = ran.run.loads, requests + 1
    limits = {"estimate": float(most), "limit": 1.0, "unit": "loads"}
    if most <= 1:
        words = "model_fn loads the model once in a process"
        return CheckResult(name="loaded once", verdict="pass", words=words, **limits)
    when = (
        f"{loads} times before the first request"
        if loads > 1
        else f"again by {requests} of {len(runs)} requests"
    )
    words = f"model_fn is called {when}, and loads the model anew"
    return CheckResult(name="loaded once", verdict="fail", words=words, **limits)


def _apart(asked: dict[int, Request], one: Answers, other: Answers) -> str:
    """The first request that has another answer in the other answers, if it is there, and where they differ."""
    for number, request in asked.items():
        if number not in one or number not in other:
            continue
        a, b = one[number], other[number]
        if a.run.outcome != "ok" or b.run.outcome != "ok":
            if a.run.outcome != b.run.outcome:
                return f"{request.words} is not answered each time"
        elif a.result.answer_digest != b.result.answer_digest:
            apart = difference(a.run.body, b.run.body) or f"after {KEPT_BYTES} bytes"
            return f"{request.words} {apart}"
    return ""
