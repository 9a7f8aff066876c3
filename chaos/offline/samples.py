"""Samples from a directory: each file is the body of a request, a side file says what is special about it.

``one.json`` is sent as its suffix says. Beside it, ``one.json.sample.json`` may state its content type, what is
accepted, whether it should succeed, the error if not, and the answer if so::

    {"accept": "text/csv", "expected_file": "one.answer.csv"}

Directories within it count, too: their samples are named ``csv/one.csv``. What is hidden is left out.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from chaos.documents import load_document
from chaos.errors import DocumentError
from chaos.handlers.formats import ANY, CSV, JSON, NPY, NPZ
from chaos.offline.specs import ErrorPattern, InferenceTestSample

__all__ = ["CONTENT_TYPES", "SIDE", "SampleDocument", "read_samples"]

CONTENT_TYPES: Mapping[str, str] = {".json": JSON, ".csv": CSV, ".npy": NPY, ".npz": NPZ}
"""What files are by their suffix; of all others a side file has to say it."""

SIDE = ".sample.json"
"""A side file has the name of its payload, and this."""

_TYPE = re.compile(r"[\x21-\x7e][\x20-\x7e]*")


class SampleDocument(BaseModel):
    """A side file: what a payload cannot say of itself. All is optional."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    content_type: str = Field(default="", description="as which it is sent; by its suffix if there is none")
    accept: str = Field(
        default="", description="the type of the answer; the handler's default if there is none"
    )
    should_succeed: bool = Field(
        default=True, strict=True, description="whether the handler should answer it"
    )
    error_pattern: ErrorPattern = Field(
        default=None,
        description="a regular expression that is found in the error of one that should not succeed",
    )
    expected: JsonValue = Field(
        default=None,
        description="the answer: a JSON value, or the text of an answer that is not JSON",
    )
    expected_file: str | None = Field(
        default=None, min_length=1, description="a file beside this one that holds the answer"
    )

    @field_validator("content_type", "accept")
    @classmethod
    def _sendable(cls, value: str) -> str:
        if value and not _TYPE.fullmatch(value):
            raise ValueError(f"{value!r} cannot be sent as a header")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> SampleDocument:
        if self.error_pattern is not None and self.should_succeed:
            raise ValueError("'error_pattern' goes with 'should_succeed': false")
        answers = [name for name in ("expected", "expected_file") if name in self.model_fields_set]
        if answers and not self.should_succeed:
            raise ValueError(f"'{answers[0]}' goes with 'should_succeed': true")
        if len(answers) > 1:
            raise ValueError("there are 'expected' and 'expected_file', keep one of them")
        return self


def read_samples(directory: Path) -> tuple[InferenceTestSample, ...]:
    """The samples in a directory, in the order of their names.

    :raises DocumentError: if there is none; if a file cannot be read, or it is not known as what to send it; if a side
        file does not fit, has no payload, or names an answer that is not there
    """
    if not directory.is_dir():
        raise DocumentError(str(directory), "there is no such directory of samples")
    files = dict(_files(directory))
    sides = {name.removesuffix(SIDE): path for name, path in files.items() if name.endswith(SIDE)}
    payloads = {name: path for name, path in files.items() if not name.endswith(SIDE)}
    for name, side in sides.items():
        if name not in payloads:
            raise DocumentError(str(side), f"there is no payload '{name}'", "add it, or remove this file")
    documents = {name: load_document(side, SampleDocument) for name, side in sides.items()}
    answers = {name: _answer(document, sides[name]) for name, document in documents.items()}
    expected = {os.path.abspath(answer) for answer in answers.values() if answer is not None}
    samples = tuple(
        _sample(name, path, documents.get(name, SampleDocument()), answers.get(name))
        for name, path in payloads.items()
        if name in sides or os.path.abspath(path) not in expected
    )
    if not samples:
        raise DocumentError(
            str(directory), "it holds no sample", f"add files such as one{' or one'.join(CONTENT_TYPES)}"
        )
    return samples


def _files(directory: Path) -> Iterator[tuple[str, Path]]:
    """Names relative to the directory, and paths, sorted; without what is hidden."""

    def refuse(error: OSError) -> None:
        raise DocumentError(str(error.filename), f"cannot be read: {error.strerror}")

    found = []
    for parent, folders, names in os.walk(directory, onerror=refuse):
        folders[:] = [name for name in folders if not _hidden(name)]
        paths = [Path(parent, name) for name in names if not _hidden(name)]
        found += [(path.relative_to(directory).as_posix(), path) for path in paths]
    return iter(sorted(found))


def _hidden(name: str) -> bool:
    return name.startswith(".") or name.endswith("~") or name == "__pycache__"


def _answer(document: SampleDocument, side: Path) -> Path | None:
    return side.parent / document.expected_file if document.expected_file is not None else None


def _sample(name: str, path: Path, document: SampleDocument, answer: Path | None) -> InferenceTestSample:
    kind = document.content_type or CONTENT_TYPES.get(path.suffix.lower(), "")
    if not kind:
        raise DocumentError(
            str(path),
            f"its content type is not known by its name ({', '.join(CONTENT_TYPES)} are)",
            f"write {path.name}{SIDE} with 'content_type'",
        )
    expected = _inline(document)
    if answer is not None:
        expected = _read(answer)
    return InferenceTestSample(
        sample_name=name,
        content_type=kind,
        data=_read(path),
        accept=document.accept,
        should_succeed=document.should_succeed,
        error_pattern=document.error_pattern,
        expected=expected,
    )


def _inline(document: SampleDocument) -> bytes | None:
    """The answer that stands in the side file. Text is an answer's text if JSON is not what is accepted."""
    if "expected" not in document.model_fields_set:
        return None
    accepts_json = document.accept in ("", ANY) or JSON in document.accept
    if isinstance(document.expected, str) and not accepts_json:
        return document.expected.encode()
    return json.dumps(document.expected).encode()


def _read(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise DocumentError(str(path), "it is not a file", "name one, or remove it")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise DocumentError(str(path), f"cannot be read: {reason}") from None
