"""The Chaos Toolkit control: opens a session around an experiment, closes it, and closes the traps between.

Chaos Toolkit ends with exit code 0 although a fault failed to start, the gate was not met, a probe failed
during the method, or SIGTERM hit an activity; and it skips rollbacks in most of these cases. The
control plays the rollbacks always, and lets a run end as completed and not deviated only if its verdict is
``pass``.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

import click
from chaoslib import substitute
from chaoslib.exceptions import InterruptExecution
from chaoslib.run import EventHandlerRegistry
from chaoslib.types import Activity, Configuration, Experiment, Journal, Secrets
from chaostoolkit import encoder

from chaos.errors import ChaosError
from chaos.journal import RunDirectoryHandler, doubts, make_json_safe
from chaos.lint import lint_file
from chaos.session.edge import GRACEFULLY, UNGRACEFULLY, current, open_edge, release
from chaos.session.measuring import would_measure
from chaos.session.operating import would_operate
from chaos.session.plan import make_plan
from chaos.session.preview import PlannedFault, preview
from chaos.sla.results import Verdict
from chaos.targets.options import redacted
from chaos.workbench.gate import PROBE, check_gate, gate_of, would_test

__all__ = ["after_experiment_control", "before_experiment_control", "cleanup_control", "configure_control"]

logger = logging.getLogger("chaostoolkit")

_handler: RunDirectoryHandler | None = None


def configure_control(event_registry: EventHandlerRegistry, **_arguments: Any) -> None:
    """Register for the run's events; nothing here can fail, for Chaos Toolkit would go on without us."""
    global _handler
    _handler = RunDirectoryHandler(encoder)
    event_registry.register(_handler)


def before_experiment_control(
    context: Experiment, configuration: Configuration, secrets: Secrets, **arguments: Any
) -> None:
    """Check the experiment, open the target, start the probes; interrupt the run if any of that fails."""
    if _handler is not None:
        _handler.remember(context, configuration, secrets)
    source = _source()
    dry = context["dry"].value if context.get("dry") is not None else "pause"
    try:
        findings = [finding for finding in lint_file(source) if finding.severity == "error"] if source else []
        if findings:
            raise ChaosError("; ".join(str(finding) for finding in findings))
        plan = make_plan(arguments, context["title"], source, sys.argv[1:])
        if dry != "pause":
            logger.warning("Dry run: no fault is injected, nothing is measured, there is no verdict")
            preview(plan, _faults(context, configuration, secrets), logger.info)
            for asked in _called("measure", context, configuration, secrets):
                logger.info(would_measure(str(asked.pop("property", "")), asked.pop("apis", ""), asked))
            for asked in _called("operate", context, configuration, secrets):
                logger.info(would_operate(asked))
            for asked in _gates(context, configuration, secrets):
                logger.info(would_test(asked))
            return
        logger.info(
            f"Run {plan.run_id}: target {redacted(plan.arguments.target)}, seed {plan.seed}, in {plan.directory}"
        )
        if _handler is not None:
            _handler.directory = plan.directory
        _listen()
        for asked in _gates(context, configuration, secrets):
            tested = check_gate(gate_of(asked), plan.directory)
            if not tested.overall_success:
                raise ChaosError(
                    f"the handler '{tested.handler_name}' is not sound, so nothing was registered"
                )
        open_edge(plan)
    except ChaosError as error:
        raise InterruptExecution(str(error)) from None
    except Exception as error:
        logger.debug("opening the session failed", exc_info=True)
        raise InterruptExecution(f"internal error, please report it: {error!r}") from None


def after_experiment_control(context: Experiment, state: Journal, **_arguments: Any) -> None:
    """Close the session, judge the run, and make Chaos Toolkit's exit code say the same as the verdict."""
    make_json_safe(state)
    edge = current()
    if edge is None:
        return
    summary = edge.finish(str(state["status"]), bool(state["deviated"]), doubts(context, state))
    if summary.verdict is Verdict.FAIL:
        state["deviated"] = True
    elif summary.verdict is Verdict.UNKNOWN and state["status"] == "completed":
        state["status"] = "failed"
    state["chaos"] = {"verdict": summary.verdict.value, "reason": summary.reason, "seed": summary.seed}
    log = logger.info if summary.verdict is Verdict.PASS else logger.error
    log(f"Verdict: {summary.verdict.value}. {summary.reason}")
    logger.info(f"Report: {edge.plan.directory / 'report.html'}")
    if summary.verdict is not Verdict.PASS:
        logger.info(f"Run it again with: {edge.plan.replay}")


def cleanup_control() -> None:
    """Undo what is left when the experiment crashed before its rollbacks."""
    edge = current()
    if edge is not None:
        if edge.summary is None and _handler is not None:
            _handler.play_missed_rollbacks()
        edge.finish(
            "aborted", deviated=False, problems=["Chaos Toolkit broke off before the end of the experiment"]
        )
    release()


def _faults(context: Experiment, configuration: Configuration, secrets: Secrets) -> list[PlannedFault]:
    """The faults of an experiment's method, in order, with their variables replaced."""
    found = []
    for arguments in _called("inject", context, configuration, secrets):
        name, seconds = str(arguments.pop("fault", "")), float(arguments.pop("seconds", 12.0))
        found.append(PlannedFault(name, arguments, seconds))
    return found


def _called(
    action: str, context: Experiment, configuration: Configuration, secrets: Secrets
) -> Iterator[dict[str, Any]]:
    """The arguments of each call of an action of ours in the method, with their variables replaced."""
    yield from _arguments(("chaos.actions", action), context.get("method", []), configuration, secrets)


def _gates(context: Experiment, configuration: Configuration, secrets: Secrets) -> Iterator[dict[str, Any]]:
    """The arguments of each gate of the hypothesis: what has to be sound before anything is registered."""
    hypothesis = context.get("steady-state-hypothesis") or {}
    yield from _arguments(("chaos.probes", PROBE), hypothesis.get("probes", []), configuration, secrets)


def _arguments(
    called: tuple[str, str], activities: list[Activity], configuration: Configuration, secrets: Secrets
) -> Iterator[dict[str, Any]]:
    named = {activity["name"]: activity for activity in activities if "name" in activity}
    for activity in activities:
        provider = named.get(activity.get("ref"), activity).get("provider", {})
        if (provider.get("module"), provider.get("func")) == called:
            yield dict(substitute(provider.get("arguments", {}), configuration, secrets))


def _source() -> str:
    """The experiment as the user named it: Chaos Toolkit does not tell a control, its command line does."""
    click_context = click.get_current_context(silent=True)
    return str(click_context.params.get("source", "")) if click_context is not None else ""


def _listen() -> None:
    """Have signals that ask for the end interrupt the experiment, inside a python activity too.

    Chaos Toolkit's own handler of SIGTERM raises an exception that a python activity turns into a mere
    failure; SIGHUP and SIGQUIT it does not handle at all; and it waits for background activities before it
    plays the rollbacks, so faults are cut short here.
    """

    def leave(number: int, _frame: FrameType | None) -> None:
        edge = current()
        if edge is not None:
            edge.cut_short()
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        logger.warning(f"Caught {signal.Signals(number).name}, ending the experiment")
        raise SystemExit(UNGRACEFULLY if number == signal.SIGUSR2 else GRACEFULLY)

    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"):
        number = signal.Signals[name]
        if signal.getsignal(number) is not signal.SIG_IGN:  # such as SIGINT of a job in the background
            signal.signal(number, leave)
