"""What is to be said of a package before anything is sent to it: what it holds, what it needs, and how it loads."""

from __future__ import annotations

from pathlib import Path

from chaos.handlers.calls import Call
from chaos.handlers.package import is_package
from chaos.handlers.requirements import REQUIREMENTS, unmet
from chaos.offline.judged import error_of, told
from chaos.offline.results import CheckResult

__all__ = ["check_load", "check_package", "check_requirements"]

MOST_FILES = 10_000


def check_package(directory: Path) -> CheckResult:
    """``package``: it is one."""
    files = size = 0
    for path in directory.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and files < MOST_FILES:
            files, size = files + 1, size + path.stat().st_size
    calibration = ", calibration among them" if (directory / "calibration").is_dir() else ""
    held = f"{'1 file' if files == 1 else f'{files} files'}, {size:,} bytes{calibration}"
    if not is_package(directory):
        words = f"no model package, for there is no code/inference.py in it: {held}"
        return CheckResult(name="package", verdict="fail", words=words)
    return CheckResult(name="package", verdict="pass", words=held, evidence={"files": files, "bytes": size})


def check_requirements(directory: Path) -> CheckResult:
    """``requirements``: what ``code/requirements.txt`` asks for is installed here."""
    if not (directory / REQUIREMENTS).is_file():
        return CheckResult(
            name="requirements", verdict="not applicable", words=f"the package has no {REQUIREMENTS}"
        )
    lacking = unmet(directory)
    if lacking:
        words = "; ".join(lacking[:5]) + (f"; and {len(lacking) - 5} more" if len(lacking) > 5 else "")
        return CheckResult(name="requirements", verdict="fail", words=words, evidence={"unmet": lacking})
    return CheckResult(name="requirements", verdict="pass", words="all that it requires is installed")


def check_load(call: Call, own: frozenset[str], limit: float) -> list[CheckResult]:
    """``contract``: its functions are those of the toolkit; ``load``: it is imported, and its model loads.

    :param own: functions that the package itself defines
    :param limit: seconds that loading may take
    """
    broken = call.error_type == "DocumentError"
    imported = call.function != "import"
    if broken:
        contract = CheckResult(name="contract", verdict="fail", words=call.error)
    elif imported:
        words = f"it defines {', '.join(sorted(own))}, with the parameters that they are given"
        contract = CheckResult(name="contract", verdict="pass", words=words, evidence={"own": sorted(own)})
    else:
        contract = CheckResult(name="contract", verdict="unknown", words="it cannot be imported")
    if call.outcome == "ok":
        gave = f"model_fn gave {call.value.words}" if call.value is not None else "the model loads"
        load = CheckResult(
            name="load", verdict="pass", words=gave, estimate=call.seconds, limit=limit, unit="s"
        )
    elif broken:
        load = CheckResult(name="load", verdict="not applicable", words="it breaks the contract")
    else:
        what = "model_fn" if imported else "importing it"
        words = f"{what} {told(call.outcome, error_of(call), call.place)}"
        load = CheckResult(name="load", verdict="fail", words=words)
    return [contract, load]
