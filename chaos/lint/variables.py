"""``${name}`` in an experiment: what Chaos Toolkit will put there, as far as the file alone says.

Literals and defaults are known; what comes from the environment, a vault or a probe is not, and stays a
placeholder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from chaoslib import convert_to_type, substitute

from chaos.documents import nearest
from chaos.lint.findings import Report

__all__ = ["Variables"]

PLACEHOLDER = re.compile(r"\$\{([_a-zA-Z][_a-zA-Z0-9]*)\}")


class Variables:
    """The variables of one experiment."""

    def __init__(self, experiment: Mapping[str, Any], report: Report) -> None:
        configuration, secrets = experiment.get("configuration", {}), experiment.get("secrets", {})
        if not isinstance(configuration, dict) or not isinstance(secrets, dict):
            report.error("", "'configuration' and 'secrets' have to be objects", "write them as {…}")
            configuration, secrets = {}, {}
        self._report = report
        self._literals = {name: value for name, value in map(_literal, configuration.items()) if name}
        groups = [group for group in secrets.values() if isinstance(group, dict)]
        self._names = {*configuration, *(name for group in groups for name in group)}

    def resolved(self, field: str, value: Any) -> Any:
        """The value with its known variables filled in; one that is declared nowhere is an error."""
        for name in sorted(set(_placeholders(value)) - self._names):
            problem = f"'${{{name}}}' is declared neither in 'configuration' nor in 'secrets'"
            self._report.error(field, problem, nearest(name, self._names) or "declare it in 'configuration'")
        return substitute(value, self._literals, {})


def _literal(entry: tuple[str, Any]) -> tuple[str, Any]:
    """A variable with the value the file gives it; the name is blank if it gives none."""
    name, value = entry
    if not isinstance(value, dict) or "type" not in value:
        return name, value
    if value["type"] != "env" or "default" not in value:
        return "", None
    try:
        return name, convert_to_type(value.get("env_var_type"), value["default"])
    except (ValueError, TypeError):
        return name, value["default"]


def _placeholders(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from PLACEHOLDER.findall(value)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _placeholders(item)
    elif isinstance(value, list):
        for item in value:
            yield from _placeholders(item)
