"""The package that a specification names, as a directory: an archive is unpacked, a script beside its model files is
put together as a package."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chaos.errors import DocumentError
from chaos.handlers.archive import opened
from chaos.handlers.package import ENTRY_POINT
from chaos.offline.samples import read_samples
from chaos.offline.specs import InferenceHandlerSpec, InferenceTestSample

__all__ = ["assembled", "opened_package", "samples_of"]


@contextmanager
def opened_package(spec: InferenceHandlerSpec) -> Iterator[Path]:
    """The package's directory, for as long as it is in use.

    :raises DocumentError: if something of it is missing, or its archive cannot be trusted
    """
    made = (
        opened(Path(spec.packaged_model_path))
        if spec.packaged_model_path
        else assembled(Path(spec.handler_path), Path(spec.model_dir) if spec.model_dir else None)
    )
    with made as directory:
        yield directory


@contextmanager
def assembled(script: Path, model: Path | None) -> Iterator[Path]:
    """A package of a script, what is beside it, and a directory of model files: all of it links, none copied.

    :param model: None for no model files
    :raises DocumentError: if either is missing
    """
    script = script.absolute()
    if not script.is_file():
        raise DocumentError(str(script), "there is no such handler", "name the script with model_fn")
    if model is not None and not model.is_dir():
        raise DocumentError(str(model), "there is no such directory of model files")
    if model is not None and script == model.absolute() / ENTRY_POINT:
        yield model.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="chaos-package-") as name:
        directory = Path(name) / "model"
        code = directory / ENTRY_POINT.parent
        code.mkdir(parents=True)
        _link(script.parent, code, but={script.name, ENTRY_POINT.name, "__pycache__"})
        (code / ENTRY_POINT.name).symlink_to(script)
        if model is not None:
            _link(model.absolute(), directory, but={ENTRY_POINT.parent.name})
        yield directory


def _link(source: Path, target: Path, but: set[str]) -> None:
    for each in os.scandir(source):
        if each.name not in but:
            (target / each.name).symlink_to(each.path)


def samples_of(spec: InferenceHandlerSpec) -> tuple[InferenceTestSample, ...]:
    """All samples of a specification: those that stand in it, named by their number if they have no name, then those
    of its directory.

    :raises DocumentError: if the directory cannot be read
    """
    own = tuple(
        sample if sample.sample_name else sample.model_copy(update={"sample_name": f"sample {number}"})
        for number, sample in enumerate(spec.test_data_samples, 1)
    )
    return own + (read_samples(Path(spec.payload_samples_path)) if spec.payload_samples_path else ())
