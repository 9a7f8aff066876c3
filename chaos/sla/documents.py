"""Probe files: what to call, how often, which objectives. pydantic models with a published JSON Schema."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["INFERENCES", "Guard", "Objective", "PhaseName", "ProbeApi", "ProbeDocument", "Schedule"]

ProbeApi = Literal[
    "register",
    "inference",
    "batch_inference",
    "handlers",
    "scale",
    "unregister",
    "health",
    "api_description",
    "describe",
    "list",
]
"""What a probe can call: the APIs of :mod:`chaos.properties.table`."""

INFERENCES = frozenset({"inference", "batch_inference", "handlers"})
"""Those that send a payload to a model; the others are of the control plane."""

_NEEDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(INFERENCES, ("model", "payload")),
    "register": ("model", "package", "expect_status"),
    "unregister": ("model", "expect_status"),
    "scale": ("model", "workers"),
    "describe": ("model",),
}
"""The fields that a probe of an API needs; it may have no other of those that depend on the API."""

PhaseName = Literal["baseline", "fault", "recovery"]
"""The windows in which objectives are judged, each by itself."""


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Schedule(_Document):
    """When requests are sent: an open model (constant, poisson, ramp) or a closed one (users)."""

    arrival: Literal["constant", "poisson", "ramp", "users"] = "poisson"
    rate: float = Field(default=0.0, ge=0, description="requests per second")
    to_rate: float = Field(default=0.0, ge=0, description="rate at the end of a ramp, requests per second")
    ramp_seconds: float = Field(default=0.0, ge=0, description="length of the ramp")
    users: int = Field(default=0, ge=0, description="requests kept in flight (arrival: users)")

    @model_validator(mode="after")
    def _complete(self) -> Schedule:
        if self.arrival == "users":
            if self.users < 1:
                raise ValueError("arrival 'users' needs 'users', at least 1")
        elif self.rate <= 0 and self.to_rate <= 0:
            raise ValueError(f"arrival '{self.arrival}' needs a 'rate' above 0")
        if self.arrival == "ramp" and self.ramp_seconds <= 0:
            raise ValueError("arrival 'ramp' needs 'ramp_seconds' above 0")
        return self


class Objective(_Document):
    """One service level objective: an indicator and its target value over each phase it is judged in.

    ``at_least``/``at_most`` are absolute: shares of requests (availability, correctness), requests per
    second (throughput), seconds (latency). ``at_least_ratio``/``at_most_ratio`` are relative to the
    baseline of the same run and judged by their confidence interval.
    """

    sli: Literal["availability", "correctness", "latency", "throughput"]
    quantile: float | None = Field(default=None, gt=0, lt=1, description="of the latency, such as 0.99")
    at_least: float | None = Field(default=None, ge=0)
    at_most: float | None = Field(default=None, ge=0)
    at_least_ratio: float | None = Field(default=None, gt=0)
    at_most_ratio: float | None = Field(default=None, gt=0)
    phases: tuple[PhaseName, ...] = Field(
        default=("baseline", "fault", "recovery"),
        min_length=1,
        description="where it is judged; a relative one is never judged in the baseline itself",
    )

    @model_validator(mode="after")
    def _complete(self) -> Objective:
        limits = [self.at_least, self.at_most, self.at_least_ratio, self.at_most_ratio]
        if sum(limit is not None for limit in limits) != 1:
            raise ValueError("needs exactly one of at_least, at_most, at_least_ratio, at_most_ratio")
        if (self.sli == "latency") != (self.quantile is not None):
            raise ValueError("'quantile' goes with the sli 'latency', and only with it")
        if self.sli == "latency" and self.at_most is None and self.at_most_ratio is None:
            raise ValueError("a latency objective has at_most (seconds) or at_most_ratio")
        if self.sli != "latency" and (self.at_most is not None or self.at_most_ratio is not None):
            raise ValueError(f"a {self.sli} objective has at_least or at_least_ratio")
        if self.sli in ("availability", "correctness") and (self.at_least or 0.0) > 1.0:
            raise ValueError(f"{self.sli} is a share: at_least is between 0 and 1")
        if self.relative and set(self.phases) == {"baseline"}:
            raise ValueError("a relative objective cannot be judged in the baseline it is relative to")
        return self

    @property
    def relative(self) -> bool:
        """Whether the limit is a ratio to the baseline."""
        return self.at_least_ratio is not None or self.at_most_ratio is not None

    @property
    def limit(self) -> float:
        """The limit, in the unit of the indicator or as a ratio."""
        return next(
            limit
            for limit in (self.at_least, self.at_most, self.at_least_ratio, self.at_most_ratio)
            if limit is not None
        )

    @property
    def upper(self) -> bool:
        """Whether the limit is an upper one."""
        return self.at_most is not None or self.at_most_ratio is not None

    @property
    def name(self) -> str:
        """Such as ``availability``, ``p99 latency`` or ``p99 latency ratio``."""
        base = self.sli if self.quantile is None else f"p{self.quantile * 100:g} {self.sli}"
        return f"{base} ratio" if self.relative else base


class Guard(_Document):
    """An abort guard: cancels the running fault when the error budget burns too fast.

    Over a sliding window, burn rate = share of bad requests / (1 - target), as in the SRE Workbook,
    chapter 5. A request is bad if it failed, or took longer than ``slower_than``.
    """

    target: float = Field(gt=0, lt=1, description="the share of requests that should be good")
    burn_rate: float = Field(gt=0, description="trips at this burn rate and above")
    window: float = Field(gt=0, description="seconds")
    slower_than: float | None = Field(default=None, gt=0, description="seconds")
    at_least_requests: int = Field(default=20, ge=1, description="fewer in the window never trip it")


class ProbeDocument(_Document):
    """A probe file: traffic with objectives, measured from before the fault until after recovery.

    A probe must change nothing. Those of the control plane read, ask for the number of workers that there is, or ask
    for what has to be refused: to register a name that is taken, to unregister one that is not there.
    """

    schema_: str | None = Field(default=None, alias="$schema")
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    api: ProbeApi = Field(default="inference", description="what is called")
    model: str = Field(default="", description="the model that is called, or that the call is about")
    payload: Any = Field(
        default=None, description="what an inference sends; '{nonce}' in it is replaced and its echo checked"
    )
    package: str = Field(default="", description="the handler package that 'register' names")
    workers: int | None = Field(
        default=None, ge=0, le=1024, description="that 'scale' asks for: as many as there are"
    )
    expect_status: tuple[Annotated[int, Field(ge=200, le=599)], ...] = Field(
        default=(), description="the HTTP statuses of a right answer; any 2xx if empty"
    )
    schedule: Schedule
    timeout: float = Field(default=5.0, gt=0, le=300, description="seconds a request may take")
    objectives: tuple[Objective, ...] = Field(min_length=1)
    guards: tuple[Guard, ...] = ()

    @model_validator(mode="after")
    def _fits_its_api(self) -> ProbeDocument:
        needed = _NEEDS.get(self.api, ())
        for field in ("model", "payload", "package", "workers"):
            given = field in self.model_fields_set and getattr(self, field) != ""
            if field in needed and not given:
                raise ValueError(f"a probe of '{self.api}' needs '{field}'")
            if given and field not in needed:
                raise ValueError(f"a probe of '{self.api}' takes no '{field}'")
        if "expect_status" in needed and not (self.expect_status and min(self.expect_status) >= 400):
            raise ValueError(
                f"a probe of '{self.api}' changes nothing, so it has to be refused: say with which status in "
                "'expect_status', such as [409]"
            )
        return self
