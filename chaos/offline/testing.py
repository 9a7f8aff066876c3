"""The test of one handler package: what is tested, and what came of it.

All that a package does happens in other processes (:mod:`chaos.handlers.isolation`), so that it is a result here. Its
course is that of :mod:`chaos.offline.course`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from chaos.handlers.archive import ArchiveError
from chaos.offline.course import Course
from chaos.offline.generated import VALID, generate
from chaos.offline.opening import opened_package
from chaos.offline.options import Step, TestOptions
from chaos.offline.requests import requests_of
from chaos.offline.results import CheckResult, InferenceTestResult, verdict_of
from chaos.offline.samples import read_samples
from chaos.offline.specs import InferenceHandlerSpec, InferenceTestSample
from chaos.sla.results import Verdict

__all__ = ["Step", "TestOptions", "test_package"]

DEFAULT = TestOptions()
MOST_VALID = 10
"""Generated samples that stand in for those that there are none of."""


def test_package(
    spec: InferenceHandlerSpec,
    options: TestOptions = DEFAULT,  # noqa: PT028 - it is no test of pytest's
    heard: Callable[[Step], None] = lambda _: None,  # noqa: PT028
    broken_off: Callable[[InferenceTestResult], None] = lambda _: None,  # noqa: PT028
) -> InferenceTestResult:
    """Test a package.

    An archive that is refused is a result, too. Without samples, the generated ones that are valid by the schema are
    sent in their place.

    :param heard: is told of progress, in the thread that calls this
    :param broken_off: is given what was found so far if something ends it, such as a signal's exception; which goes on
    :raises DocumentError: if there is no such package, its samples cannot be read, or the schema cannot be understood
    :raises ChaosError: if the harness cannot start a process
    """
    wall, begin = time.time(), time.monotonic()
    samples = _samples(spec)
    generated = generate(samples, options.fuzz, options.seed, options.schema) if options.fuzz else []
    samples = samples or [each.sample for each in generated if each.kind == VALID][:MOST_VALID]
    course = Course(spec.handler_name, options, heard)
    try:
        with opened_package(spec) as directory:
            course.run(directory, requests_of(spec, samples), generated)
    except ArchiveError as error:
        if not Path(spec.packaged_model_path).exists():
            raise
        course.checks.append(CheckResult(name="package", verdict="fail", words=str(error)))
    except BaseException:
        broken_off(_result(spec, options, course, wall, begin))
        raise
    return _result(spec, options, course, wall, begin)


test_package.__test__ = False  # type: ignore[attr-defined]


def _result(
    spec: InferenceHandlerSpec, options: TestOptions, course: Course, wall: float, begin: float
) -> InferenceTestResult:
    checks = tuple(course.checks)
    verdict = verdict_of(checks)
    return InferenceTestResult(
        handler_name=spec.handler_name,
        package=spec.packaged_model_path or spec.handler_path,
        overall_success=verdict is Verdict.PASS,
        verdict=verdict,
        total_execution_time=time.monotonic() - begin,
        model_fn_result=course.model,
        input_fn_results=tuple(course.functions["input_fn"]),
        predict_fn_results=tuple(course.functions["predict_fn"]),
        output_fn_results=tuple(course.functions["output_fn"]),
        transform_fn_results=tuple(course.functions["transform_fn"]),
        end_to_end_results=tuple(course.runs),
        checks=checks,
        memory=course.memory,
        printed=course.printed,
        errors=tuple(f"{check.name}: {check.words}" for check in checks if check.verdict == "fail"),
        limits={name: float(value) for name, value in asdict(options.limits).items()},
        seed=options.seed,
        wall=wall,
    )


def _samples(spec: InferenceHandlerSpec) -> list[InferenceTestSample]:
    read = read_samples(Path(spec.payload_samples_path)) if spec.payload_samples_path else ()
    return [*spec.test_data_samples, *read]
