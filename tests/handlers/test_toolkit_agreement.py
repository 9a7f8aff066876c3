"""The same packages and requests through the SageMaker Inference Toolkit and through ours: what comes out agrees."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from chaos.errors import DocumentError
from chaos.handlers.formats import CSV, JSON, NPY, NPZ, HandlerInputError
from chaos.handlers.package import import_package, load_package
from chaos.offline.samples import read_samples
from tests.handlers.packages import package
from tests.handlers.toolkit import Ours, Toolkit, agree

PACKAGES = Path(__file__).parents[1] / "packages"
GOOD = sorted(path.name for path in PACKAGES.glob("good_*"))

IDENTITY = """
def model_fn(model_dir): return None
def predict_fn(data, model): return data
"""
CHOOSING = """
import json
import numpy as np
from sagemaker_inference.errors import BaseInferenceToolkitError, GenericInferenceToolkitError, UnsupportedFormatError
from sagemaker_inference import encoder
class Teapot(BaseInferenceToolkitError):
    def __init__(self): super().__init__(418, "short and\\nstout", "I am\\r\\na teapot")
ANSWERS = {
    "text": "é", "bytes": b"\\xff", "array of bytes": bytearray(b"x"), "nothing": None,
    "object": {"a": [1]}, "number": 3,
    "typed": ("x", "a/b"), "three": ("x", "a/b", 3), "typed object": ([1], "a/b"), "empty": "", "encoded": None,
}
ERRORS = {
    "value": ValueError("so"), "silent": KeyError(), "teapot": Teapot(), "generic": GenericInferenceToolkitError(503),
    "said": GenericInferenceToolkitError(429, "later"), "unsupported": UnsupportedFormatError("a/b"),
    "memory": MemoryError("all of it"), "assertion": AssertionError(), "deep": RecursionError("deep"),
}
def model_fn(model_dir): return model_dir
def input_fn(data, content_type):
    if data in ERRORS: raise ERRORS[data]
    return data
def predict_fn(data, model): return np.arange(4.0).reshape(2, 2) if data == "encoded" else data
def output_fn(prediction, accept, context):
    if isinstance(prediction, np.ndarray): return encoder.encode(prediction, accept)
    if prediction == "status":
        context.set_response_status(409, "taken")
        return "no"
    return ANSWERS[prediction]
"""
TRANSFORMING = """
def model_fn(model_dir, context): return context.model_name
def transform_fn(model, data, content_type, accept, context):
    stated = context.get_request_header(0, "Content-Type"), context.get_request_header(0, "Accept")
    return f"{model} {type(data).__name__} {data!r} {content_type} {accept} {stated}"
"""
OPTIONAL = """
pre_model_fn = model_warmup_fn = input_fn = output_fn = transform_fn = None
def model_fn(model_dir): return 1
def predict_fn(data, model, context=None): return [model, data.tolist()]
"""


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Ours, Toolkit]]:
    """Each package twice."""
    base = tmp_path_factory.mktemp("packages")
    written = {"identity": IDENTITY, "choosing": CHOOSING, "transforming": TRANSFORMING, "optional": OPTIONAL}
    paths = [PACKAGES / name for name in GOOD] + [package(base, code, name) for name, code in written.items()]
    return {path.name: (Ours(path), Toolkit(path)) for path in paths}


@pytest.mark.parametrize("name", GOOD)
def test_the_samples_of_the_good_packages(pairs: dict[str, tuple[Ours, Toolkit]], name: str) -> None:
    ours, theirs = pairs[name]
    samples = read_samples(PACKAGES.parent / "payloads" / name)
    assert samples
    for sample in samples:
        got = ours.invoke(sample.data, sample.content_type, sample.accept)
        agree(got, theirs.invoke(sample.data, sample.content_type, sample.accept))
        assert (got.error is None) is sample.should_succeed, sample.sample_name


@pytest.mark.parametrize(
    "what",
    ["text", "bytes", "array of bytes", "nothing", "object", "number", "typed", "three", "typed object", "empty",
     "encoded", "status", "value", "silent", "teapot", "generic", "said", "unsupported", "memory", "assertion", "deep",
     "unknown"],
)  # fmt: skip
@pytest.mark.parametrize("accept", ["", CSV, "a/b, c/d;q=0.1"])
def test_whatever_a_function_gives_or_raises(
    pairs: dict[str, tuple[Ours, Toolkit]], what: str, accept: str
) -> None:
    ours, theirs = pairs["choosing"]
    agree(ours.invoke(what.encode(), JSON, accept), theirs.invoke(what.encode(), JSON, accept))


NUMBERS = st.integers() | st.floats() | st.booleans()
VALUES = st.recursive(
    NUMBERS | st.none() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)
ROWS = st.lists(st.lists(NUMBERS, min_size=3, max_size=3), max_size=4)


def _npy(rows: list[list[float]], kind: str) -> bytes:
    out = io.BytesIO()
    np.save(out, np.array(rows, dtype=kind), allow_pickle=False)
    return out.getvalue()


def _npz(rows: list[list[float]]) -> bytes:
    out = io.BytesIO()
    sparse.save_npz(out, sparse.csr_matrix(np.array(rows, dtype=np.float64).reshape(-1, 3)))
    return out.getvalue()


CELLS = st.text('0123456789.-e ,\n"#abné\0', max_size=40)
FLOATS = st.lists(st.lists(st.floats(width=32), min_size=3, max_size=3), max_size=3)
BODIES = st.one_of(
    (VALUES | ROWS).map(lambda value: json.dumps(value).encode()),
    ROWS.map(lambda rows: "\n".join(",".join(map(str, row)) for row in rows).encode()),
    CELLS.map(str.encode),
    st.builds(_npy, FLOATS, st.sampled_from(["f8", "f4", ">f8", "U5", "?"])),
    FLOATS.map(_npz),
    st.binary(max_size=40),
)
TYPES = st.sampled_from(
    [
        JSON,
        JSON,
        CSV,
        CSV,
        NPY,
        NPZ,
        None,
        "",
        "text/plain",
        "application/json; charset=utf-8",
        "TEXT/CSV",
        " text/csv",
    ]
)
ACCEPTS = st.sampled_from(
    [None, "", "*/*", JSON, CSV, NPY, NPZ, "image/png", "text/csv, */*", "image/png,application/json", "text/csv;q=0.5",
     "*/*;q=0.1", " application/json ", "text / csv", "APPLICATION/JSON", ",", "application/x-npy,text/csv"]
)  # fmt: skip


@pytest.mark.filterwarnings(
    "ignore"
)  # numpy's, about bodies that are hardly numbers; they are the same for both
@settings(max_examples=200, deadline=None)
@given(
    name=st.sampled_from(["identity", "transforming", "optional", *GOOD]),
    body=BODIES,
    content_type=TYPES,
    accept=ACCEPTS,
)
def test_whatever_is_sent(
    pairs: dict[str, tuple[Ours, Toolkit]],
    name: str,
    body: bytes,
    content_type: str | None,
    accept: str | None,
) -> None:
    ours, theirs = pairs[name]
    agree(ours.invoke(body, content_type, accept), theirs.invoke(body, content_type, accept))


def test_the_environment_names_the_default_for_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "text/csv")
    path = package(tmp_path, IDENTITY)
    ours, theirs = Ours(path), Toolkit(path)

    for accept in (None, "", "*/*", JSON):
        got = ours.invoke(b"[1, 2]", JSON, accept)
        agree(got, theirs.invoke(b"[1, 2]", JSON, accept))
        assert got.content_type == (accept if accept == JSON else CSV)


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("x = 1\n", NotImplementedError),
        ("def model_fn(model_dir): raise OSError('disk')\n", OSError),
        ("def model_fn(): pass\n", TypeError),
        ("def model_fn(d): pass\ndef pre_model_fn(a, b, c): pass\n", TypeError),
        (
            "def model_fn(d): pass\ndef model_warmup_fn(d, m): raise OSError\ndef predict_fn(d, m): pass\n",
            OSError,
        ),
        (
            "def model_fn(d): pass\ndef transform_fn(m, d, c, a): pass\ndef output_fn(p, a): pass\n",
            ValueError,
        ),
        ("import no_such_module\n", ModuleNotFoundError),
        ("def model_fn(d):\n", SyntaxError),
    ],
)
def test_what_does_not_load_loads_in_neither(tmp_path: Path, code: str, problem: type[Exception]) -> None:
    path = package(tmp_path, code)

    with pytest.raises(problem):
        Toolkit(path)
    with pytest.raises(DocumentError):
        load_package(path)


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("def model_fn(d): return 1\n", NotImplementedError),
        ("def model_fn(d): return 1\ndef predict_fn(data): pass\n", TypeError),
        ("def model_fn(d): return 1\ndef predict_fn(*all): pass\n", TypeError),
        ("def model_fn(d): return 1\npredict_fn = 3\n", TypeError),
    ],
)
def test_what_the_toolkit_finds_out_with_a_request_is_found_before(
    tmp_path: Path, code: str, problem: type[Exception]
) -> None:
    path = package(tmp_path, code)
    answer = Toolkit(path).invoke(b"1", JSON, "")

    assert (answer.status, type(answer.error)) == (500, problem)
    with pytest.raises(DocumentError):
        load_package(path)


def test_a_batch_function_beside_transform_fn_is_nothing_to_either(tmp_path: Path) -> None:
    path = package(tmp_path, TRANSFORMING + "def predict_batch_fn(batch, model): raise OSError\n")

    agree(Ours(path).invoke(b"1", JSON, ""), Toolkit(path).invoke(b"1", JSON, ""))
    assert import_package(path).own == {"model_fn", "transform_fn"}


def test_the_one_difference_is_that_a_pickle_is_not_opened(tmp_path: Path) -> None:
    path = package(tmp_path, IDENTITY)
    out = io.BytesIO()
    np.save(out, np.array([{"a": 1}]))
    ours, theirs = (each(path).invoke(out.getvalue(), NPY, "") for each in (Ours, Toolkit))

    assert (theirs.status, theirs.body) == (200, b'[{"a": 1}]')
    assert (ours.status, type(ours.error)) == (500, HandlerInputError)


def test_an_error_of_another_class_states_no_status(tmp_path: Path) -> None:
    code = "class Mine(Exception): status_code, message, phrase = 418, 'short', 'stout'\n"
    path = package(tmp_path, code + "def model_fn(d): return 1\ndef predict_fn(data, model): raise Mine\n")
    ours, theirs = (each(path).invoke(b"1", JSON, "") for each in (Ours, Toolkit))

    assert (ours.status, theirs.status) == (500, 500)
