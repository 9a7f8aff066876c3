"""The JSON Schema of an experiment: Chaos Toolkit's format, which has none of its own, with our control's arguments.

It is a little stricter than Chaos Toolkit, which takes a misspelt strategy without a word.
"""

from __future__ import annotations

from typing import Any

from chaos.session.settings import ControlArguments

__all__ = ["CONTROL", "HYPOTHESIS_STRATEGIES", "ROLLBACK_STRATEGIES", "experiment_schema"]

CONTROL = "chaos.control"

HYPOTHESIS_STRATEGIES = (
    "default",
    "before-method-only",
    "after-method-only",
    "during-method-only",
    "continuously",
    "skip",
)
ROLLBACK_STRATEGIES = ("default", "always", "never", "deviated")

PLACEHOLDER = {"type": "string", "pattern": r"\$\{[_a-zA-Z][_a-zA-Z0-9]*\}"}
"""Wherever an experiment may hold a value it may hold ``${name}`` instead."""


def experiment_schema() -> dict[str, Any]:
    """The schema: of the whole document, with the values of our control's arguments loosened."""
    arguments = _with_placeholders(ControlArguments.model_json_schema(ref_template="#/$defs/{model}"))
    definitions = arguments.pop("$defs", {})
    return {
        "title": "Chaos Toolkit experiment",
        "type": "object",
        "required": ["title", "description", "method"],
        "properties": {
            "title": {"type": "string", "minLength": 1},
            "description": {"type": "string", "minLength": 1},
            "version": {"type": "string"},
            "tags": {"type": "array", "items": {"type": "string", "minLength": 1}},
            "contributions": {
                "type": "object",
                "additionalProperties": {"enum": ["high", "medium", "low", "none"]},
            },
            "configuration": {"type": "object"},
            "secrets": {"type": "object", "additionalProperties": {"type": "object"}},
            "controls": {"type": "array", "items": {"$ref": "#/$defs/control"}},
            "steady-state-hypothesis": {"$ref": "#/$defs/hypothesis"},
            "method": {"type": "array", "items": {"$ref": "#/$defs/activity"}},
            "rollbacks": {"type": "array", "items": {"$ref": "#/$defs/activity"}},
            "extensions": {"type": "array", "items": {"type": "object", "required": ["name"]}},
            "runtime": {
                "type": "object",
                "properties": {
                    "hypothesis": _strategies(HYPOTHESIS_STRATEGIES),
                    "rollbacks": _strategies(ROLLBACK_STRATEGIES),
                },
                "additionalProperties": False,
            },
        },
        "$defs": {
            **definitions,
            "serving": {**arguments, "title": "Arguments of the control chaos.control"},
            "control": _control(),
            "hypothesis": {
                "type": "object",
                "required": ["title", "probes"],
                "properties": {
                    "title": {"type": "string", "minLength": 1},
                    "probes": {
                        "type": "array",
                        "items": {
                            "$ref": "#/$defs/activity",
                            "anyOf": [{"required": ["tolerance"]}, {"required": ["ref"]}],
                        },
                    },
                },
            },
            "activity": _activity(),
            "provider": _provider(),
        },
    }


def _strategies(names: tuple[str, ...]) -> dict[str, Any]:
    return {"type": "object", "properties": {"strategy": {"enum": list(names)}}}


def _control() -> dict[str, Any]:
    ours = {"properties": {"module": {"const": CONTROL}}, "required": ["module"]}
    return {
        "type": "object",
        "required": ["name", "provider"],
        "properties": {
            "name": {"type": "string", "minLength": 1},
            "scope": {"enum": ["before", "after"]},
            "automatic": {"type": "boolean"},
            "provider": {
                "type": "object",
                "required": ["type", "module"],
                "properties": {"type": {"const": "python"}, "module": {"type": "string"}},
                "if": ours,
                "then": {"required": ["arguments"], "properties": {"arguments": {"$ref": "#/$defs/serving"}}},
            },
        },
    }


def _activity() -> dict[str, Any]:
    return {
        "type": "object",
        "anyOf": [{"required": ["ref"]}, {"required": ["type", "name", "provider"]}],
        "properties": {
            "ref": {"type": "string", "minLength": 1},
            "type": {"enum": ["action", "probe"]},
            "name": {"type": "string", "minLength": 1},
            "provider": {"$ref": "#/$defs/provider"},
            "tolerance": {"type": ["boolean", "integer", "string", "array", "object"]},
            "background": {"type": "boolean"},
            "pauses": {"type": "object"},
            "controls": {"type": "array"},
        },
    }


def _provider() -> dict[str, Any]:
    needs = {"python": ["module", "func"], "process": ["path"], "http": ["url"]}
    return {
        "type": "object",
        "required": ["type"],
        "oneOf": [
            {"properties": {"type": {"const": kind}}, "required": fields} for kind, fields in needs.items()
        ],
    }


def _with_placeholders(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with ``${name}`` allowed for every value, and text for numbers, as ``--var`` gives it."""
    changed: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            loose = _loose if key == "properties" else _with_placeholders
            changed[key] = {name: loose(part) for name, part in value.items()}
        elif key == "items" and isinstance(value, dict):
            changed[key] = _loose(value)
        else:
            changed[key] = value
    return changed


def _loose(schema: dict[str, Any]) -> dict[str, Any]:
    """One value, or a placeholder for it. A default stays where an editor looks for it."""
    about: dict[str, Any] = {key: schema[key] for key in ("title", "description", "default") if key in schema}
    rest = {key: value for key, value in schema.items() if key not in about}
    return {**about, "anyOf": [_with_placeholders(rest), PLACEHOLDER]}
