"""What is to be tested offline, by the names that the seed gives: a handler's package with its samples, the script
before it, and a graph of both.

The names and fields are those of seed 004 of the mission (a SageMaker pipeline's runtime tests); they are pydantic
models, so that they can be written in Python, in JSON, and by tools.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from chaos.handlers.formats import CSV, JSON

__all__ = [
    "DataEdge",
    "ErrorPattern",
    "InferenceHandlerSpec",
    "InferencePipelineTestingSpec",
    "InferenceTestSample",
    "PipelineDAG",
    "PipelineTestingSpec",
    "ScriptExecutionSpec",
]


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _regular(value: str | None) -> str | None:
    try:
        re.compile(value or "")
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{value!r} is no regular expression: {error}") from None
    return value


ErrorPattern = Annotated[str | None, AfterValidator(_regular)]
"""A regular expression that an error has to contain; None for any error."""


class InferenceTestSample(_Spec):
    """One request, and what should come of it.

    ``data`` is the body; text is taken as UTF-8. ``error_pattern`` is a regular expression that the error of a sample
    that should fail has to contain. ``expected`` is the answer's body, compared as JSON where it is JSON.
    """

    sample_name: str = ""
    content_type: str = JSON
    data: bytes
    accept: str = ""
    should_succeed: bool = True
    error_pattern: ErrorPattern = None
    expected: bytes | None = None

    @field_validator("data", "expected", mode="before")
    @classmethod
    def _text(cls, value: object) -> object:
        return value.encode() if isinstance(value, str) else value


class InferenceHandlerSpec(_Spec):
    """A handler to test. The package is a `model.tar.gz`, a `.mar`, or a directory; or, as the seed's examples have it,
    a script ``handler_path`` beside a directory ``model_dir``.

    Samples are those in ``test_data_samples`` and those in the directory ``payload_samples_path``.
    """

    handler_name: str = Field(min_length=1)
    step_name: str = ""
    packaged_model_path: str = ""
    payload_samples_path: str = ""
    handler_path: str = ""
    model_dir: str = ""
    test_data_samples: tuple[InferenceTestSample, ...] = ()
    model_paths: dict[str, str] = Field(default_factory=dict)
    code_paths: dict[str, str] = Field(default_factory=dict)
    data_paths: dict[str, str] = Field(default_factory=dict)
    supported_content_types: tuple[str, ...] = (JSON, CSV)
    supported_accept_types: tuple[str, ...] = (JSON, CSV)

    @model_validator(mode="after")
    def _one_source(self) -> InferenceHandlerSpec:
        if bool(self.packaged_model_path) == bool(self.handler_path):
            raise ValueError("needs exactly one of 'packaged_model_path' and 'handler_path'")
        return self

    @classmethod
    def create_default(
        cls,
        handler_name: str,
        step_name: str = "",
        packaged_model_path: str = "",
        payload_samples_path: str = "",
        test_data_dir: str = "",
    ) -> InferenceHandlerSpec:
        """One by the usual places: below ``test_data_dir`` (if it is not blank) the package is
        ``model/model.tar.gz`` and the samples are in ``payload``."""
        base = Path(test_data_dir) if test_data_dir else None
        package = packaged_model_path or (str(base / "model" / "model.tar.gz") if base else "")
        payloads = payload_samples_path or (str(base / "payload") if base else "")
        return cls(
            handler_name=handler_name,
            step_name=step_name or handler_name,
            packaged_model_path=package,
            payload_samples_path=payloads,
            data_paths={"payload_samples": payloads} if payloads else {},
        )


class ScriptExecutionSpec(_Spec):
    """A script that runs before a handler: a file with ``main(input_paths, output_paths, environ_vars, job_args)``, or
    a ``command`` (a list of words) in which ``{input:NAME}`` and ``{output:NAME}`` stand for paths.

    It runs in ``directory``, or where the harness does.
    """

    script_name: str = Field(min_length=1)
    step_name: str = ""
    script_path: str = ""
    command: tuple[str, ...] = ()
    input_paths: dict[str, str] = Field(default_factory=dict)
    output_paths: dict[str, str] = Field(default_factory=dict)
    environ_vars: dict[str, str] = Field(default_factory=dict)
    job_args: dict[str, Any] = Field(default_factory=dict)
    directory: str = ""

    @model_validator(mode="after")
    def _one_way(self) -> ScriptExecutionSpec:
        if bool(self.script_path) == bool(self.command):
            raise ValueError("needs exactly one of 'script_path' and 'command'")
        return self


class PipelineDAG(_Spec):
    """Nodes by name, and edges from the node that writes to the node that reads. It has no cycle."""

    nodes: tuple[str, ...] = ()
    edges: tuple[tuple[str, str], ...] = ()

    @model_validator(mode="after")
    def _sound(self) -> PipelineDAG:
        unknown = sorted({name for edge in self.edges for name in edge} - set(self.nodes))
        if self.nodes and unknown:
            raise ValueError(f"edges name {', '.join(unknown)}, which is no node")
        self.levels()
        return self

    def levels(self) -> list[tuple[str, ...]]:
        """The nodes in the order in which they can run; those of one level do not need each other.

        :raises ValueError: if there is a cycle, naming its nodes
        """
        left = dict.fromkeys([*self.nodes, *(name for edge in self.edges for name in edge)])
        levels: list[tuple[str, ...]] = []
        while left:
            ready = tuple(
                name for name in left if not any(to == name and of in left for of, to in self.edges)
            )
            if not ready:
                raise ValueError(f"a cycle goes through {', '.join(left)}")
            levels.append(ready)
            for name in ready:
                del left[name]
        return levels


class DataEdge(_Spec):
    """What goes along an edge, where that is not plain: an output of the source, by its name, is an input of the
    destination. That of a handler is ``handler`` or ``payloads``, in place of its package or its directory of samples;
    all else is data for its ``input_fn``."""

    source: str
    destination: str
    output: str = ""
    input: str = ""


class PipelineTestingSpec(_Spec):
    """A graph of scripts. ``data`` says more of some of its edges."""

    dag: PipelineDAG
    script_specs: dict[str, ScriptExecutionSpec] = Field(default_factory=dict)
    data: tuple[DataEdge, ...] = ()
    test_workspace_root: str = ""
    name: str = ""

    @model_validator(mode="after")
    def _of_edges(self) -> PipelineTestingSpec:
        for each in self.data:
            if (each.source, each.destination) not in self.dag.edges:
                raise ValueError(f"there is no edge from {each.source} to {each.destination}")
        return self


class InferencePipelineTestingSpec(PipelineTestingSpec):
    """A graph of scripts and handlers: every node is one or the other."""

    inference_handlers: dict[str, InferenceHandlerSpec] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _whole(self) -> InferencePipelineTestingSpec:
        known = [*self.script_specs, *self.inference_handlers]
        lacking = sorted(set(_names(self.dag)) - set(known))
        if lacking:
            raise ValueError(f"there is neither a script nor a handler for {', '.join(lacking)}")
        twice = sorted(set(self.script_specs) & set(self.inference_handlers))
        if twice:
            raise ValueError(f"{', '.join(twice)} is both a script and a handler")
        return self


def _names(dag: PipelineDAG) -> Iterable[str]:
    return [*dag.nodes, *(name for edge in dag.edges for name in edge)]
