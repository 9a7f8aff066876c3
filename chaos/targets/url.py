"""Target URLs: one line by which a user names a system under test, and the adapter that speaks to it.

``ADAPTER+http://HOST:PORT?OPTION=VALUE`` for a system that runs already, such as
``torchserve+http://127.0.0.1:8080?management=8081``; ``ADAPTER?OPTION=VALUE`` for one that the adapter starts.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from chaos.errors import TargetError

__all__ = ["TargetURL", "is_loopback"]

_PORTS = range(1, 65536)
_DEFAULT_PORT = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class TargetURL:
    """A target URL taken apart.

    ``scheme``, ``host`` and ``port`` are empty, empty and 0 where the URL names no address; ``host`` is without
    the brackets of IPv6; ``options`` are in the order written, and one may come more than once.
    """

    text: str
    adapter: str
    scheme: str = ""
    host: str = ""
    port: int = 0
    path: str = ""
    options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str, known: Collection[str]) -> TargetURL:
        """Take a target URL apart.

        :param known: the names of the adapters there are
        :raises TargetError: if it is malformed or names none of them
        """
        head, _, query = text.strip().partition("?")
        adapter, plus, rest = head.partition("+")
        if not plus:
            adapter, separator, rest = head.partition("://")
            if separator and adapter in _DEFAULT_PORT:
                example = f"{min(known, default='ADAPTER')}+{text}"
                raise _error(text, f"names no adapter: write it before the scheme, such as {example}", known)
            if separator:
                raise _error(text, "an address is written ADAPTER+http://HOST:PORT", known)
        if adapter not in known:
            near = difflib.get_close_matches(adapter, sorted(known), n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise _error(text, f"no adapter is called '{adapter}'{hint}", known)
        options = _options(text, query, known)
        if not plus:
            return cls(text, adapter, options=options)
        scheme, host, port, path = _address(text, rest, known)
        return cls(text, adapter, scheme, host, port, path, options)

    @property
    def base(self) -> str:
        """The address as an ordinary URL without a slash at its end; empty where there is none."""
        return _base(self.scheme, self.host, self.port) + self.path if self.scheme else ""

    def option(self, name: str, default: str = "") -> str:
        """The value of an option; the last one where it comes more than once."""
        return dict(self.options).get(name, default)

    def endpoint(self, name: str) -> str:
        """A further address of the target, empty if not given: a number is a port of the same host.

        :raises TargetError: if the option's value is neither a port nor a URL
        """
        value = self.option(name)
        if not value:
            return ""
        if value.isdecimal() and value.isascii():
            if int(value) not in _PORTS:
                raise TargetError(f"target {self.text}: option '{name}': {value} is no port (1 to 65535)")
            return _base(self.scheme, self.host, int(value))
        scheme, host, port, path = _address(self.text, value, (), place=f"option '{name}': ")
        return _base(scheme, host, port) + path

    def hosts(self) -> list[str]:
        """Every host that it names: its own, and those in options that are URLs."""
        values = [value for _, value in self.options if "://" in value]
        others = [_address(self.text, value, (), place="an option: ")[1] for value in values]
        return [host for host in [self.host, *others] if host]

    def check_options(self, known: Collection[str]) -> None:
        """Refuse options that the adapter does not have.

        :raises TargetError: naming the first such, and those there are
        """
        for name, _ in self.options:
            if name not in known:
                near = difflib.get_close_matches(name, sorted(known), n=1)
                hint = f"; did you mean '{near[0]}'?" if near else ""
                have = ", ".join(sorted(known)) or "none"
                raise TargetError(
                    f"target {self.text}: adapter '{self.adapter}' has no option '{name}'{hint} (it has: {have})"
                )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its spelling; names are not looked up, as they may change."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _options(text: str, query: str, known: Collection[str]) -> tuple[tuple[str, str], ...]:
    try:
        return tuple(
            parse_qsl(query, keep_blank_values=True, strict_parsing=True, errors="strict") if query else ()
        )
    except ValueError:
        raise _error(text, "options are written NAME=VALUE, joined by '&'", known) from None


def _address(text: str, rest: str, known: Collection[str], place: str = "") -> tuple[str, str, int, str]:
    """Scheme, host, port and path of an ordinary URL."""
    try:
        parts = urlsplit(rest)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _error(text, f"{place}{error}", known) from None
    if parts.scheme not in _DEFAULT_PORT:
        raise _error(text, f"{place}an address starts with http:// or https://", known)
    if parts.username is not None or parts.password is not None:
        raise _error(text, f"{place}a user or password in the address is not taken", known)
    if not host or re.search(r"[\s\x00-\x1f%]", host):
        raise _error(text, f"{place}the address names no host", known)
    if parts.fragment or parts.query:
        raise _error(text, f"{place}'?' and '#' have no place in the address", known)
    if port == 0:
        raise _error(text, f"{place}0 is no port (1 to 65535)", known)
    return parts.scheme, host, port or _DEFAULT_PORT[parts.scheme], parts.path.rstrip("/")


def _base(scheme: str, host: str, port: int) -> str:
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _error(text: str, problem: str, known: Collection[str]) -> TargetError:
    listed = f" (known adapters: {', '.join(sorted(known))})" if known else ""
    shown = re.sub(r"//[^/?]*@", "//…@", text)  # a password stays out of logs and reports
    return TargetError(f"target '{shown}': {problem}{listed}")
