"""Small pipelines: scripts, a handler, and the document that joins them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chaos.offline.graph import read_graph, run_pipeline
from chaos.offline.results import PipelineResult
from chaos.offline.testing import TestOptions

QUICK = TestOptions(repeats=1, leak_calls=40, parallel=1)

MODEL = """
import json

def model_fn(model_dir):
    return 2.0

def input_fn(data, content_type):
    if content_type == "text/csv":
        return [float(cell) for line in data.split() for cell in line.split(",")]
    return json.loads(data)["values"]

def predict_fn(data, model):
    return [model * value for value in data]

def output_fn(prediction, accept):
    return json.dumps({"values": prediction})
"""
ROWS = """
import pathlib

def main(input_paths, output_paths, environ_vars, job_args):
    rows = pathlib.Path(input_paths["raw"]).read_text().splitlines()
    pathlib.Path(output_paths["data_output"], "rows.csv").write_text("\\n".join(rows[1:]))
"""
COLLECT = """
import json, pathlib

def main(input_paths, output_paths):
    files = sorted(pathlib.Path(input_paths["answers"]).iterdir())
    total = sum(sum(json.loads(path.read_text())["values"]) for path in files)
    pathlib.Path(output_paths["data_output"], "total.json").write_text(json.dumps({"values": [total]}))
"""
NOTHING = "def main(output_paths):\n    pass\n"
FAILS = "def main(output_paths):\n    raise KeyError('label')\n"


def package(directory: Path, code: str = MODEL, name: str = "model") -> str:
    source = directory / name / "code" / "inference.py"
    source.parent.mkdir(parents=True)
    source.write_text(code)
    (directory / "payloads").mkdir(exist_ok=True)
    (directory / "payloads" / "one.json").write_text('{"values": [1, 2]}')
    return name


def written(directory: Path, **scripts: str) -> None:
    for name, text in scripts.items():
        (directory / f"{name}.py").write_text(text)


def graph(directory: Path, nodes: dict[str, Any], edges: list[Any]) -> Path:
    path = directory / "graph.json"
    path.write_text(json.dumps({"nodes": nodes, "edges": edges}))
    return path


def run(directory: Path, nodes: dict[str, Any], edges: list[Any], **more: Any) -> PipelineResult:
    spec = read_graph(graph(directory, nodes, edges))
    return run_pipeline(spec, workspace=directory / "work", options=QUICK, **more)


def verdicts(result: PipelineResult) -> dict[str, str]:
    return {check.name: check.verdict for check in (*result.nodes, *result.edges)}


def words(result: PipelineResult, name: str) -> str:
    return next(check.words for check in (*result.nodes, *result.edges) if check.name == name)
