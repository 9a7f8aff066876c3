"""What goes along the edges of a pipeline: which output of a node becomes which input of the next."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from chaos.documents import nearest
from chaos.errors import DocumentError
from chaos.offline.scripts import DATA_OUTPUT
from chaos.offline.specs import DataEdge, InferencePipelineTestingSpec, ScriptExecutionSpec

__all__ = ["ANSWERS", "DATA", "HANDLER", "PAYLOADS", "Wire", "wires"]

HANDLER, PAYLOADS, DATA = "handler", "payloads", "data"
"""The inputs of a handler: its package, its samples, and what is given to ``input_fn``."""

ANSWERS = "answers"
"""The output of a handler."""


@dataclass(frozen=True, slots=True)
class Wire:
    """One output that becomes one input.

    :param wired: the destination reads it from there already: its input has that path
    """

    source: str
    destination: str
    output: str
    input: str
    wired: bool = False

    @property
    def edge(self) -> str:
        """The name of the edge that it belongs to."""
        return f"{self.source} -> {self.destination}"


def wires(spec: InferencePipelineTestingSpec) -> list[Wire]:
    """All that goes along the edges, in the order of the edges.

    What an edge does not say is what there is only one of: the only output of the source, or ``data_output`` among
    several; the input that has the path of that output already, the only one, or the one with the name of the output.

    :raises DocumentError: if it is not plain which output or input is meant, or one input would have two
    """
    found = [
        _wire(spec, edge)
        for source, destination in dict.fromkeys(spec.dag.edges)
        for edge in _said(spec, source, destination)
    ]
    counts = Counter((wire.destination, wire.input) for wire in found if wire.input != DATA)
    for wire in found:
        if counts[wire.destination, wire.input] > 1:
            raise DocumentError(
                wire.edge,
                f"input '{wire.input}' of {wire.destination} would have {counts[wire.destination, wire.input]} sources",
                "name the input of each edge",
            )
    return found


def _said(spec: InferencePipelineTestingSpec, source: str, destination: str) -> list[DataEdge]:
    said = [each for each in spec.data if (each.source, each.destination) == (source, destination)]
    return said or [DataEdge(source=source, destination=destination)]


def _wire(spec: InferencePipelineTestingSpec, edge: DataEdge) -> Wire:
    ends = edge.source, edge.destination
    place = " -> ".join(ends)
    source = spec.script_specs.get(edge.source)
    output = ANSWERS if source is None else edge.output or _only_output(source, place)
    destination = spec.script_specs.get(edge.destination)
    if destination is None:
        known = (HANDLER, PAYLOADS, DATA)
        if edge.input not in ("", *known):
            raise DocumentError(place, f"a handler has no input '{edge.input}'", nearest(edge.input, known))
        return Wire(*ends, output, edge.input or DATA)
    if edge.input:
        return Wire(*ends, output, edge.input)
    path = source.output_paths.get(output, "") if source is not None else ""
    if name := next((name for name, its in destination.input_paths.items() if _reads(its, path)), ""):
        return Wire(*ends, output, name, wired=True)
    incoming = [to for _, to in dict.fromkeys(spec.dag.edges) if to == edge.destination]
    if len(destination.input_paths) == len(incoming) == 1:
        return Wire(*ends, output, next(iter(destination.input_paths)))
    return Wire(*ends, output, output)


def _only_output(script: ScriptExecutionSpec, place: str) -> str:
    names = list(script.output_paths) or [DATA_OUTPUT]
    if len(names) > 1 and DATA_OUTPUT not in names:
        raise DocumentError(
            place, f"{script.script_name} has the outputs {', '.join(names)}", "name one of them"
        )
    return names[0] if len(names) == 1 else DATA_OUTPUT


def _reads(path: str, output: str) -> bool:
    """Whether a path is that of an output, or of something in it."""
    if not path or not output:
        return False
    return Path(path).absolute().is_relative_to(Path(output).absolute())
