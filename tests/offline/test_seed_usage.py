"""The usage examples of seed 004, in their shape: only what is imported differs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from chaos.handlers.packing import pack
from chaos.offline.specs import PipelineDAG, ScriptExecutionSpec

HANDLER = '''
"""Scores rows of features by the weights of a model file."""

import json
from pathlib import Path


def model_fn(model_dir):
    return json.loads(Path(model_dir, "weights.json").read_text())


def input_fn(request_body, request_content_type):
    if request_content_type == "text/csv":
        return [[float(cell) for cell in line.split(",")] for line in request_body.splitlines()]
    if request_content_type == "application/json":
        return [list(json.loads(request_body).values())]
    raise ValueError(f"unsupported content type: {request_content_type}")


def predict_fn(input_data, model):
    return [sum(weight * cell for weight, cell in zip(model, row)) for row in input_data]


def output_fn(prediction, response_content_type):
    if response_content_type == "text/csv":
        return "\\n".join(map(str, prediction))
    return json.dumps(prediction)
'''
PREPROCESSING = '''
"""Writes the rows of features, without their header."""

from pathlib import Path


def main(input_paths, output_paths, environ_vars, job_args):
    Path(output_paths["data_output"], "features.csv").write_text("1.0,2.0\\n3.0,4.0\\n")
'''
TRAINING = '''
"""Writes a model of the rows that it reads, and the rows that it has left out."""

import json
from pathlib import Path


def main(input_paths, output_paths, environ_vars, job_args):
    rows = Path(input_paths["data_output"], "features.csv").read_text().splitlines()
    weights = [float(cell) for cell in rows[0].split(",")]
    Path(output_paths["model_output"], "weights.json").write_text(json.dumps(weights))
    Path(output_paths["data_output"], "holdout.csv").write_text(rows[1])
'''

BASIC = """
from chaos.offline.specs import InferenceHandlerSpec, ScriptExecutionSpec
from chaos.offline.tester import RuntimeTester

# Create inference handler specification
handler_spec = InferenceHandlerSpec(
    handler_name="xgboost_inference",
    handler_path="dockers/xgboost_atoz/xgboost_inference.py",
    model_dir="test/models/xgboost_model",
    test_data_samples=[
        {"content_type": "application/json", "data": '{"feature1": 1.0, "feature2": 2.0}'},
        {"content_type": "text/csv", "data": "1.0,2.0,3.0,4.0,5.0"}
    ]
)

# Test individual functions
tester = RuntimeTester(workspace_dir="test/inference")
handler_module = tester._load_handler_module(handler_spec.handler_path)

# Test model_fn
model_result = tester.test_inference_function(
    handler_module, "model_fn", {"model_dir": handler_spec.model_dir}
)

# Test complete pipeline
pipeline_result = tester.test_inference_pipeline(handler_module, handler_spec)

# Test script-to-inference compatibility
script_spec = ScriptExecutionSpec(
    script_name="data_preprocessing",
    step_name="DataPreprocessing_training",
    script_path="scripts/data_preprocessing.py",
    output_paths={"data_output": "test/output/processed_data"}
)

compatibility_result = tester.test_script_to_inference_compatibility(script_spec, handler_spec)
"""
MIXED = """
from chaos.offline.specs import InferenceHandlerSpec, PipelineTestingSpec
from chaos.offline.tester import RuntimeTester

tester = RuntimeTester(workspace_dir="test/inference")

# Create mixed pipeline with scripts and inference handlers
pipeline_spec = PipelineTestingSpec(
    dag=my_pipeline_dag,
    script_specs={
        "DataPreprocessing_training": preprocessing_script_spec,
        "XGBoostTraining_training": training_script_spec
    }
)

inference_handlers = {
    "ModelServing_inference": InferenceHandlerSpec(
        handler_name="xgboost_serving",
        handler_path="dockers/xgboost_atoz/xgboost_inference.py",
        model_dir="test/models/trained_xgboost"
    )
}

# Test complete pipeline with inference integration
results = tester.test_pipeline_with_inference(pipeline_spec, inference_handlers)

if results["pipeline_success"]:
    print("✅ Pipeline with inference handlers passed all tests!")
else:
    print("❌ Pipeline testing failed:")
    for error in results["errors"]:
        print(f"  - {error}")
"""
PACKAGED = """
from chaos.offline.specs import InferenceHandlerSpec
from chaos.offline.tester import RuntimeTester

# Create specification
handler_spec = InferenceHandlerSpec.create_default(
    handler_name="xgboost_inference",
    step_name="ModelServing_inference",
    packaged_model_path="models/packaged_model.tar.gz",
    payload_samples_path="test/payload_samples/"
)

# Test with RuntimeTester
tester = RuntimeTester(workspace_dir="test/inference")
result = tester.test_inference_pipeline(handler_spec)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with what the examples name, and the current directory in it."""
    files = {
        "dockers/xgboost_atoz/xgboost_inference.py": HANDLER,
        "scripts/data_preprocessing.py": PREPROCESSING,
        "scripts/training.py": TRAINING,
        "test/models/xgboost_model/weights.json": "[0.5, 2.0]",
        "test/payload_samples/one.json": '{"feature1": 1.0, "feature2": 2.0}',
        "test/payload_samples/rows.csv": "1.0,2.0\n3.0,4.0\n",
        "packaged/code/inference.py": HANDLER,
        "packaged/weights.json": "[0.5, 2.0]",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "models").mkdir()
    pack(tmp_path / "packaged", tmp_path / "models" / "packaged_model.tar.gz")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ran(example: str, **names: Any) -> dict[str, Any]:
    """The names after an example was run."""
    exec(compile(example, "example", "exec"), names)  # noqa: S102
    return names


def test_basic_inference_handler_testing(project: Path) -> None:
    found = ran(BASIC)
    with found["handler_module"]:
        assert found["model_result"]["success"]
        assert str(found["model_result"]["result"]) == "list of 2 float"
    assert found["pipeline_result"]["pipeline_success"], found["pipeline_result"]["errors"]
    assert found["compatibility_result"]["compatible"], found["compatibility_result"]["error"]
    assert found["compatibility_result"]["content_type"] == "text/csv"
    assert (project / "test" / "output" / "processed_data" / "features.csv").exists()
    assert "xgboost_inference" not in sys.modules


def test_pipeline_integration_testing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ("DataPreprocessing_training", "XGBoostTraining_training", "ModelServing_inference")
    preprocessing = ScriptExecutionSpec(
        script_name="data_preprocessing",
        step_name=names[0],
        script_path="scripts/data_preprocessing.py",
        output_paths={"data_output": "test/output/processed_data"},
    )
    training = ScriptExecutionSpec(
        script_name="training",
        step_name=names[1],
        script_path="scripts/training.py",
        output_paths={"model_output": "test/models/trained_xgboost", "data_output": "test/output/holdout"},
    )
    found = ran(
        MIXED,
        my_pipeline_dag=PipelineDAG(nodes=names, edges=((names[0], names[1]), (names[1], names[2]))),
        preprocessing_script_spec=preprocessing,
        training_script_spec=training,
    )

    printed = capsys.readouterr().out
    assert printed == "✅ Pipeline with inference handlers passed all tests!\n"
    results = found["results"]
    assert set(results["script_results"]) == set(names[:2])
    assert results["inference_results"][names[2]]["pipeline_success"]
    assert [edge.verdict for edge in results["result"].edges] == ["pass", "pass"]


def test_pipeline_integration_testing_that_fails(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "scripts" / "training.py").write_text("def main(input_paths):\n    raise KeyError('label')\n")
    script = ScriptExecutionSpec(script_name="prep", script_path="scripts/data_preprocessing.py")
    training = ScriptExecutionSpec(script_name="training", script_path="scripts/training.py")
    names = ("DataPreprocessing_training", "XGBoostTraining_training", "ModelServing_inference")
    ran(
        MIXED,
        my_pipeline_dag=PipelineDAG(nodes=names, edges=((names[0], names[1]), (names[1], names[2]))),
        preprocessing_script_spec=script,
        training_script_spec=training,
    )

    printed = capsys.readouterr().out
    assert printed.startswith("❌ Pipeline testing failed:\n")
    assert "  - XGBoostTraining_training: it failed: KeyError: 'label' (training.py:2)\n" in printed
    assert "  - ModelServing_inference: not run: XGBoostTraining_training failed\n" in printed


def test_a_packaged_model(project: Path) -> None:
    result = ran(PACKAGED)["result"]

    assert result["pipeline_success"], result["errors"]
    assert {run.sample for run in result["result"].end_to_end_results} == {"one.json", "rows.csv"}
