"""Takes the context in every function, the ones before and after loading included, and a helper module of its own."""

from __future__ import annotations

import json

import wording


def pre_model_fn(model_dir, context):
    wording.seen.clear()
    wording.seen.append("before")


def model_fn(model_dir, context):
    if context.system_properties.get("model_dir") != model_dir:
        raise ValueError("the context is of another model")
    wording.seen.append("loaded")
    return {"name": context.model_name}


def model_warmup_fn(model_dir, model, context):
    wording.seen.append("warm")
    model["steps"] = tuple(wording.seen)


def input_fn(data, content_type, context):
    stated = context.get_request_header(0, "Content-Type")
    return {"stated": stated, "given": content_type, "value": json.loads(data)}


def predict_fn(data, model, context):
    return {**data, "steps": list(model["steps"]), "same": model["name"] == context.model_name}


def output_fn(prediction, accept, context):
    import wording as late  # it is found as well when a request is served

    return late.sentence(prediction), "text/plain"
