"""The document of a pipeline's graph: its nodes, scripts and handlers, and the data between them.

::

    {
      "name": "from raw data to answers",
      "nodes": {
        "prepare": {"script": "prepare.py", "inputs": {"raw": "raw.csv"}, "arguments": {"job_type": "training"}},
        "clean": {"command": ["python", "clean.py", "{input:data_output}", "{output:rows}"], "outputs": {"rows": ""}},
        "serve": {"handler": "model.tar.gz", "payloads": "payloads"}
      },
      "edges": [["prepare", "clean"], {"from": "clean", "to": "serve", "output": "rows"}]
    }

Paths are relative to the document, and so is where scripts run. An output without a path is written to the workspace.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    JsonValue,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from chaos.documents import load_document, nearest, validated
from chaos.errors import DocumentError
from chaos.offline.specs import (
    DataEdge,
    InferenceHandlerSpec,
    InferencePipelineTestingSpec,
    PipelineDAG,
    ScriptExecutionSpec,
)
from chaos.offline.wiring import DATA, HANDLER, PAYLOADS, wires

__all__ = ["GraphDocument", "read_graph"]

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
KINDS = ("script", "command", "handler")
OF_SCRIPTS = ("inputs", "outputs", "environment", "arguments")
OF_HANDLERS = ("payloads", "model", "content_types", "accepts")


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class NodeDocument(_Document):
    """A node: a ``script`` with ``main``, a ``command``, or a ``handler``."""

    script: str = Field(
        default="", description="a file with main(input_paths, output_paths, environ_vars, job_args)"
    )
    command: tuple[str, ...] = Field(
        default=(), description="the words of a program; {input:NAME} and {output:NAME} stand for paths"
    )
    handler: str = Field(default="", description="a package: model.tar.gz, .mar, a directory, or a script")
    inputs: dict[str, str] = Field(default_factory=dict, description="what a script reads, by name")
    outputs: dict[str, str] = Field(
        default_factory=dict, description="where it writes, by name; in the workspace if the path is blank"
    )
    environment: dict[str, str] = Field(default_factory=dict, description="variables for a script")
    arguments: dict[str, JsonValue] = Field(default_factory=dict, description="the job_args of a script")
    payloads: str = Field(default="", description="a handler's directory of samples")
    model: str = Field(default="", description="the directory of model files, of a handler that is a script")
    content_types: tuple[str, ...] = Field(default=(), description="that a handler supports")
    accepts: tuple[str, ...] = Field(default=(), description="types of answers that a handler supports")

    @model_validator(mode="after")
    def _one_kind(self) -> NodeDocument:
        kinds = [kind for kind in KINDS if getattr(self, kind)]
        if len(kinds) != 1:
            raise ValueError(f"a node is one of {', '.join(KINDS)}; this is {' and '.join(kinds) or 'none'}")
        others = OF_SCRIPTS if kinds[0] == "handler" else OF_HANDLERS
        if strange := [name for name in others if name in self.model_fields_set]:
            raise ValueError(f"'{strange[0]}' does not go with '{kinds[0]}'")
        return self


class EdgeDocument(_Document):
    """An edge: what one node writes is read by another. A pair of names will do."""

    source: str = Field(alias="from")
    destination: str = Field(alias="to")
    output: str = Field(default="", description="which output of the source")
    input: str = Field(
        default="",
        description="which input of the destination; of a handler 'handler' and 'payloads' are its package and samples",
    )

    @model_validator(mode="before")
    @classmethod
    def _pair(cls, value: object) -> object:
        if isinstance(value, list):
            if len(value) != 2:
                raise ValueError("an edge is a pair of names, from and to")
            return {"from": value[0], "to": value[1]}
        return value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        pair = {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2}
        return {"anyOf": [pair, handler.resolve_ref_schema(handler(core))]}


class GraphDocument(_Document):
    """A pipeline's graph."""

    schema_: str | None = Field(default=None, alias="$schema")
    name: str = ""
    nodes: dict[str, NodeDocument] = Field(min_length=1)
    edges: tuple[EdgeDocument, ...] = ()

    @field_validator("nodes")
    @classmethod
    def _named(cls, nodes: dict[str, NodeDocument]) -> dict[str, NodeDocument]:
        for name in nodes:
            if not NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name for a node: use letters, digits, '_', '-' and '.'")
        return nodes


def read_graph(path: Path) -> InferencePipelineTestingSpec:
    """The pipeline that a document states.

    :raises DocumentError: if it does not fit; if an edge names no node, or the edges make a cycle; if it is not plain
        what goes along one; if a file is missing
    """
    document = load_document(path, GraphDocument)
    base = path.absolute().parent
    nodes = document.nodes
    spec = InferencePipelineTestingSpec(
        dag=_dag(document, path),
        script_specs={name: _script(name, node, base) for name, node in nodes.items() if not node.handler},
        inference_handlers={name: _handler(name, node, base) for name, node in nodes.items() if node.handler},
        data=tuple(
            DataEdge(source=edge.source, destination=edge.destination, output=edge.output, input=edge.input)
            for edge in document.edges
            if edge.output or edge.input
        ),
        name=document.name or path.stem,
    )
    try:
        lines = wires(spec)
    except DocumentError as error:
        raise DocumentError(f"{path}: {error.place}", error.problem, error.remedy) from None
    given = {(wire.destination, wire.input) for wire in lines}
    for name, node in nodes.items():
        _check_files(name, node, given, path, base)
    return spec


def _dag(document: GraphDocument, path: Path) -> PipelineDAG:
    nodes, place = document.nodes, f"{path}: edges"
    for number, edge in enumerate(document.edges):
        for end in (edge.source, edge.destination):
            if end not in nodes:
                raise DocumentError(f"{place}.{number}", f"there is no node '{end}'", nearest(end, nodes))
        if edge.output and nodes[edge.source].handler:
            raise DocumentError(f"{place}.{number}", "a handler has no named outputs", "leave 'output' out")
    pairs = dict.fromkeys((edge.source, edge.destination) for edge in document.edges)
    return validated({"nodes": tuple(nodes), "edges": tuple(pairs)}, PipelineDAG, place)


def _script(name: str, node: NodeDocument, base: Path) -> ScriptExecutionSpec:
    return ScriptExecutionSpec(
        script_name=name,
        step_name=name,
        script_path=_at(node.script, base),
        command=node.command,
        input_paths={each: _at(path, base) for each, path in node.inputs.items()},
        output_paths={each: _at(path, base) for each, path in node.outputs.items()},
        environ_vars=node.environment,
        job_args=dict(node.arguments),
        directory=str(base),
    )


def _handler(name: str, node: NodeDocument, base: Path) -> InferenceHandlerSpec:
    is_script = node.handler.endswith(".py")
    types: dict[str, Any] = {}
    if node.content_types:
        types["supported_content_types"] = node.content_types
    if node.accepts:
        types["supported_accept_types"] = node.accepts
    return InferenceHandlerSpec(
        handler_name=name,
        step_name=name,
        packaged_model_path="" if is_script else _at(node.handler, base),
        handler_path=_at(node.handler, base) if is_script else "",
        model_dir=_at(node.model, base),
        payload_samples_path=_at(node.payloads, base),
        **types,
    )


def _check_files(name: str, node: NodeDocument, given: set[tuple[str, str]], path: Path, base: Path) -> None:
    """Whether all is there that a node names, but for what comes by an edge."""
    place = f"{path}: nodes.{name}"
    named = {f"inputs.{each}": its for each, its in node.inputs.items() if (name, each) not in given}
    named |= {"script": node.script} if node.script else {}
    if node.handler:
        paths = {HANDLER: node.handler, PAYLOADS: node.payloads, "model": node.model}
        named |= {field: its for field, its in paths.items() if its and (name, field) not in given}
        if node.model and not node.handler.endswith(".py"):
            raise DocumentError(f"{place}.model", "a package has its model files in it", "leave 'model' out")
        if not node.payloads and not given & {(name, DATA), (name, PAYLOADS)}:
            raise DocumentError(place, "it has no samples", "name 'payloads', or give it data by an edge")
    for field, its in named.items():
        if not its or "\0" in its or not os.path.exists(_at(its, base)):
            what = its or "path"
            raise DocumentError(
                f"{place}.{field}", f"there is no {what}", "name what is there, from the document on"
            )


def _at(path: str, base: Path) -> str:
    """A path as it is meant; blank stays blank."""
    return os.path.normpath(base / path) if path else ""
