"""Linting an experiment: what Chaos Toolkit's own ``validate`` lets through and then does something else with.

That is a strategy it does not know, a rollback that it will skip, a reference that leads nowhere, and
everything that only our control can know of its arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from chaos.documents import nearest
from chaos.errors import DocumentError
from chaos.lint.activities import Activity, activities, check_activities
from chaos.lint.findings import Report
from chaos.lint.variables import Variables
from chaos.schemas.experiment import CONTROL, HYPOTHESIS_STRATEGIES, ROLLBACK_STRATEGIES
from chaos.sla.files import load_probe

__all__ = ["check_experiment"]


def check_experiment(
    experiment: Mapping[str, Any], folder: Path, report: Report, control_model: type[BaseModel]
) -> None:
    """Check an experiment that was read from a file in ``folder``.

    :param control_model: of the arguments that our control takes
    """
    for name in ("title", "description", "method"):
        if name not in experiment:
            report.error("", f"an experiment has no '{name}'", "add it; see experiments/isolation.json")
    variables = Variables(experiment, report)
    found = activities(experiment, report)
    check_activities(found, variables, report)
    ours = any(activity.needs_session for activity in found)
    _check_runtime(experiment, found, ours, report)
    controls = _controls(experiment, report)
    for field, control in controls:
        _check_control_arguments(control, field, folder, variables, report, control_model)
    if ours and not controls:
        problem = f"its activities need the control {CONTROL}, and it is not there"
        report.error("controls", problem, "copy 'controls' from experiments/isolation.json")
    for field, _control in controls[1:]:
        report.error(
            field, f"the control {CONTROL} is there more than once", "one run has one session: keep one"
        )


def _check_runtime(experiment: Mapping[str, Any], found: list[Activity], ours: bool, report: Report) -> None:
    """Strategies: Chaos Toolkit takes any word, and one that it does not know plays nothing."""
    runtime = experiment.get("runtime", {})
    if not isinstance(runtime, dict):
        report.error("runtime", "has to be an object", 'write {"rollbacks": {"strategy": "always"}}')
        return
    for part in runtime.keys() - {"hypothesis", "rollbacks"}:
        report.error(f"runtime.{part}", f"unknown part '{part}'", nearest(part, ("hypothesis", "rollbacks")))
    _strategy(runtime, "hypothesis", HYPOTHESIS_STRATEGIES, report)
    rollbacks = _strategy(runtime, "rollbacks", ROLLBACK_STRATEGIES, report)
    if (ours or any(activity.part == "rollbacks" for activity in found)) and rollbacks not in (
        "always",
        None,
    ):
        problem = (
            f"rollbacks are played by the strategy '{rollbacks}': Chaos Toolkit skips rollbacks on failure"
        )
        report.error("runtime.rollbacks.strategy", problem, "write 'always'")


def _strategy(runtime: Mapping[str, Any], part: str, known: tuple[str, ...], report: Report) -> str | None:
    """The strategy of a part, None if it was reported as none."""
    field, value = f"runtime.{part}.strategy", runtime.get(part, {})
    if not isinstance(value, dict):
        report.error(f"runtime.{part}", "has to be an object", 'write {"strategy": …}')
        return None
    strategy = value.get("strategy", "default")
    if strategy not in known:
        report.error(field, f"there is no strategy {strategy!r}", nearest(strategy, known))
        return None
    return str(strategy)


def _controls(experiment: Mapping[str, Any], report: Report) -> list[tuple[str, Mapping[str, Any]]]:
    """Our own controls with their places; on the way, what Chaos Toolkit will refuse of any control."""
    controls = experiment.get("controls") or []
    if not isinstance(controls, list) or not all(isinstance(control, dict) for control in controls):
        report.error("controls", "has to be a list of objects", "see experiments/isolation.json")
        return []
    names = [str(control["name"]) for control in controls if control.get("name")]
    found = []
    for index, control in enumerate(controls):
        field, provider = f"controls.{index}", control.get("provider")
        if "ref" in control and control["ref"] not in names:
            remedy = nearest(control["ref"], names)
            report.error(f"{field}.ref", f"there is no control '{control['ref']}'", remedy)
        elif not control.get("name") or not isinstance(provider, dict):
            remedy = "write it out, even where it refers to another"
            report.error(field, "a control needs a 'name' and a 'provider'", remedy)
        elif provider.get("module") == CONTROL:
            found.append((field, control))
    return found


def _check_control_arguments(
    control: Mapping[str, Any],
    field: str,
    folder: Path,
    variables: Variables,
    report: Report,
    model: type[BaseModel],
) -> None:
    provider, place = control["provider"], f"{field}.provider.arguments"
    if provider.get("type") != "python":
        report.error(f"{field}.provider.type", f"{CONTROL} is a python control", "write 'python'")
    if control.get("scope") or control.get("automatic", True) is not True:
        remedy = "take 'scope' and 'automatic' out"
        report.error(
            field, "the session has to be opened and closed, and this leaves out one of them", remedy
        )
    arguments = variables.resolved(place, provider.get("arguments") or {})
    try:
        model.model_validate(arguments)
    except ValidationError as error:
        report.misfit(place, error, model)
    _check_probe_files(arguments, place, folder, report)


def _check_probe_files(arguments: object, place: str, folder: Path, report: Report) -> None:
    """Whether the probe files that it names are there and well, and have names of their own."""
    probes = arguments.get("probes") if isinstance(arguments, dict) else None
    seen: dict[str, str] = {}
    for index, entry in enumerate(probes if isinstance(probes, list | tuple) else []):
        name = entry.get("file") if isinstance(entry, dict) else entry
        if not isinstance(name, str) or not name or "${" in name:
            continue
        try:
            probe = load_probe(name, folder)
        except DocumentError as error:
            report.broken(error)
            continue
        if probe.name in seen:
            problem = f"probe '{name}' is named '{probe.name}', as is '{seen[probe.name]}'"
            report.error(f"{place}.probes.{index}", problem, "give each a name of its own")
        seen[probe.name] = name
