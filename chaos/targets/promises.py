"""What the protocols promise of each call's answer: :func:`broken` says in words what does not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from chaos.targets.records import ErrorRecord, LinkState, ModelState, NodeLimits, Part, Told
from chaos.traffic.spec import HttpRequest

__all__ = ["broken"]


def broken(name: str, answer: Any, *arguments: Any) -> list[str]:
    """What is wrong with the answer of the method of this name to these arguments, one sentence each."""
    promise: Callable[..., Iterable[str]] = _PROMISES.get(name, _nothing)
    return list(promise(answer, *arguments))


def _nothing(answer: Any, *_: Any) -> Iterable[str]:
    if answer is not None:
        yield f"it returned {answer!r}, not None"


def _truth(answer: Any) -> Iterable[str]:
    if not isinstance(answer, bool):
        yield f"it returned {answer!r}, not a bool"


def _names(answer: Any) -> Iterable[str]:
    if not isinstance(answer, list) or not all(isinstance(name, str) and name for name in answer):
        yield f"it returned {answer!r}, not a list of names"
        return
    if answer != sorted(answer):
        yield f"the names are not sorted: {answer!r}"
    if len(set(answer)) < len(answer):
        yield f"a name is there twice: {answer!r}"


def _pids(answer: Any) -> Iterable[str]:
    if not isinstance(answer, list) or not all(isinstance(pid, int) and pid > 0 for pid in answer):
        yield f"it returned {answer!r}, not a list of pids"


def _parts(answer: Any) -> Iterable[str]:
    if not isinstance(answer, list) or not all(isinstance(part, Part) for part in answer):
        yield f"it returned {answer!r}, not a list of Part"
        return
    pids = [part.pid for part in answer]
    if len(set(pids)) < len(pids):
        yield f"a process is there twice: {pids!r}"
    for part in answer:
        if part.pid <= 0 or part.started <= 0:
            yield f"no process has pid {part.pid} and start time {part.started}"
        if part.model and part.role != "replica":
            yield f"the {part.role}, pid {part.pid}, is said to serve '{part.model}'"


def _errors(answer: Any, model: str) -> Iterable[str]:
    if not isinstance(answer, list) or not all(isinstance(record, ErrorRecord) for record in answer):
        yield f"it returned {answer!r}, not a list of ErrorRecord"
        return
    if any(record.model != model for record in answer):
        yield f"an error is another model's: {answer!r}"
    times = [record.monotonic for record in answer]
    if times != sorted(times, reverse=True):
        yield f"the latest is not first: {times!r}"


def _links(answer: Any) -> Iterable[str]:
    if not isinstance(answer, list) or not all(isinstance(link, LinkState) for link in answer):
        yield f"it returned {answer!r}, not a list of LinkState"
        return
    names = [link.name for link in answer]
    if len(set(names)) < len(names):
        yield f"a link is there twice: {names!r}"


def _limits(answer: Any) -> Iterable[str]:
    if not isinstance(answer, NodeLimits):
        yield f"it returned {answer!r}, not NodeLimits"
        return
    if min(answer.workers, answer.memory, answer.worker_memory, answer.batch) < 1:
        yield f"a limit is not positive: {answer!r}"


def _told(answer: Any, *_: Any) -> Iterable[str]:
    if not isinstance(answer, Told):
        yield f"it returned {answer!r}, not Told"
    elif min(answer.served, answer.waiting, answer.service) < 0:
        yield f"something counted is negative: {answer!r}"


def _request(answer: Any, *_: Any) -> Iterable[str]:
    if not isinstance(answer, HttpRequest):
        yield f"it returned {answer!r}, not an HttpRequest"
        return
    if not answer.url.startswith(("http://", "https://")):
        yield f"the URL '{answer.url}' is not absolute"
    if not isinstance(answer.body, bytes):
        yield f"the body is {type(answer.body).__name__}, not bytes"


def _package(answer: Any, *_: Any) -> Iterable[str]:
    if not isinstance(answer, str) or not answer:
        yield f"it returned {answer!r}, not what a package is called"


def _state(answer: Any, model: str) -> Iterable[str]:
    if not isinstance(answer, ModelState):
        yield f"it returned {answer!r}, not a ModelState"
        return
    if answer.name != model:
        yield f"it describes '{answer.name}', not '{model}'"
    if answer.workers < 0 or answer.desired < 0:
        yield f"a number of workers is negative: {answer.workers} of {answer.desired}"
    if answer.workers > 0 and not answer.ready:
        yield f"{answer.workers} workers are ready, but the model is not"
    if not all(pid > 0 for pid in answer.pids):
        yield f"a pid is not positive: {answer.pids!r}"


_PROMISES: dict[str, Callable[..., Iterable[str]]] = {
    "healthy": _truth,
    "models": _names,
    "pids": _pids,
    "parts": _parts,
    "errors": _errors,
    "links": _links,
    "limits": _limits,
    "timings": _told,
    "package_in": _package,
    "infer_request": _request,
    "control_request": _request,
    "describe": _state,
}
