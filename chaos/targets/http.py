"""The control-plane client that adapters share: one HTTP call under a deadline, answered or explained.

It turns everything that can go wrong on the wire into one sentence that names the address and the remedy, and
tells what never reached the server from what may have taken effect there.

    TargetError
    ├── UnreachableError    the request never reached the server
    ├── RefusedError        the server refused, with a status and its own words
    └── UnansweredError     the request may have reached it, and nobody knows what came of it
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

from chaos.errors import TargetError
from chaos.targets.context import UnansweredError

__all__ = ["CALL_SECONDS", "Answer", "ControlClient", "RefusedError", "UnreachableError"]

CALL_SECONDS = 30.0
"""How long one call may take; a synchronous register or scale is one call."""
ANSWER_BYTES = 32 * 1024 * 1024
"""More than any answer of a control plane; who sends more is not the server that was meant."""
WORDS = 300
"""How much of the server's own words goes into an error, in characters."""


class UnreachableError(TargetError):
    """The request never reached the server."""


class RefusedError(TargetError):
    """The server refused. ``status`` is its HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        self.status = status
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the server, whatever its status."""

    method: str
    url: str
    status: int
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is a 2xx."""
        return 200 <= self.status < 300

    def json(self) -> object:
        """The body as JSON.

        :raises UnansweredError: if it is none
        """
        try:
            return json.loads(self.body)
        except ValueError:
            raise UnansweredError(
                f"{self.method} {self.url}: the answer ({self.status}) is not JSON: '{self.words}' "
                "(is this the port and the server that you meant?)"
            ) from None

    @property
    def words(self) -> str:
        """What the server says in an error: its message if it has one, on one line."""
        text = self.body.decode("utf-8", "replace")
        try:
            document = json.loads(text)
        except ValueError:
            document = None
        if isinstance(document, dict):
            text = str(
                next((document[key] for key in ("message", "error", "detail") if document.get(key)), text)
            )
        line = " ".join(text.split())
        return line if len(line) <= WORDS else f"{line[:WORDS]}…"

    def expect(self, what: str, remedy: str = "") -> Answer:
        """This answer if it is a 2xx.

        :raises RefusedError: if not; ``what`` was asked for
        """
        if self.ok:
            return self
        said = self.words or "no reason given"
        message = f"{what}: {self.url} answered {self.status}: {said}"
        raise RefusedError(message + (f" ({remedy})" if remedy else ""), self.status)


class ControlClient:
    """Calls to one base address. :meth:`call` opens it on first use; :meth:`close` is idempotent."""

    def __init__(self, base: str, token: str = "", verify_tls: bool = True) -> None:
        self.base = base
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._tls = verify_tls
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Let go of the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        seconds: float = CALL_SECONDS,
    ) -> Answer:
        """One call; redirects are not followed, nothing is retried.

        :param params: the query
        :param body: sent as JSON if it is not ``None``
        :param seconds: the deadline
        :raises UnreachableError: if it never reached the server
        :raises UnansweredError: if it may have, and there was no complete answer in time
        """
        url = f"{self.base}{path}"
        if self._session is None:
            # no keep-alive: a connection closed by the server while idle would look like a cut one
            connector = aiohttp.TCPConnector(force_close=True, ssl=self._tls)
            self._session = aiohttp.ClientSession(
                connector=connector,
                headers=self._headers,
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        deadline = aiohttp.ClientTimeout(total=seconds)
        try:
            async with self._session.request(
                method,
                url,
                params=params,
                json=body,
                timeout=deadline,
                allow_redirects=False,
            ) as response:
                content = await _bounded(response)
                return Answer(method, url, response.status, content)
        except aiohttp.ClientConnectorCertificateError as error:
            raise UnreachableError(
                f"{url}: the certificate is not trusted: {error.certificate_error} (option verify=false takes any)"
            ) from error
        except aiohttp.ClientConnectorError as error:
            reason = (error.os_error.strerror or str(error.os_error)).lower()
            raise UnreachableError(f"{url}: {reason} (is the server running there?)") from error
        except TimeoutError as error:
            raise UnansweredError(
                f"{method} {url}: no answer within {seconds:g} s (is the server overloaded or hung?)"
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise UnansweredError(
                f"{method} {url}: the connection was cut before the answer was complete: "
                f"{_reason(error)} (did the server die, or is this not an HTTP port?)"
            ) from error


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_chunked(65536):
        size += len(chunk)
        if size > ANSWER_BYTES:
            raise UnansweredError(
                f"{response.url}: the answer is larger than {ANSWER_BYTES // 1048576} MiB "
                "(is this the server that you meant?)"
            )
        chunks.append(chunk)
    return b"".join(chunks)


def _reason(error: BaseException) -> str:
    first = (str(error) or type(error).__name__).splitlines()[0]
    return first.rstrip(".:")
