"""``python -m chaos.offline.script_host TASK RESULT``: the process that a script before a handler runs in.

``TASK`` and ``RESULT`` are descriptors of files. The task is a JSON object: a ``command`` becomes this process; of a
``script`` the function ``main`` is called, and what it raises is written as JSON to the result. All else is to be seen
from how the process ended.
"""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from chaos.handlers.limits import limit_memory, limit_resources
from chaos.lifeline import die_with_parent

__all__ = ["GIVEN"]

GIVEN = ("input_paths", "output_paths", "environ_vars", "job_args")
"""What ``main`` takes, by these names or in this order."""


class NoMainError(Exception):
    """The script has no ``main`` that could be called."""


def called(main: Callable[..., Any], given: Mapping[str, Any]) -> Any:
    """Call ``main`` with those of the given things that it names; with all in their order if it has names of its own.

    :raises NoMainError: if it takes neither
    """
    parameters = inspect.signature(main).parameters.values()
    by_name = [each for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return main(**given)
    if all(each.name in given or each.default is not each.empty for each in parameters):
        return main(**{each.name: given[each.name] for each in by_name if each.name in given})
    if len(parameters) == len(given):
        return main(*given.values())
    names = ", ".join(each.name for each in parameters)
    raise NoMainError(f"main takes ({names}), and is called with ({', '.join(GIVEN)})")


def run(task: Mapping[str, Any]) -> None:
    """Import the script, and call its ``main``."""
    path = Path(task["script"])
    name = path.stem if path.stem not in sys.stdlib_module_names else f"script_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise NoMainError("it is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path[:0] = [str(path.parent), os.getcwd()]
    sys.argv = [str(path)]
    spec.loader.exec_module(module)
    main = getattr(module, "main", None)
    if not callable(main):
        raise NoMainError(f"there is no main({', '.join(GIVEN)})")
    given = {name: task[name] for name in GIVEN}
    called(main, {**given, "job_args": argparse.Namespace(**task["job_args"])})


def main() -> None:
    """Run as a program by :mod:`chaos.offline.scripts`."""
    with open(int(sys.argv[1]), encoding="utf-8") as file:
        task = json.load(file)
    die_with_parent(task["parent"])
    limit_resources()
    limit_memory(task["memory"])
    if task["command"]:
        os.execvp(task["command"][0], task["command"])  # noqa: S606
    result = int(sys.argv[2])
    os.set_inheritable(result, False)
    told: dict[str, Any] = {}
    try:
        run(task)
    except NoMainError as error:
        told = {"outcome": "raised", "error": str(error), "code": 1}
    except BaseException as error:
        from chaos.handlers.mishaps import mishap_of  # loads numpy, which a script need not

        told = mishap_of(error, Path(task["script"]).parent)
    code = int(told.get("code", 1)) if told else 0
    if code:
        os.pwrite(result, json.dumps(told).encode(), 0)
    sys.exit(code)


if __name__ == "__main__":
    main()
