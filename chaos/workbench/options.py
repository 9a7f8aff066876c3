"""Options that the commands of ``chaos handler`` share, and the command line that does the same again."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.core import ParameterSource

__all__ = ["a_pair", "a_size", "again", "limits_options", "parse_size"]

Function = TypeVar("Function", bound=Callable[..., Any])

UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
LEAST = 16 << 20
"""Python itself needs more."""
MOST = 1 << 50


def parse_size(value: object) -> int:
    """Bytes, from such as ``2GiB`` or ``512M``; units are powers of 1,024.

    :raises ValueError: if it is no size, or too small to be of use
    """
    found = re.fullmatch(r"([0-9]{1,16}(?:\.[0-9]{1,6})?) ?([kmgt]?)(?:i?b)?", str(value).strip().lower())
    if found is None:
        raise ValueError(f"{value!r} is no size (write 2GiB, 512M, or a number of bytes)")
    number = int(found[1]) * UNITS[found[2]] if found[1].isdigit() else int(float(found[1]) * UNITS[found[2]])
    if not LEAST <= number <= MOST:
        raise ValueError(f"{value!r} is less than 16MiB, or more than there is")
    return number


def a_size(value: object) -> int:
    """An option's value as :func:`parse_size`."""
    try:
        return parse_size(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def a_pair(value: object) -> tuple[str, str]:
    """An option's value as ``NAME=VALUE``."""
    name, equals, rest = str(value).partition("=")
    if not equals or not name:
        raise click.BadParameter(f"{value!r} is not NAME=VALUE")
    return name, rest


class _Seconds(click.FloatRange):
    """NaN is neither too small nor too large."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is no number of seconds", param, ctx)
        return number


SECONDS = _Seconds(0.01, 86_400.0)


LIMITS: tuple[tuple[str, Any, Any, str, str], ...] = (
    ("--memory", a_size, "2GiB", "SIZE", "Memory of the handler, such as 512MiB."),
    ("--cpu", SECONDS, 60.0, "SECONDS", "Processor time of a call."),
    ("--timeout", SECONDS, 10.0, "SECONDS", "Of a call."),
    ("--load-timeout", SECONDS, 60.0, "SECONDS", "Of loading the model."),
    ("--processes", click.IntRange(1, 4096), 32, "N", "Processes of the handler."),
)


def limits_options(function: Function) -> Function:
    """Adds what a handler's process may take: ``memory``, ``cpu``, ``timeout``, ``load_timeout``, ``processes``."""
    for name, kind, default, metavar, words in reversed(LIMITS):
        option = click.option(
            name, type=kind, default=default, show_default=True, metavar=metavar, help=words
        )
        function = option(function)
    return function


def again(context: click.Context, seed: int | None = None) -> str:
    """The command with what was given to it, but for where it wrote to.

    :param seed: that was drawn
    """
    words = ["chaos", *context.command_path.split(" ")[1:]]
    for parameter in context.command.params:
        name = str(parameter.name)
        if name in ("out", "seed") or context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        given = context.params[name]
        for value in given if isinstance(given, tuple) else (given,):
            text = "=".join(value) if isinstance(value, tuple) else str(value)
            words += [text] if isinstance(parameter, click.Argument) else [parameter.opts[0], text]
    return shlex.join([*words, *(["--seed", str(seed)] if seed is not None else [])])
