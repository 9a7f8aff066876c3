"""Packages that a test writes, their test, and the checks that did not pass."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chaos.handlers.limits import Limits
from chaos.offline import testing
from chaos.offline.results import CheckResult, InferenceTestResult
from chaos.offline.specs import InferenceHandlerSpec, InferenceTestSample
from tests.handlers.packages import package

PATIENT = Limits(memory=256 << 20, call=30.0, load=30.0, processes=8)
QUICK: dict[str, Any] = {
    "limits": PATIENT,
    "repeats": 2,
    "leak_calls": 40,
    "parallel": 1,
}
JSON = "application/json"
GOOD = """
    import json

    def model_fn(model_dir):
        return 2.0

    def input_fn(data, content_type):
        if content_type != "application/json":
            raise ValueError(f"no way to read {content_type}")
        return json.loads(data)["values"]

    def predict_fn(data, model):
        return [model * value for value in data]

    def output_fn(prediction, accept):
        if accept != "application/json":
            raise ValueError(f"no way to write {accept}")
        return json.dumps(prediction), accept
"""


def sample(*values: Any, **more: Any) -> InferenceTestSample:
    """``{"values": [...]}``, named by them."""
    body = json.dumps({"values": values})
    return InferenceTestSample(**{"sample_name": "-".join(map(str, values)), "data": body.encode(), **more})


SAMPLES = (sample(1, 2), sample(3, 4))


def written(directory: Path, changes: dict[str, str] | None = None, code: str = GOOD) -> Path:
    """A package of this code, with what is on the left replaced by what is on the right."""
    for old, new in (changes or {}).items():
        assert old in code
        code = code.replace(old, new)
    return package(directory, code)


def outcome_of(
    place: Path,
    samples: Sequence[InferenceTestSample] = SAMPLES,
    spec: dict[str, Any] | None = None,
    **options: Any,
) -> InferenceTestResult:
    """What comes of testing it, quickly."""
    stated = {"packaged_model_path": str(place)} if spec is None or "handler_path" not in spec else {}
    return testing.test_package(
        InferenceHandlerSpec(
            **{"handler_name": "mine", "test_data_samples": tuple(samples), **stated, **(spec or {})}
        ),
        testing.TestOptions(**{**QUICK, **options}),
    )


def check(result: InferenceTestResult, name: str) -> CheckResult:
    """The check of that name."""
    (found,) = (check for check in result.checks if check.name == name)
    return found


def failed(result: InferenceTestResult, verdict: str = "fail") -> set[str]:
    """The names of the checks with this verdict."""
    return {check.name for check in result.checks if check.verdict == verdict}
