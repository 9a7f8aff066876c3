"""A program that fails, as an experiment that anybody can run: `chaos run counterexample.json`.

Its method is the program, an action a step; its hypothesis is the property that was violated. Beside it lies the probe
that asks a model that no step is about, so that it stands alone.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chaos.operations.program import Inject, Program
from chaos.reporting.verify.words import steps_said
from chaos.reporting.write import write_file
from chaos.session.house import Place
from chaos.targets.options import redacted

__all__ = ["NAME", "counterexample", "write_counterexample"]

NAME = "counterexample.json"
PROBE = "bystander.json"
SECONDS = 4
"""How long the bystander is measured before and after."""

BYSTANDER = {
    "name": "bystander",
    "model": "bystander",
    "payload": {"sleep_ms": 5, "nonce": "{nonce}"},
    "schedule": {"arrival": "constant", "rate": 20},
    "timeout": 5.0,
    "objectives": [{"sli": "availability", "at_least": 0.95}],
}


def write_counterexample(
    directory: Path, program: Program, check: str, words: str, place: Place, run_id: str
) -> Path:
    """Write the experiment and its probe into a directory; the experiment's path.

    :param words: what was wrong when it failed last
    :raises OSError: if it cannot be written
    """
    write_file(directory / PROBE, json.dumps(BYSTANDER, indent=2) + "\n")
    document = counterexample(program, check, words, place, run_id)
    return write_file(directory / NAME, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def counterexample(program: Program, check: str, words: str, place: Place, run_id: str) -> dict[str, Any]:
    """The experiment as JSON values; runs against the same target, or another by ``--var target=…``."""
    hosts = list(place.allow)
    return {
        "version": "1.0.0",
        "title": _TITLES.get(check, check),
        "description": f"Found by chaos verify, run {run_id}: {words}",
        "tags": ["counterexample", check],
        "configuration": {
            "target": redacted(place.url),
            "defect": ",".join(place.defects),
            "seed": "",
            "allow": "",
            "reports": "reports",
        },
        "controls": [
            {
                "name": "serving",
                "provider": {
                    "type": "python",
                    "module": "chaos.control",
                    "arguments": {
                        "target": "${target}",
                        "hosts": hosts,
                        "allow": "${allow}",
                        "seed": "${seed}",
                        "defect": "${defect}",
                        "models": [{"name": "bystander", "package": "sleep", "workers": 1}],
                        "probes": [{"file": PROBE}],
                        "checks": [{"check": "program"}],
                        **({"links": ["replica"]} if "link" in _faults(program) else {}),
                        "safety": {"all_replicas": True},
                        "seconds": {"baseline": SECONDS, "recovery": SECONDS},
                        "reports": "${reports}",
                    },
                },
            }
        ],
        "steady-state-hypothesis": {
            "title": _TITLES.get(check, check),
            "probes": [
                {
                    "type": "probe",
                    "name": f"{check} holds",
                    "tolerance": True,
                    "provider": {
                        "type": "python",
                        "module": "chaos.probes",
                        "func": "program_holds",
                        "arguments": {"property": check},
                    },
                }
            ],
        },
        "method": [
            _action(f"{number}. {said}", step)
            for number, (said, step) in enumerate(
                zip(steps_said(program.steps), program.document(), strict=True), 1
            )
        ],
        "rollbacks": [
            {
                "type": "action",
                "name": "revert every fault, and clean up after the program",
                "provider": {"type": "python", "module": "chaos.actions", "func": "revert_faults"},
            }
        ],
        "runtime": {"hypothesis": {"strategy": "default"}, "rollbacks": {"strategy": "always"}},
    }


def _faults(program: Program) -> set[str]:
    return {step.inject for step in program.steps if isinstance(step, Inject)}


_TITLES = {
    "model": "Each operation is answered as a small model of the control plane says",
    "linearizability": "Operations that overlap have an order that explains their answers",
    "rollback": "An operation that failed leaves everything as it was",
    "drain": "A request that was admitted is answered, whatever leaves meanwhile",
    "idempotence": "Equal operations end as one would",
    "convergence": "What is described is what was asked for, and what runs",
    "release": "What is unregistered leaves nothing behind",
    "isolation": "Models that no operation is about are served all the while",
}


def _action(name: str, step: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "action",
        "name": name,
        "provider": {
            "type": "python",
            "module": "chaos.actions",
            "func": "operate",
            "arguments": step,
        },
    }
