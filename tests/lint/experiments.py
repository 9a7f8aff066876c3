"""An experiment in order, and ways to put one thing in it out of order."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from chaos.lint import Finding, lint_file

Document = dict[str, Any]


PROBE: Document = {
    "name": "victim",
    "model": "victim",
    "payload": {},
    "schedule": {"rate": 10},
    "objectives": [{"sli": "availability", "at_least": 0.99}],
}


EXPERIMENT: Document = {
    "title": "t",
    "description": "d",
    "configuration": {
        "seed": "",
        "rate": 60,
        "seconds": 12,
        "host": {"type": "env", "key": "HOST", "default": "embedded"},
        "later": {"type": "env", "key": "LATER"},
    },
    "secrets": {"vault": {"token": {"type": "env", "key": "TOKEN"}}},
    "controls": [
        {
            "name": "serving",
            "provider": {
                "type": "python",
                "module": "chaos.control",
                "arguments": {
                    "target": "${host}",
                    "seed": "${seed}",
                    "models": [{"name": "victim", "package": "echo"}],
                    "probes": [{"file": "victim", "rate": "${rate}"}],
                    "seconds": {"baseline": "${seconds}"},
                },
            },
        }
    ],
    "steady-state-hypothesis": {
        "title": "h",
        "probes": [
            {
                "type": "probe",
                "name": "holds",
                "tolerance": True,
                "provider": {"type": "python", "module": "chaos.probes", "func": "objectives_hold"},
            }
        ],
    },
    "method": [
        {
            "type": "action",
            "name": "strike",
            "provider": {
                "type": "python",
                "module": "chaos.actions",
                "func": "inject",
                "arguments": {
                    "fault": "handler_dos",
                    "model": "hostile",
                    "mode": "burn",
                    "seconds": "${seconds}",
                },
            },
        },
        {
            "type": "action",
            "name": "shell",
            "background": True,
            "provider": {"type": "process", "path": "sh", "arguments": "-c 'echo ${HOME}'"},
        },
        {
            "type": "probe",
            "name": "web",
            "provider": {"type": "http", "url": "http://127.0.0.1:1/", "timeout": 1},
        },
    ],
    "rollbacks": [
        {"ref": "strike"},
        {
            "type": "action",
            "name": "undo",
            "provider": {"type": "python", "module": "chaos.actions", "func": "revert_faults"},
        },
    ],
    "runtime": {"hypothesis": {"strategy": "default"}, "rollbacks": {"strategy": "always"}},
}


MODULE = """
async def awaited(): ...
async def generated(): yield
def takes(one, two=2): ...
def anything(**arguments): ...
def told(configuration, secrets): ...
value = 7
"""


def linted(folder: Path, document: Any, **options: Any) -> list[Finding]:
    """The findings of a document; their places are without the file."""
    path = folder / "experiment.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return [
        Finding(f.place.removeprefix(str(path)).removeprefix(": "), f.problem, f.remedy, f.severity)
        for f in lint_file(path, **options)
    ]


def changed(path: str, value: Any) -> Document:
    """The experiment with one place of it changed; ``…`` takes it out."""
    document = copy.deepcopy(EXPERIMENT)
    *way, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    node: Any = document
    for part in way:
        node = node[part]
    if value is ...:
        del node[last]
    elif isinstance(node, list) and last == len(node):
        node.append(value)
    else:
        node[last] = value
    return document


def python(func: str, module: str = "users_module", **arguments: Any) -> Document:
    """An activity of the user's own."""
    provider = {"type": "python", "module": module, "func": func, "arguments": arguments}
    return {"type": "action", "name": "own", "provider": provider}


ARGUMENTS = "controls/0/provider/arguments"


def measuring(**arguments: Any) -> Document:
    """An activity that measures a property."""
    return python("measure", "chaos.actions", **arguments)
