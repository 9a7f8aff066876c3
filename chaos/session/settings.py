"""The arguments of the control, as an experiment writes them: what is tested, with which models and probes.

They arrive after Chaos Toolkit's substitution, so that ``--var`` reaches all of them; a number may
therefore come as text.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from chaos.checks.documents import CheckDocument
from chaos.faults.handler_dos import ModeName
from chaos.session.safety import SafetyLimits

__all__ = ["ControlArguments", "ModelArgument", "OwnArgument", "PhaseSeconds", "ProbeArgument"]

LinkName = Literal["client", "replica", "manager"]
"""A TCP link that a fault proxy can be put into: clients to target, and of the embedded platform's own, its AppProxy to
a replica and its manager to the AppProxy."""


def _blank_is_none(value: object) -> object:
    return None if value == "" else value


def _split(value: object) -> object:
    """A comma-separated list, as ``--var`` can give it; ``none`` and blank are the empty one."""
    if isinstance(value, str):
        return tuple(word for word in (part.strip() for part in value.split(",")) if word and word != "none")
    return value


Names = Annotated[tuple[str, ...], BeforeValidator(_split)]


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ModelArgument(_Arguments):
    """A model that is registered before the baseline and unregistered at the end.

    Either ``package`` names its handler package in the target's model store, or ``hostile`` names the mode
    of the handler denial of service that it is to be abused for, which determines the package. With a ``batch`` above 1
    its requests go to the handler in batches of up to so many, waited for as long as the ``delay``, in seconds.
    """

    name: str = Field(min_length=1)
    package: str | None = None
    hostile: ModeName | None = None
    workers: int = Field(default=1, ge=0, le=1024)
    batch: int = Field(default=1, ge=1, le=1024)
    delay: float = Field(default=0.0, ge=0, le=60)

    @model_validator(mode="after")
    def _one_source(self) -> ModelArgument:
        if (self.package is None) == (self.hostile is None):
            raise ValueError("needs exactly one of 'package' and 'hostile'")
        return self


class OwnArgument(_Arguments):
    """A handler package of the user's own, in the place of the experiment's.

    ``package`` is a directory, a ``model.tar.gz`` or a ``.mar`` on this machine, or what the target's model store calls
    it; blank for none. In the role ``victim`` it serves the models that have a ``package``, in the role ``hostile``
    those that are ``hostile``. ``payload`` is a JSON file with what is sent to it, in place of the probes' own payload
    or, for the hostile role, of the mode's (blank: the probes').
    """

    package: str = ""
    role: Literal["victim", "hostile"] = "victim"
    payload: str = ""

    @model_validator(mode="after")
    def _complete(self) -> OwnArgument:
        if self.payload and not self.package:
            raise ValueError("'payload' is what is sent to a 'package', and there is none")
        return self


class ProbeArgument(_Arguments):
    """A probe file by name or path; ``rate`` overrides the rate of its schedule (requests per second).

    ``via`` sends it through the link ``client``, which has to be one of the run's ``links``.
    """

    file: str = Field(min_length=1)
    via: Literal["client"] | None = None
    rate: Annotated[float | None, BeforeValidator(_blank_is_none)] = Field(default=None, gt=0)


class PhaseSeconds(_Arguments):
    """How long to measure before and after the fault; its own length is an argument of the fault."""

    baseline: float = Field(default=12.0, gt=0, le=86400)
    recovery: float = Field(default=12.0, gt=0, le=86400)
    warmup: float = Field(default=1.5, ge=0, le=3600)


class ControlArguments(_Arguments):
    """Everything that ``chaos.control`` takes in an experiment's ``controls``."""

    target: str = Field(
        default="embedded", min_length=1, description="the system under test, as a target URL"
    )
    hosts: Names = Field(default=(), description="hosts beside loopback that the experiment is meant for")
    allow: Names = Field(
        default=(), description="those of them that may be tested now: for the command line, --var allow=…"
    )
    seed: Annotated[int | None, BeforeValidator(_blank_is_none)] = Field(
        default=None,
        ge=0,
        lt=2**63,
        description="the one seed of the run; drawn, recorded and printed if blank",
    )
    defect: Names = Field(default=(), description="defects to seed in the embedded platform")
    models: tuple[ModelArgument, ...] = ()
    own: OwnArgument = OwnArgument()
    probes: tuple[ProbeArgument, ...] = Field(min_length=1)
    seconds: PhaseSeconds = PhaseSeconds()
    links: tuple[LinkName, ...] = Field(default=(), description="links that run through the fault proxy")
    toxiproxy: str = Field(
        default="", description="host:port of the API of a Toxiproxy to use in place of our own fault proxy"
    )
    checks: tuple[CheckDocument, ...] = ()
    safety: SafetyLimits = SafetyLimits()
    reports: str = Field(default="reports", min_length=1, description="where run directories are made")

    @field_validator("probes", mode="before")
    @classmethod
    def _bare_names(cls, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [{"file": entry} if isinstance(entry, str) else entry for entry in value]
        return value

    @model_validator(mode="after")
    def _distinct(self) -> ControlArguments:
        names = [model.name for model in self.models]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"models: {', '.join(twice)} is there more than once")
        if any(probe.via for probe in self.probes) and "client" not in self.links:
            raise ValueError("a probe goes via 'client', which is none of the 'links'")
        return self
