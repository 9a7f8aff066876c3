"""The JSON Schemas of the documents that users write and read, for editors and for other programs.

They are made from the models, and published as files of this package; ``python -m chaos.schemas`` writes
those again after a model has changed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chaos.reporting.matrix.document import MatrixDocument
from chaos.reporting.verify.document import VerifyDocument
from chaos.schemas.experiment import experiment_schema
from chaos.sla.documents import ProbeDocument
from chaos.summary import SummaryDocument

__all__ = ["FOLDER", "published", "rendered"]

FOLDER = Path(__file__).parent
DRAFT = "https://json-schema.org/draft/2020-12/schema"


def published() -> dict[str, dict[str, Any]]:
    """The schemas by name; ``NAME.schema.json`` is the file of each."""
    # Chaos Toolkit loads this package with its command line, which has no use for these.
    from chaos.offline.graph_document import GraphDocument
    from chaos.offline.samples import SampleDocument
    from chaos.reporting.handler.document import handler_schema

    return {
        "experiment": {"$schema": DRAFT, **experiment_schema()},
        "handler": {"$schema": DRAFT, **handler_schema()},
        "matrix": {"$schema": DRAFT, **MatrixDocument.model_json_schema(mode="serialization")},
        "pipeline": {"$schema": DRAFT, **GraphDocument.model_json_schema(by_alias=True)},
        "probe": {"$schema": DRAFT, **ProbeDocument.model_json_schema(by_alias=True)},
        "sample": {"$schema": DRAFT, **SampleDocument.model_json_schema()},
        "summary": {"$schema": DRAFT, **SummaryDocument.model_json_schema(mode="serialization")},
        "verify": {"$schema": DRAFT, **VerifyDocument.model_json_schema(mode="serialization")},
    }


def rendered(schema: dict[str, Any]) -> str:
    """The text of a schema's file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
