"""What an error of a handler means to a client, as the SageMaker Inference Toolkit has it."""

from __future__ import annotations

from dataclasses import dataclass

from chaos.handlers.formats import HandlerInputError

__all__ = ["Failure", "HandlerStatusError", "failure_of"]

TOOLKIT_ERROR = "BaseInferenceToolkitError"


class HandlerStatusError(Exception):
    """A handler has set an error's status for its answer, which is the ``message``."""

    def __init__(self, status_code: int, message: str, phrase: str) -> None:
        self.status_code, self.message, self.phrase = status_code, message, phrase
        super().__init__(status_code, message, phrase)


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as an answer.

    :param status: the HTTP status
    :param message: the answer's text
    :param phrase: the status line's, in one line
    :param stated: the error itself says its status
    :param refused: it is the request that is wrong
    """

    status: int
    message: str
    phrase: str
    stated: bool
    refused: bool


def failure_of(error: BaseException) -> Failure:
    """The answer to a request whose handler raised.

    The toolkit's own error, with ``status_code``, ``message`` and ``phrase``, is answered as it says; all others, those
    of the format included, have status 500. It is known by the name of its class or of one that it is derived from, for
    a package need not have the toolkit.
    """
    stated = isinstance(error, HandlerStatusError) or any(
        kind.__name__ == TOOLKIT_ERROR for kind in type(error).__mro__
    )
    status = getattr(error, "status_code", None) if stated else None
    message, phrase = getattr(error, "message", None), getattr(error, "phrase", None)
    if isinstance(status, int) and isinstance(message, str) and isinstance(phrase, str):
        return Failure(status, message, _line(phrase), True, 400 <= status < 500)
    message = str(error) or "Invalid Request"
    refused = isinstance(error, HandlerInputError) or type(error).__name__ == "UnsupportedFormatError"
    return Failure(500, message, _line(message), False, refused)


def _line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ")
