"""What stays the same in the answers of an API that reads, however often it is asked."""

from __future__ import annotations

import json

from chaos.targets.http import Answer

__all__ = ["shape"]


def shape(answer: Answer) -> str:
    """What stays the same in an answer if nothing has changed: its status, its fields with the kinds of their values,
    and the lengths of its lists. A body that is not JSON has no shape but whether there is one."""
    try:
        content = json.loads(answer.body)
    except ValueError:
        return f"{answer.status} {'text' if answer.body else 'empty'}"
    return f"{answer.status} {_kind(content)}"


def _kind(value: object) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{key}: {_kind(value[key])}" for key in sorted(value)) + "}"
        case list():
            return f"{len(value)} of [{' | '.join(sorted({_kind(each) for each in value}))}]"
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case None:
            return "null"
        case _:
            return "text"
