"""One request whose answer is read: for what an answer says, which a traffic worker does not keep."""

from __future__ import annotations

import json

import aiohttp

from chaos.errors import TargetError
from chaos.targets.http import Answer
from chaos.traffic.spec import HttpRequest

__all__ = ["ask", "shape"]

SECONDS = 10.0


async def ask(request: HttpRequest, seconds: float = SECONDS) -> Answer:
    """The answer to a wire request, whatever its status.

    :raises TargetError: if there is none in time
    """
    timeout = aiohttp.ClientTimeout(total=seconds)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.request(
                request.method,
                request.url,
                data=request.body or None,
                headers=dict(request.headers),
                ssl=request.verify_tls,
                allow_redirects=False,
            ) as response,
        ):
            return Answer(request.method, request.url, response.status, await response.read())
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise TargetError(f"{request.method} {request.url}: {error!r} (is the server there?)") from error


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
