"""The tester in the shape of the seed: handlers function by function, as a pipeline, behind a script, and in a graph.

What it gives are dictionaries, with what is told in full in ``result``; nothing that a handler or a script does comes
out of it as an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from chaos.errors import ChaosError
from chaos.handlers.limits import Limits
from chaos.offline.builder import PipelineTestingSpecBuilder
from chaos.offline.compatibility import check_compatibility
from chaos.offline.functions import wrong_with
from chaos.offline.graph import run_pipeline
from chaos.offline.handle import HandlerHandle, described
from chaos.offline.judged import error_of, told
from chaos.offline.results import InferenceTestResult
from chaos.offline.scripts import ScriptLimits
from chaos.offline.specs import InferenceHandlerSpec, PipelineTestingSpec, ScriptExecutionSpec
from chaos.offline.testing import Step, TestOptions, test_package

__all__ = ["RuntimeTester"]


class RuntimeTester:
    """Tests handlers in processes of their own.

    :param workspace_dir: where scripts write that name no path
    :param limits: what a handler may take
    :param options: how a package is tested
    :param heard: told of progress
    """

    def __init__(
        self,
        workspace_dir: str | Path = "chaos-workspace",
        *,
        limits: Limits | None = None,
        options: TestOptions | None = None,
        script_limits: ScriptLimits | None = None,
        heard: Callable[[Step], None] = lambda _: None,
    ) -> None:
        self.workspace = Path(workspace_dir)
        self.builder = PipelineTestingSpecBuilder()
        options = options or TestOptions()
        self._options = replace(options, limits=limits or options.limits)
        self._script_limits = script_limits
        self._heard = heard

    def load_handler(self, path: str | Path) -> HandlerHandle:
        """A handler whose functions can be called; nothing of it is imported here.

        :param path: a script, or a package
        :raises DocumentError: if it is not there, or its archive cannot be trusted
        """
        return HandlerHandle(Path(path), self._options.limits)

    _load_handler_module = load_handler

    def test_inference_function(
        self, handler: HandlerHandle, function_name: str, test_params: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Call one function: ``function_name``, ``success``, ``execution_time`` in seconds, ``result``, ``validation``
        (``valid``, ``problems``), and ``error`` if there is one.

        The ``result`` says what came back, and can be given to the next function.
        """
        try:
            call = handler.call(function_name, test_params)
        except ChaosError as error:
            return _failed(function_name, str(error))
        problems = list(wrong_with(call))
        found = {
            "function_name": function_name,
            "success": call.outcome == "ok" and not problems,
            "execution_time": call.seconds,
            "result": described(call) if call.outcome == "ok" else None,
            "validation": {"valid": call.outcome == "ok" and not problems, "problems": problems},
        }
        if call.outcome != "ok":
            found["error"] = f"{call.function} {told(call.outcome, error_of(call), call.place)}"
        elif problems:
            found["error"] = "; ".join(problems)
        return found

    def test_handler(self, handler_spec: InferenceHandlerSpec) -> InferenceTestResult:
        """Test a package with its samples.

        :raises DocumentError: if there is no such package, or its samples cannot be read
        """
        return test_package(handler_spec, self._options, self._heard)

    def test_inference_pipeline(
        self, handler: HandlerHandle | InferenceHandlerSpec, handler_spec: InferenceHandlerSpec | None = None
    ) -> dict[str, Any]:
        """Test a package with its samples: ``pipeline_success``, ``function_results``, ``errors`` and ``result``.

        :param handler: the specification; or, as in the seed, the handler, with the specification behind it
        """
        spec = handler if isinstance(handler, InferenceHandlerSpec) else handler_spec
        try:
            if spec is None:
                raise ChaosError("there is no specification to test (give an InferenceHandlerSpec)")
            result = self.test_handler(spec)
        except ChaosError as error:
            return {"pipeline_success": False, "function_results": {}, "errors": [str(error)], "result": None}
        return _in_seeds_shape(result)

    def test_script_to_inference_compatibility(
        self, script_spec: ScriptExecutionSpec, handler_spec: InferenceHandlerSpec
    ) -> dict[str, Any]:
        """Run a script, and give what it writes to a handler: ``compatible``, with the ``content_type`` as which it
        fits or the ``error``, and ``result``."""
        try:
            result = check_compatibility(
                script_spec, handler_spec, self._options.limits, self.workspace, self._script_limits
            )
        except ChaosError as error:
            return {"compatible": False, "error": str(error), "result": None}
        more = {"content_type": result.content_type} if result.compatible else {"error": result.error}
        return {"compatible": result.compatible, **more, "result": result}

    def test_pipeline_with_inference(
        self,
        pipeline_spec: PipelineTestingSpec,
        inference_handlers: Mapping[str, InferenceHandlerSpec] | None = None,
    ) -> dict[str, Any]:
        """Run a pipeline in which handlers take the place of the scripts of the same name: ``pipeline_success``,
        ``script_results``, ``inference_results``, ``errors`` and ``result``."""
        try:
            spec = self.builder.with_handlers(pipeline_spec, inference_handlers or {})
            result = run_pipeline(
                spec,
                self._options.limits,
                None if spec.test_workspace_root else self.workspace,
                self._heard,
                self._options,
                self._script_limits,
            )
        except ChaosError as error:
            return {
                "pipeline_success": False,
                "script_results": {},
                "inference_results": {},
                "errors": [str(error)],
                "result": None,
            }
        unknown = [f"{check.name}: {check.words}" for check in result.nodes if check.verdict == "unknown"]
        return {
            "pipeline_success": result.pipeline_success,
            "script_results": result.script_results,
            "inference_results": {
                name: _in_seeds_shape(tested) for name, tested in result.inference_results.items()
            },
            "errors": [*result.errors, *unknown],
            "result": result,
        }


def _failed(function_name: str, error: str) -> dict[str, Any]:
    return {
        "function_name": function_name,
        "success": False,
        "execution_time": 0.0,
        "result": None,
        "validation": {"valid": False, "problems": []},
        "error": error,
    }


def _in_seeds_shape(result: InferenceTestResult) -> dict[str, Any]:
    calls = {
        "input_fn": result.input_fn_results,
        "predict_fn": result.predict_fn_results,
        "output_fn": result.output_fn_results,
        "transform_fn": result.transform_fn_results,
    }
    functions: dict[str, Any] = {
        name: {"success": all(call.success for call in found), "calls": [call.model_dump() for call in found]}
        for name, found in calls.items()
        if found
    }
    if result.model_fn_result is not None:
        functions = {"model_fn": result.model_fn_result.model_dump(), **functions}
    runs = result.end_to_end_results
    functions["pipeline"] = {"success": bool(runs) and all(run.success for run in runs)}
    wrong = [
        f"{check.name}: {check.words}" for check in result.checks if check.verdict in ("fail", "unknown")
    ]
    return {
        "pipeline_success": result.overall_success,
        "function_results": functions,
        "errors": list(dict.fromkeys([*result.errors, *wrong])),
        "result": result,
    }
