"""The four functions of a package called bare: imported as any module is, in the process that calls them.

``python -m benchmarks.handler.bare DIRECTORY SAMPLES`` calls them in a process of its own, from the first line on its
standard input on, and prints the seconds that it took.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["BODY", "JSON", "bare_functions", "write_package"]

JSON = "application/json"
BODY = b'{"values": [5.1, 3.5, 1.4, 0.2]}'

_CODE = '''"""Reads four numbers, computes for a while, and writes a number."""

import json


def model_fn(model_dir):
    return {loops}


def input_fn(data, content_type):
    return json.loads(data)["values"]


def predict_fn(data, model):
    total = 0
    for number in range(model):
        total += number & 7
    return [total, *data]


def output_fn(prediction, accept):
    return json.dumps(prediction)
'''


def write_package(directory: Path, seconds: float) -> None:
    """A package whose ``predict_fn`` keeps a core busy for about so long, by a fixed amount of work."""
    source = directory / "code" / "inference.py"
    source.parent.mkdir(parents=True)
    trial = 200_000
    source.write_text(_CODE.replace("{loops}", str(trial)))
    call = bare_functions(directory)
    took = []
    for _ in range(15):
        begin = time.perf_counter()
        call()
        took.append(time.perf_counter() - begin)
    source.write_text(_CODE.replace("{loops}", str(round(trial * seconds / min(took)))))


def bare_functions(directory: Path) -> Callable[[], bytes]:
    """The package's pipeline over one sample, with its model loaded."""
    source = directory / "code" / "inference.py"
    spec = importlib.util.spec_from_file_location("bare_inference", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.model_fn(str(directory))

    def call() -> bytes:
        data = module.input_fn(BODY.decode(), JSON)
        answer: str = module.output_fn(module.predict_fn(data, model), JSON)
        return answer.encode()

    return call


def main() -> None:
    """As a program."""
    call, samples = bare_functions(Path(sys.argv[1])), int(sys.argv[2])
    call()
    print("ready", flush=True)
    for _ in sys.stdin:
        begin = time.perf_counter()
        for _ in range(samples):
            call()
        print(time.perf_counter() - begin, flush=True)


if __name__ == "__main__":
    main()
