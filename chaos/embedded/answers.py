"""The error answers of the wire APIs, in their real shapes: TorchServe's, the Open Inference Protocol's, and those of
multi-model-server for SageMaker's container API, from which TorchServe has its own."""

from __future__ import annotations

import json
from enum import StrEnum

__all__ = ["Protocol", "error_body", "no_worker"]


class Protocol(StrEnum):
    """In whose words a request is answered."""

    TORCHSERVE = "torchserve"
    OIP = "oip"
    SAGEMAKER = "sagemaker"


def error_body(protocol: Protocol, status: int, kind: str, message: str) -> bytes:
    """The JSON body of an error.

    :param status: the HTTP status, which TorchServe repeats in the body
    :param kind: TorchServe's exception name, such as ``ModelNotFoundException``
    """
    if protocol is Protocol.OIP:
        return json.dumps({"error": message}).encode()
    return json.dumps({"code": status, "type": kind, "message": message}).encode()


def no_worker(model: str) -> str:
    """TorchServe's words when a model has no worker or its queue is full: the same for both."""
    return (
        f'Model "{model}" has no worker to serve inference request. Please use scale workers API to add workers. '
        "If this is a sequence inference, please check if it is closed, or expired; or exceeds "
        "maxSequenceJobQueueSize"
    )
