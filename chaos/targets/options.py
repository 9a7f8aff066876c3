"""Options that the adapters of HTTP servers have in common, read from a target URL.

A secret can be named instead of written (``token=env:NAME``), as a target URL ends up in reports.
"""

from __future__ import annotations

import os
import re

from chaos.errors import TargetError
from chaos.targets.url import TargetURL

__all__ = ["flag", "redacted", "require_address", "secret"]

_ENV = "env:"


def require_address(url: TargetURL, example: str) -> None:
    """Refuse a URL without an address.

    :raises TargetError: with an example of how it is written
    """
    if not url.base:
        raise TargetError(f"target {url.text}: adapter '{url.adapter}' needs an address, such as {example}")


def secret(url: TargetURL, name: str) -> str:
    """The value of an option that is a secret, empty if not given; ``env:NAME`` is read from the environment.

    :raises TargetError: if there is no such variable, or the value cannot be sent in a header
    """
    value = url.option(name)
    if value.startswith(_ENV):
        variable = value.removeprefix(_ENV)
        value = os.environ.get(variable, "")
        if not value:
            raise TargetError(
                f"target {redacted(url.text)}: option '{name}': the environment variable '{variable}' is not set "
                f"(export {variable}=…)"
            )
    if not re.fullmatch(r"[\x21-\x7e]*", value):
        raise TargetError(f"target {redacted(url.text)}: option '{name}' has characters that no token has")
    return value


def redacted(text: str) -> str:
    """A target URL whose tokens may be shown to anybody."""
    return re.sub(r"([?&](?:management_)?token=)(?!env:)[^&]+", r"\1…", text)


def flag(url: TargetURL, name: str, default: bool) -> bool:
    """An option that is ``true`` or ``false``.

    :raises TargetError: if it is neither
    """
    value = url.option(name, str(default).lower())
    if value not in ("true", "false"):
        raise TargetError(f"target {redacted(url.text)}: option '{name}' is true or false, not '{value}'")
    return value == "true"
