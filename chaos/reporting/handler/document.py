"""``summary.json``: what was found of a handler, of a script before it, or of a pipeline; with a published JSON Schema.

The documents are the results themselves (:mod:`chaos.offline.results`), told apart by ``kind``. What is no finite
number is null.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from chaos.errors import RunDirectoryError
from chaos.offline.results import CompatibilityResult, InferenceTestResult, PipelineResult, verdict_of
from chaos.sla.results import Verdict

__all__ = ["SUMMARY", "Result", "document_of", "handler_schema", "read_result"]

SUMMARY = "summary.json"

Result = InferenceTestResult | CompatibilityResult | PipelineResult

_RESULT: TypeAdapter[Result] = TypeAdapter(Annotated[Result, Field(discriminator="kind")])
KINDS = ("handler", "compatibility", "pipeline")


def document_of(result: Result) -> dict[str, Any]:
    """A result as JSON values, valid against ``schemas/handler.schema.json``."""
    found: dict[str, Any] = _finite(result.model_dump(mode="json"))
    return found


def handler_schema() -> dict[str, Any]:
    """The JSON Schema of the document, of whichever kind it is."""
    made = _RESULT.json_schema(mode="serialization")
    return {"title": "What was found of a handler, a script before it, or a pipeline", **made}


def read_result(directory: Path) -> Result | None:
    """What was found, judged again by its checks; None if the directory is that of something else.

    :raises RunDirectoryError: if it is of this kind and cannot be understood
    """
    path = directory / SUMMARY
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or document.get("kind") not in KINDS:
        return None
    try:
        result = _RESULT.validate_python(document, strict=False)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:])
        raise RunDirectoryError(f"{path}: {place}: {first['msg']} (test the handler again)") from None
    return _judged(result)


def _judged(result: Result) -> Result:
    if isinstance(result, InferenceTestResult):
        verdict = verdict_of(result.checks)
        return result.model_copy(
            update={"verdict": verdict, "overall_success": verdict is Verdict.PASS and not result.errors}
        )
    if isinstance(result, PipelineResult):
        verdict = verdict_of((*result.nodes, *result.edges))
        return result.model_copy(update={"verdict": verdict, "pipeline_success": verdict is Verdict.PASS})
    return result


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list) else value
