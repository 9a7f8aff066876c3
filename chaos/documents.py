"""Reading the documents that users write: JSON or YAML from a file, and its check against a model.

Whatever the bytes are, the outcome is a value or a :class:`~chaos.errors.DocumentError` that says where the
problem is and what to do about it.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from chaos.errors import DocumentError

__all__ = ["Misfit", "load_document", "misfits", "nearest", "read_value", "validated"]

Model = TypeVar("Model", bound=BaseModel)

Location = tuple[int | str, ...]

SHOWN = 60
"""A value that was given is quoted up to this many characters."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """One way in which a value does not fit a model; ``field`` is a path such as ``objectives.0.sli``."""

    field: str
    problem: str
    remedy: str
    given: object


def load_document(path: Path, model: type[Model]) -> Model:
    """Read a file and check it.

    :raises DocumentError: with file, line and column of broken JSON, or the field that does not fit
    """
    return validated(read_value(path), model, str(path))


def read_value(path: Path) -> Any:
    """The value in a JSON file, or in a YAML file by its suffix.

    JSON is read strictly: a key that is there twice, and numbers that are not finite, are errors.

    :raises DocumentError: if it cannot be read or parsed
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(str(path), f"not UTF-8 text at byte {error.start}", "save it as UTF-8") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise DocumentError(str(path), f"cannot be read: {reason}", "name a file that exists") from None
    return _yaml(text, path) if path.suffix in (".yaml", ".yml") else _json(text, path)


def validated(value: object, model: type[Model], place: str) -> Model:
    """The value as that model.

    :raises DocumentError: in one line, naming the first field that does not fit and how many others do not
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        found = misfits(error, model)
    first, more = found[0], len(found) - 1
    where = f"{place}: {first.field}" if first.field else place
    rest = f"; {more} more {'field does' if more == 1 else 'fields do'} not fit either" if more else ""
    raise DocumentError(where, first.problem + rest, first.remedy)


def misfits(error: ValidationError, model: type[BaseModel]) -> list[Misfit]:
    """Every problem of a validation error, in words that need no knowledge of pydantic."""
    details = error.errors(include_url=False)
    return [_misfit(detail, model) for detail in details if not _consequence(detail, details)]


def _consequence(detail: ErrorDetails, details: list[ErrorDetails]) -> bool:
    """Whether a list only has too few items because one of them does not fit."""
    location = detail["loc"]
    within = (other["loc"] for other in details if len(other["loc"]) > len(location))
    return detail["type"] == "too_short" and any(loc[: len(location)] == location for loc in within)


def nearest(word: object, known: Iterable[str]) -> str:
    """A remedy: the known word that is most like this one, or all of them."""
    names = sorted(set(known))
    close = difflib.get_close_matches(str(word), names, n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known are: {', '.join(names)}" if names else ""


def _json(text: str, path: Path) -> Any:
    def refuse(constant: str) -> NoReturn:
        raise DocumentError(str(path), f"{constant} is no finite number", "write one")

    def finite(number: str) -> float:
        value = float(number)
        return value if math.isfinite(value) else refuse(number)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _value in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise DocumentError(str(path), f"key {twice!r} is there twice in one object", "keep one of them")
        return found

    try:
        return json.loads(text, parse_constant=refuse, parse_float=finite, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        place = f"{path}:{error.lineno}:{error.colno}"
        raise DocumentError(place, f"not JSON: {error.msg}", "mend it there") from None
    except RecursionError:
        raise DocumentError(str(path), "nested too deeply", "make it flatter") from None
    except ValueError as error:
        # Python refuses to read integers of thousands of digits.
        raise DocumentError(str(path), f"not JSON: {error}", "write a smaller number") from None


def _yaml(text: str, path: Path) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise DocumentError(place, f"not YAML: {error.problem}", "mend it there") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise DocumentError(str(path), f"not YAML: {error}", "mend it") from None


def _misfit(detail: ErrorDetails, model: type[BaseModel]) -> Misfit:
    location: Location = detail["loc"]
    field, given, kind = ".".join(map(str, location)), detail["input"], detail["type"]
    context: Mapping[str, Any] = detail.get("ctx") or {}
    match kind:
        case "extra_forbidden":
            known = _fields_at(model, location[:-1])
            return Misfit(field, f"unknown field '{location[-1]}'", nearest(location[-1], known), given)
        case "missing":
            parent = ".".join(map(str, location[:-1]))
            return Misfit(parent, f"field '{location[-1]}' is missing", "add it", given)
        case "literal_error":
            words = [word.strip(" '") for word in str(context["expected"]).replace(" or ", ", ").split(",")]
            return Misfit(field, f"{_quoted(given)} is not known here", nearest(given, words), given)
        case "value_error":
            return Misfit(field, str(context["error"]), "", given)
        case "model_type" | "model_attributes_type" | "dict_type":
            return Misfit(field, f"has to be an object, not {_quoted(given)}", "", given)
        case "string_pattern_mismatch":
            problem = f"{_quoted(given)} does not look like {context['pattern']}"
            return Misfit(field, problem, "use lower-case letters, digits and dashes", given)
    message = detail["msg"].removeprefix("Input ")
    return Misfit(field, message, f"given: {_quoted(given)}", given)


def _fields_at(model: type[BaseModel], location: Location) -> set[str]:
    """The names of the fields of the model that a path leads to; none if it leads to no model."""
    found: type[BaseModel] | None = model
    is_key = False
    for part in location:
        if isinstance(part, str) and not is_key:
            field = _fields(found).get(part)
            found = _model_in(field.annotation) if field is not None else None
            is_key = field is not None and get_origin(field.annotation) is dict
        else:
            is_key = False
    return set(_fields(found))


def _fields(model: type[BaseModel] | None) -> dict[str, FieldInfo]:
    """The fields of a model by the names that documents use."""
    fields = model.model_fields if model is not None else {}
    return {field.alias or name: field for name, field in fields.items()}


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The model in an annotation such as ``tuple[Model, ...] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for argument in get_args(annotation) if (model := _model_in(argument))), None)


def _quoted(value: object) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
