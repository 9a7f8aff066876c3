"""The gate of an experiment: a package is tested before it is registered, and only if it is sound the rest is played.

The probe ``handler_is_sound`` asks here. So does the control, before it opens its session, for the probes of the
hypothesis: what is registered when a session opens has passed by then. A package is tested once in a process, so that
the hypothesis, which is asked twice, costs no second test.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from chaos.documents import validated
from chaos.errors import DocumentError
from chaos.workbench.options import parse_size

if TYPE_CHECKING:
    from chaos.offline.results import InferenceTestResult

__all__ = ["PROBE", "Gate", "check_gate", "gate_of", "would_test"]

PROBE = "handler_is_sound"
"""The probe that asks here, in :mod:`chaos.probes`."""

Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Gate(BaseModel):
    """What the probe is called with; as :mod:`chaos.workbench.commands` has it for the command line."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    package: str = Field(min_length=1)
    payloads: str = Field(min_length=1)
    fuzz: int = Field(default=0, ge=0, le=1_000_000)
    memory: Annotated[int, BeforeValidator(parse_size)] = 2 << 30
    cpu: Seconds = 60.0
    timeout: Seconds = 10.0
    load_timeout: Seconds = 60.0
    processes: int = Field(default=32, ge=1, le=4096)
    leak_calls: int = Field(default=200, ge=0, le=1_000_000)
    seed: int = Field(default=0, ge=0, lt=2**31)


_tested: dict[Gate, InferenceTestResult] = {}


def gate_of(arguments: Mapping[str, Any]) -> Gate:
    """The arguments of a call of the probe, checked.

    :raises DocumentError: if they do not fit
    """
    return validated(dict(arguments), Gate, PROBE)


def check_gate(gate: Gate, directory: Path | None = None) -> InferenceTestResult:
    """Test the package, if this process has not done it, and say in the log what was found.

    :param directory: of a run, to leave the reports of the test in
    :raises DocumentError: if there is no such package, or there are no such samples
    """
    from chaos.handlers.limits import Limits
    from chaos.offline.specs import InferenceHandlerSpec
    from chaos.offline.testing import TestOptions, test_package
    from chaos.reporting.handler.words import reason
    from chaos.reporting.handler.write import write_reports
    from chaos.workbench.testing import name_of_package

    if gate in _tested:
        return _tested[gate]
    log = logging.getLogger("chaostoolkit")
    package = _found(gate.package)
    spec = InferenceHandlerSpec(
        handler_name=name_of_package(package),
        packaged_model_path=str(package),
        payload_samples_path=gate.payloads,
    )
    limits = Limits(
        memory=gate.memory,
        cpu=gate.cpu,
        call=gate.timeout,
        load=gate.load_timeout,
        processes=gate.processes,
    )
    options = TestOptions(limits=limits, fuzz=gate.fuzz, seed=gate.seed, leak_calls=gate.leak_calls)
    log.info(f"Testing the handler '{spec.handler_name}' before it is registered")
    result = _tested[gate] = test_package(spec, options)
    say = log.info if result.overall_success else log.error
    say(
        f"The handler '{spec.handler_name}' is {'' if result.overall_success else 'not '}sound: {reason(result)}"
    )
    if directory is not None:
        place = directory / f"handler-{spec.handler_name}"
        place.mkdir(parents=True, exist_ok=True)
        write_reports(place, result)
        log.info(f"Report of the handler: {place / 'report.html'}")
    return result


def would_test(arguments: Mapping[str, Any]) -> str:
    """For a dry run: what the probe would do, or why it could not."""
    from chaos.offline.samples import read_samples

    try:
        gate = gate_of(arguments)
        _found(gate.package)
        samples = len(read_samples(Path(gate.payloads)))
    except DocumentError as error:
        return f"a handler could not be tested: {error}"
    made = f" and {gate.fuzz} made from them" if gate.fuzz else ""
    told = "1 sample" if samples == 1 else f"{samples} samples"
    return f"would test the handler '{gate.package}' with {told}{made}, and go on only if it is sound"


def _found(package: str) -> Path:
    """A path, or a package of the embedded platform by its name, as a registration has it."""
    from chaos.embedded.store import BUILT_IN

    path = Path(package)
    if path.exists():
        return path
    if path.name == package and (BUILT_IN / package).is_dir():
        return BUILT_IN / package
    raise DocumentError(package, "there is no such package", "name a model.tar.gz, a .mar, or a directory")
