"""Which requests a handler is tested with: each sample as its content type, for each type of answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chaos.offline.specs import InferenceHandlerSpec, InferenceTestSample

__all__ = ["Request", "requests_of"]


@dataclass(frozen=True, slots=True)
class Request:
    """A sample, and the type of answer that is wanted.

    :param main: it is the one of its sample that states what the sample expects
    :param required: the handler has to answer it as it should; of requests that are not, it has to refuse those that it
        does not answer by an error, and to answer one of the sample's others
    """

    sample: InferenceTestSample
    accept: str
    main: bool
    required: bool

    @property
    def words(self) -> str:
        """Such as ``one.json as text/csv``."""
        name = self.sample.sample_name or f"a sample of {len(self.sample.data)} bytes"
        return f"{name} as {self.accept}" if self.accept else name


def requests_of(spec: InferenceHandlerSpec, samples: Iterable[InferenceTestSample]) -> list[Request]:
    """All requests, sample by sample.

    A sample that states what it accepts is one request. One that should not succeed is one, too. All others are asked
    for each type that the specification has; if it does not state them, one that is answered is enough, since the
    types are then nobody's promise.
    """
    stated = "supported_accept_types" in spec.model_fields_set
    types = spec.supported_accept_types or ("",)
    found = []
    for sample in samples:
        accepts = (sample.accept,) if sample.accept else types if sample.should_succeed else types[:1]
        required = stated or len(accepts) == 1
        found += [Request(sample, accept, number == 0, required) for number, accept in enumerate(accepts)]
    return found
