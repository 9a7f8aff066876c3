"""What ``chaos handler test``, ``compat`` and ``pipeline`` do: check what was asked for, run it, leave its reports."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import JsonValue

from chaos import __version__
from chaos.documents import read_value
from chaos.errors import ChaosError, DocumentError
from chaos.handlers.limits import Limits
from chaos.offline.compatibility import check_compatibility
from chaos.offline.graph import read_graph, run_pipeline
from chaos.offline.results import (
    CheckResult,
    CompatibilityResult,
    InferenceTestResult,
    PipelineResult,
    verdict_of,
)
from chaos.offline.samples import read_samples
from chaos.offline.specs import InferenceHandlerSpec, ScriptExecutionSpec
from chaos.offline.testing import Step, TestOptions, test_package
from chaos.reporting.handler.table import print_result
from chaos.reporting.handler.view import open_steps, step_event
from chaos.reporting.handler.words import WHOLE, verdict
from chaos.reporting.handler.write import write_reports
from chaos.session.places import new_run_id, usable
from chaos.sla.results import Verdict
from chaos.workbench.ending import CUT_SHORT, Signalled, heeded

__all__ = ["compared", "name_of_package", "piped", "tested"]

Found = TypeVar("Found", InferenceTestResult, CompatibilityResult, PipelineResult)
Heard = Callable[[Step], None]

ARCHIVES = (".tar.gz", ".tgz", ".tar", ".mar")
WORKSPACE = "workspace"
"""Of a run: where scripts write to."""


def tested(given: Mapping[str, Any], seed: int, limits: Limits, replay: str) -> int:
    """Test a package; the exit code.

    :raises ChaosError: if what was asked for cannot be tested
    """
    package, payloads, schema = given["package"], given["payloads"], given["schema"]
    _exists(package, "name a model.tar.gz, a .mar, or a directory")
    if payloads is None and not (schema and given["fuzz"]):
        raise ChaosError(
            "nothing to send: name a directory of samples with --payloads, or a --schema with --fuzz"
        )
    if payloads is not None:
        read_samples(payloads)
    spec = InferenceHandlerSpec(
        handler_name=name_of_package(package),
        packaged_model_path=str(package),
        payload_samples_path=str(payloads or ""),
        **_types(given),
    )
    leaks = {} if given["leak_calls"] is None else {"leak_calls": given["leak_calls"]}
    options = TestOptions(
        limits=limits,
        fuzz=given["fuzz"],
        seed=seed,
        parallel=given["parallel"],
        schema=None if schema is None else _schema(schema),
        **leaks,
    )
    directory = _directory(given["out"])
    found: list[InferenceTestResult] = []

    def broken_off(words: str, seconds: float) -> InferenceTestResult:
        checks = (*(check for each in found for check in each.checks), _cut_short(words))
        verdict = verdict_of(checks)
        if found:
            return found[0].model_copy(
                update={"checks": checks, "verdict": verdict, "overall_success": False}
            )
        return InferenceTestResult(
            handler_name=spec.handler_name,
            package=str(package),
            overall_success=False,
            verdict=verdict,
            total_execution_time=seconds,
            checks=checks,
            seed=seed,
        )

    return _run(lambda heard: test_package(spec, options, heard, found.append), broken_off, directory, replay)


def compared(given: Mapping[str, Any], limits: Limits, replay: str) -> int:
    """Run a script, and see whether a package reads what it writes; the exit code.

    :raises ChaosError: if what was asked for cannot be run
    """
    package, script, command = given["package"], given["script"], given["command"]
    _exists(package, "name a model.tar.gz, a .mar, or a directory")
    if command is None:
        _exists(Path(script), "name a Python file with a main, or say with --command how it is run")
    spec = ScriptExecutionSpec(
        script_name=Path(script).name or script,
        script_path=script if command is None else "",
        command=() if command is None else _words(command),
        input_paths=dict(given["inputs"]),
        output_paths=dict(given["outputs"]),
        environ_vars=dict(given["environment"]),
        job_args={name: _value(text) for name, text in given["arguments"]},
    )
    handler = InferenceHandlerSpec(
        handler_name=name_of_package(package), packaged_model_path=str(package), **_types(given)
    )
    directory = _directory(given["out"], "compat")
    return _run(
        lambda _heard: check_compatibility(spec, handler, limits, directory / WORKSPACE),
        lambda words, seconds: CompatibilityResult(
            script=spec.script_name,
            handler_name=handler.handler_name,
            compatible=False,
            script_success=False,
            error=words,
            total_execution_time=seconds,
        ),
        directory,
        replay,
    )


def piped(given: Mapping[str, Any], limits: Limits, replay: str) -> int:
    """Run a pipeline's graph; the exit code.

    :raises ChaosError: if the document cannot be read, or what it names is not there
    """
    spec = read_graph(given["graph"])
    directory = _directory(given["out"], "pipeline")
    return _run(
        lambda heard: run_pipeline(spec, limits, directory / WORKSPACE, heard),
        lambda words, seconds: PipelineResult(
            name=given["graph"].stem,
            pipeline_success=False,
            verdict=Verdict.UNKNOWN,
            total_execution_time=seconds,
            nodes=(_cut_short(words),),
        ),
        directory,
        replay,
    )


def name_of_package(package: Path) -> str:
    """What a package is called: its directory, or its archive without the suffix, or that archive's directory."""
    path = package.resolve()
    name = next((path.name.removesuffix(end) for end in ARCHIVES if path.name.endswith(end)), path.name)
    return (path.parent.name if name == "model" else name) or "handler"


def _run(
    function: Callable[[Heard], Found],
    broken_off: Callable[[str, float], Found],
    directory: Path,
    replay: str,
) -> int:
    """Run it, write its reports and say what it found; the exit code."""
    wall, begun, signalled = time.time(), time.monotonic(), 0
    view = open_steps(sys.stderr)
    try:
        with heeded():
            found = function(
                lambda step: view.event(step_event(step.phase, step.done, step.planned, step.words))
            )
    except Signalled as signal:
        signalled = signal.number
        found = broken_off(f"it was cut short by {signal}", time.monotonic() - begun)
    except ChaosError:
        for path in (directory / WORKSPACE, directory):
            with suppress(OSError):  # there is something in it, which was there before
                path.rmdir()
        raise
    finally:
        view.close()
    result = _stamped(found, wall, time.monotonic() - begun, replay)
    paths = write_reports(directory, result)
    print_result(sys.stdout, result)
    click.echo(f"again with: {replay}")
    for path in paths:
        click.echo(str(path))
    if signalled:
        return CUT_SHORT + signalled
    return 0 if verdict(result) is Verdict.PASS else 1


def _stamped(found: Found, wall: float, seconds: float, replay: str) -> Found:
    more = {"wall": wall, "total_execution_time": found.total_execution_time or seconds}
    return found.model_copy(update={**more, "version": __version__, "replay": replay})


def _cut_short(words: str) -> CheckResult:
    return CheckResult(name=WHOLE, verdict="unknown", words=words)


def _directory(out: Path | None, what: str = "handler") -> Path:
    directory = out or Path("reports") / new_run_id(what)
    usable(directory)
    return directory


def _exists(path: Path, remedy: str) -> None:
    if not path.exists():
        raise DocumentError(str(path), "there is no such file or directory", remedy)


def _types(given: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Only what was said: the rest is the spec's own default."""
    names = {"content_types": "supported_content_types", "accepts": "supported_accept_types"}
    return {field: given[name] for name, field in names.items() if given.get(name)}


def _schema(path: Path) -> Mapping[str, Any]:
    found = read_value(path)
    if not isinstance(found, dict):
        raise DocumentError(str(path), "a JSON Schema is an object", 'such as {"type": "object", …}')
    return found


def _words(command: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise ChaosError(f"--command {command!r}: {error} (close what was opened)") from None
    if not words:
        raise ChaosError("--command is blank (say how the script is run)")
    return words


def _value(text: str) -> JsonValue:
    """JSON where it is JSON, else the text itself."""
    try:
        found: JsonValue = json.loads(text)
    except ValueError:
        return text
    return found
