"""Linting activities: that references lead somewhere, and that what python providers name can be called.

Activities of Chaos Toolkit's other providers (process, http) are left to its own ``validate``.
"""

from __future__ import annotations

import importlib
import inspect
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from chaos.documents import nearest
from chaos.errors import DocumentError
from chaos.faults.registry import arguments_of
from chaos.lint.findings import Report
from chaos.lint.variables import Variables
from chaos.operations.program import parse_step
from chaos.session.measuring import requested
from chaos.workbench.gate import PROBE, Gate

__all__ = ["Activity", "activities", "check_activities"]

ACTIONS, PROBES = "chaos.actions", "chaos.probes"
OURS = (ACTIONS, PROBES)


@dataclass(frozen=True, slots=True)
class Activity:
    """An activity and where it stands; ``part`` is ``hypothesis``, ``method`` or ``rollbacks``."""

    part: str
    field: str
    value: Mapping[str, Any]

    @property
    def provider(self) -> Mapping[str, Any]:
        """Its provider; empty if it has none."""
        provider = self.value.get("provider")
        return provider if isinstance(provider, dict) else {}

    @property
    def ours(self) -> bool:
        """Whether it calls this project."""
        return self.provider.get("type") == "python" and self.provider.get("module") in OURS

    @property
    def needs_session(self) -> bool:
        """Whether it works only where our control has opened one."""
        return self.ours and self.provider.get("func") != PROBE


def activities(experiment: Mapping[str, Any], report: Report) -> list[Activity]:
    """All activities of an experiment, in the order in which they are played."""
    hypothesis = experiment.get("steady-state-hypothesis") or {}
    if not isinstance(hypothesis, dict):
        report.error("steady-state-hypothesis", "has to be an object", "see experiments/isolation.json")
        hypothesis = {}
    parts = {
        "hypothesis": ("steady-state-hypothesis.probes", hypothesis.get("probes")),
        "method": ("method", experiment.get("method")),
        "rollbacks": ("rollbacks", experiment.get("rollbacks")),
    }
    found = []
    for part, (field, values) in parts.items():
        if values is not None and not isinstance(values, list):
            report.error(field, "has to be a list of activities", "write it as […]")
            continue
        for index, value in enumerate(values or []):
            if isinstance(value, dict):
                found.append(Activity(part, f"{field}.{index}", value))
            else:
                report.error(f"{field}.{index}", "has to be an activity, an object", "write it as {…}")
    return found


def check_activities(found: list[Activity], variables: Variables, report: Report) -> None:
    """Check every activity, and the names they have together."""
    declared = [a for a in found if a.part != "rollbacks" and "ref" not in a.value]
    names = [str(activity.value.get("name")) for activity in declared]
    for activity in found:
        if "ref" in activity.value:
            _check_reference(activity, names, report)
            continue
        if not activity.value.get("name"):
            report.error(activity.field, "the activity has no name", "give it a 'name'")
        if activity.provider.get("type") == "python":
            _check_python(activity, variables, report)
        if activity.part == "hypothesis":
            _check_tolerance(activity, report)
    for activity, name in zip(declared, names, strict=True):
        if Counter(names)[name] > 1 and names.index(name) != declared.index(activity):
            problem = f"a second activity is named '{name}'"
            report.error(f"{activity.field}.name", problem, "give each a name of its own; 'ref' goes by name")


def _check_reference(activity: Activity, names: list[str], report: Report) -> None:
    name = activity.value["ref"]
    if name not in names:
        # In rollbacks Chaos Toolkit does not check it and breaks off in the middle of undoing.
        remedy = nearest(name, names) or "a reference names an activity of the method or the hypothesis"
        report.error(f"{activity.field}.ref", f"there is no activity '{name}'", remedy)


def _check_tolerance(activity: Activity, report: Report) -> None:
    field, tolerance = f"{activity.field}.tolerance", activity.value.get("tolerance")
    if "tolerance" not in activity.value:
        report.error(activity.field, "a probe of the hypothesis has no tolerance", 'add "tolerance": true')
    elif isinstance(tolerance, float):
        remedy = '"tolerance": {"type": "range", "range": [lowest, highest]}'
        report.error(field, "Chaos Toolkit takes no fractional number here", f"write {remedy}")
    elif activity.ours and tolerance is not True:
        report.error(
            field, f"has to be true, as '{activity.provider.get('func')}' says so itself", "write true"
        )


def _check_python(activity: Activity, variables: Variables, report: Report) -> None:
    provider, field = activity.provider, f"{activity.field}.provider"
    module = _module(provider.get("module"), f"{field}.module", report)
    if module is None:
        return
    name, functions = str(provider.get("func")), dict(inspect.getmembers(module, inspect.isroutine))
    function = functions.get(name)
    if function is None:
        public = [key for key in getattr(module, "__all__", functions) if key in functions]
        report.error(f"{field}.func", f"{module.__name__} has no function '{name}'", nearest(name, public))
        return
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        problem = f"{module.__name__}.{name} is 'async def', which Chaos Toolkit never awaits"
        report.error(f"{field}.func", problem, "name a plain function that runs it")
        return
    arguments = provider.get("arguments") or {}
    if not isinstance(arguments, dict):
        report.error(f"{field}.arguments", "has to be an object", "write it as {…}")
        return
    _check_call(function, provider, arguments, f"{field}.arguments", report)
    resolved = variables.resolved(f"{field}.arguments", arguments)
    if provider["module"] == ACTIONS and name == "inject":
        _check_fault(resolved, f"{field}.arguments", report)
    if provider["module"] == ACTIONS and name == "measure":
        _check_measurement(resolved, f"{field}.arguments", report)
    if provider["module"] == ACTIONS and name == "operate":
        _check_step(resolved, f"{field}.arguments", report)
    if provider["module"] == PROBES and name == PROBE:
        _check_gate(resolved, f"{field}.arguments", report)


def _module(name: object, field: str, report: Report) -> ModuleType | None:
    if not isinstance(name, str) or not name:
        report.error(field, "names no module", "write its dotted path, such as chaos.actions")
        return None
    try:
        return importlib.import_module(name)
    except ImportError as error:
        remedy = "install it; Chaos Toolkit does not look into the working directory"
        report.error(field, f"module '{name}' cannot be imported: {error}", remedy)
    except Exception as error:
        report.error(field, f"module '{name}' breaks when it is imported: {error!r}", "mend the module")
    return None


def _check_call(
    function: Any, provider: Mapping[str, Any], arguments: Mapping[str, Any], field: str, report: Report
) -> None:
    """Whether the function takes these arguments, with those that Chaos Toolkit adds by itself."""
    try:
        signature = inspect.signature(function)
    except ValueError:
        # Some functions written in C do not say what they take.
        return
    parameters = signature.parameters
    added = {
        name: None
        for name, given in (("configuration", True), ("secrets", "secrets" in provider))
        if given and name in parameters
    }
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    for name in arguments:
        if name not in parameters and not takes_any:
            report.error(
                f"{field}.{name}", f"'{provider['func']}' takes no '{name}'", nearest(name, parameters)
            )
    known = {name: value for name, value in arguments.items() if name in parameters or takes_any}
    try:
        signature.bind(**{**known, **added})
    except TypeError as error:
        report.error(field, f"'{provider['func']}' cannot be called so: {error}", "add what is missing")


def _check_fault(arguments: Mapping[str, Any], field: str, report: Report) -> None:
    """Whether there is such a fault, and it takes the values; its length is the session's business."""
    name, seconds = arguments.get("fault"), arguments.get("seconds", 1.0)
    if not _unknown(seconds) and not _positive(seconds):
        report.error(f"{field}.seconds", f"{seconds!r} is no length in seconds", "write a number above 0")
    own = {key: value for key, value in arguments.items() if key not in ("fault", "seconds")}
    if name is None or _unknown(name):
        return
    try:
        model = arguments_of(str(name))
        model.model_validate(own)
    except DocumentError as error:
        report.error(f"{field}.fault", f"{error.place}: {error.problem}", error.remedy)
    except ValidationError as error:
        report.misfit(field, error, model)


def _check_measurement(arguments: Mapping[str, Any], field: str, report: Report) -> None:
    """Whether there is such a property, it is asked of such APIs, and it takes the settings."""
    name, apis = arguments.get("property"), arguments.get("apis", "")
    if not isinstance(name, str) or _unknown(name) or not isinstance(apis, str | list):
        return
    known = [] if _unknown(str(apis)) else apis
    settings = {
        key: value
        for key, value in arguments.items()
        if key not in ("property", "apis") and not _unknown(value)
    }
    try:
        requested(name, known, settings)
    except DocumentError as error:
        report.error(field, f"{error.place}: {error.problem}", error.remedy)


def _check_step(arguments: Mapping[str, Any], field: str, report: Report) -> None:
    """Whether it is a step of a program, as far as its variables are known."""
    if any(_unknown(value) for value in arguments.values()):
        return
    try:
        parse_step(arguments, "operate")
    except DocumentError as error:
        report.error(field, f"{error.place}: {error.problem}", error.remedy)


def _check_gate(arguments: Mapping[str, Any], field: str, report: Report) -> None:
    """Whether a handler can be tested so; whether it is there is seen when it is."""
    known = set(Gate.model_fields)
    try:
        # what the function does not take is told already
        Gate.model_validate({name: value for name, value in arguments.items() if name in known})
    except ValidationError as error:
        if not any(detail["type"] == "missing" for detail in error.errors()):
            report.misfit(field, error, Gate)


def _unknown(value: object) -> bool:
    return isinstance(value, str) and "${" in value


def _positive(value: object) -> bool:
    try:
        return 0 < float(str(value)) < float("inf")
    except ValueError:
        return False
