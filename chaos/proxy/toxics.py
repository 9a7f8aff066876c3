"""The toxics there are: their names and attributes, which connections they hit, and the stages they make.

Which connections a ``toxicity`` below 1 hits is a pure function of the seed, the names of proxy and toxic, and the
connection's ordinal in its proxy: a run repeats.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from chaos.documents import validated
from chaos.errors import ChaosError, DocumentError
from chaos.proxy.stages import Bandwidth, Latency, LimitData, ResetPeer, Slicer, SlowClose, Stage, Timeout

__all__ = ["HTTP", "Attributes", "Toxic", "ToxicError", "parse_toxic"]

Stream = Literal["upstream", "downstream"]
HTTP = "http_"
"""Toxics whose type begins so act on requests, and are not Toxiproxy's but ours."""


class ToxicError(ChaosError):
    """A toxic that the API was given does not fit. ``status`` is the HTTP status to answer with."""

    def __init__(self, message: str, status: int = 400) -> None:
        self.status = status
        super().__init__(message)


Amount = Annotated[int, Field(ge=0, le=10**12)]
"""A time or a size: any that can be meant."""


class Attributes(BaseModel):
    """Attributes of a toxic; absent ones are 0, as in Toxiproxy. One that it has not is an error, which it is not
    there: a misspelled one would be a toxic that does nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    stage: ClassVar[type[Stage] | None] = None
    closes: ClassVar[bool] = False
    """Whether connections that it held are closed when it is taken away, as bytes of theirs are lost."""


class LatencyAttributes(Attributes):
    """Milliseconds."""

    stage = Latency
    latency: Amount = 0
    jitter: Amount = 0


class BandwidthAttributes(Attributes):
    """Kilobytes a second."""

    stage = Bandwidth
    rate: Amount = 0


class SlicerAttributes(Attributes):
    """Bytes, and microseconds between pieces."""

    stage = Slicer
    average_size: int = Field(default=1, ge=1)
    size_variation: Amount = 0
    delay: Amount = 0

    @model_validator(mode="after")
    def _fits(self) -> SlicerAttributes:
        if self.size_variation and self.size_variation >= self.average_size:
            raise ValueError("'size_variation' must be less than 'average_size'")
        return self


class SlowCloseAttributes(Attributes):
    """Milliseconds."""

    stage = SlowClose
    delay: Amount = 0


class LimitDataAttributes(Attributes):
    """Bytes."""

    stage = LimitData
    bytes: Amount = 0


class TimeoutAttributes(Attributes):
    """Milliseconds; 0 is for ever."""

    stage = Timeout
    closes = True
    timeout: Amount = 0


class ResetPeerAttributes(Attributes):
    """Milliseconds."""

    stage = ResetPeer
    timeout: Amount = 0


class HttpAttributes(Attributes):
    """Which requests: those whose path begins so, and to this model; blank is any."""

    path: str = ""
    model: str = ""


class HttpStatusAttributes(HttpAttributes):
    """The request is answered with this status, and never reaches the target."""

    status: int = Field(default=503, ge=200, le=599)


class HttpDelayAttributes(HttpAttributes):
    """Milliseconds by which the request is late."""

    delay: Amount = 0


class HttpCutAttributes(HttpAttributes):
    """The connection is reset after so many bytes of the answer's body."""

    after_bytes: Amount = 0


TYPES: dict[str, type[Attributes]] = {
    "latency": LatencyAttributes,
    "bandwidth": BandwidthAttributes,
    "slicer": SlicerAttributes,
    "slow_close": SlowCloseAttributes,
    "limit_data": LimitDataAttributes,
    "timeout": TimeoutAttributes,
    "reset_peer": ResetPeerAttributes,
    "http_status": HttpStatusAttributes,
    "http_delay": HttpDelayAttributes,
    "http_cut": HttpCutAttributes,
}


@dataclass(frozen=True, slots=True)
class Toxic:
    """A toxic of a proxy. ``since`` is the ordinal of the first connection that came after it was added."""

    name: str
    type: str
    stream: Stream
    toxicity: float
    attributes: Attributes
    connections: Literal["all", "new", "live"] = "all"
    since: int = 0

    @property
    def http(self) -> bool:
        """Whether it acts on requests; ``toxicity`` is then the share of them, not of connections."""
        return self.type.startswith(HTTP)

    def generator(self, seed: int, proxy: str, ordinal: int) -> random.Random:
        """What decides for one connection; the same whenever it is asked."""
        return random.Random(f"{seed}:{proxy}:{self.name}:{ordinal}")

    def hits(self, seed: int, proxy: str, ordinal: int) -> bool:
        """Whether it hits the connection of this ordinal."""
        if self.connections == "new" and ordinal < self.since:
            return False
        if self.connections == "live" and ordinal >= self.since:
            return False
        return self.http or self.generator(seed, proxy, ordinal).random() < self.toxicity

    def to_json(self) -> dict[str, Any]:
        """As the API has it."""
        document: dict[str, Any] = {
            "name": self.name,
            "type": self.type,
            "stream": self.stream,
            "toxicity": self.toxicity,
            "attributes": self.attributes.model_dump(),
        }
        if self.connections != "all":
            document["connections"] = self.connections
        return document


def parse_toxic(document: dict[str, Any], since: int, before: Toxic | None = None) -> Toxic:
    """Read what the API was given: a new toxic, or changes to the one ``before``.

    :raises ToxicError: in Toxiproxy's words where it has some
    """
    kind = before.type if before is not None else str(document.get("type") or "")
    if kind not in TYPES:
        raise ToxicError("invalid toxic type")
    stream = before.stream if before is not None else document.get("stream") or "downstream"
    if stream not in ("upstream", "downstream"):
        raise ToxicError("stream was invalid, can be either upstream or downstream")
    toxicity = document.get("toxicity", before.toxicity if before is not None else 1.0)
    if isinstance(toxicity, bool) or not isinstance(toxicity, int | float) or not 0 <= toxicity <= 1:
        raise ToxicError("bad request body: toxicity is a number from 0 to 1")
    connections = document.get("connections", before.connections if before is not None else "all")
    if connections not in ("all", "new", "live"):
        raise ToxicError("bad request body: connections is all, new or live")
    given = document.get("attributes") or {}
    if not isinstance(given, dict):
        raise ToxicError("bad request body: attributes is an object")
    try:
        old = before.attributes.model_dump() if before is not None else {}
        attributes = validated({**old, **given}, TYPES[kind], "attributes")
    except DocumentError as error:
        raise ToxicError(f"bad request body: {error}") from None
    if before is not None:
        return replace(before, toxicity=float(toxicity), attributes=attributes, connections=connections)
    name = str(document.get("name") or f"{kind}_{stream}")
    return Toxic(name, kind, stream, float(toxicity), attributes, connections, since)
