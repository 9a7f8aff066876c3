"""Specifications made from what is there: a handler, a graph with the specifications of its nodes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from chaos.documents import validated
from chaos.handlers.formats import CSV, JSON
from chaos.offline.specs import (
    InferenceHandlerSpec,
    InferencePipelineTestingSpec,
    InferenceTestSample,
    PipelineDAG,
    PipelineTestingSpec,
    ScriptExecutionSpec,
)

__all__ = ["DEFAULT_SAMPLES", "PipelineTestingSpecBuilder"]

DEFAULT_SAMPLES = (
    InferenceTestSample(
        sample_name="default.json", content_type=JSON, data=b'{"feature1": 1.0, "feature2": 2.0}'
    ),
    InferenceTestSample(sample_name="default.csv", content_type=CSV, data=b"1.0,2.0,3.0,4.0,5.0"),
)
"""What a handler is tried with for which nobody has named samples: that it fails for these says little."""

PAYLOADS = ("payload", "payloads", "payload_samples")


class PipelineTestingSpecBuilder:
    """Makes specifications, by the names that the seed gives."""

    def create_inference_handler_spec(
        self, handler_name: str, handler_path: str, model_dir: str = ""
    ) -> InferenceHandlerSpec:
        """One for a handler: a script with a directory of model files, or a package.

        Its samples are in ``payload``, ``payloads`` or ``payload_samples``, in the model's directory or beside the
        handler; without such a directory they are :data:`DEFAULT_SAMPLES`.
        """
        path = Path(handler_path)
        is_script = path.suffix == ".py"
        places = [Path(model_dir)] if model_dir else []
        found = (place / name for place in [*places, path.parent] for name in PAYLOADS)
        payloads = next((str(each) for each in found if each.is_dir()), "")
        return InferenceHandlerSpec(
            handler_name=handler_name,
            step_name=handler_name,
            handler_path=handler_path if is_script else "",
            packaged_model_path="" if is_script else handler_path,
            model_dir=model_dir if is_script else "",
            payload_samples_path=payloads,
            test_data_samples=() if payloads else DEFAULT_SAMPLES,
        )

    def build_mixed_pipeline_spec(
        self,
        dag: PipelineDAG,
        script_specs: Mapping[str, ScriptExecutionSpec],
        inference_handlers: Mapping[str, InferenceHandlerSpec],
    ) -> InferencePipelineTestingSpec:
        """A graph of scripts and handlers; where a node has both, the handler takes the script's place.

        :raises DocumentError: if a node has neither
        """
        return self.with_handlers(
            PipelineTestingSpec(dag=dag, script_specs=dict(script_specs)), inference_handlers
        )

    def with_handlers(
        self, pipeline: PipelineTestingSpec, inference_handlers: Mapping[str, InferenceHandlerSpec]
    ) -> InferencePipelineTestingSpec:
        """A pipeline in which handlers take the place of the scripts of the same name.

        :raises DocumentError: if a node of the graph has neither
        """
        fields = {name: getattr(pipeline, name) for name in type(pipeline).model_fields}
        own = fields.get("inference_handlers", {})
        scripts = {
            name: spec for name, spec in pipeline.script_specs.items() if name not in inference_handlers
        }
        fields |= {"script_specs": scripts, "inference_handlers": {**own, **inference_handlers}}
        return validated(fields, InferencePipelineTestingSpec, "pipeline")
