"""Judges the checks that a run declared, from its history."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import TypeAdapter, ValidationError

from chaos.checks.documents import CheckDocument
from chaos.checks.evidence import gather
from chaos.checks.results import CheckResult
from chaos.errors import RunDirectoryError
from chaos.history import Event
from chaos.recording import Recording

__all__ = ["judge_checks"]

_ADAPTER: TypeAdapter[tuple[CheckDocument, ...]] = TypeAdapter(tuple[CheckDocument, ...])


def judge_checks(events: Sequence[Event], recording: Recording) -> tuple[CheckResult, ...]:
    """A result for each check of the ``run`` event, in its order.

    :raises RunDirectoryError: if a check, or an event that holds evidence, cannot be understood
    """
    try:
        checks = _ADAPTER.validate_python(recording.run.get("checks", ()), strict=False)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise RunDirectoryError(f"the history's 'run' event: checks.{place}: {first['msg']}") from None
    if not checks:
        return ()
    evidence = gather(events, recording)
    return tuple(check.judged(evidence) for check in checks)
