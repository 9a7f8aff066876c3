"""Finding and reading probe files, which experiments name by a path or by a bare name.

A name that is not found is answered with those that are there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from chaos.documents import load_document, nearest
from chaos.errors import DocumentError
from chaos.sla.documents import ProbeDocument

__all__ = ["find_probe", "load_probe"]

FOLDER = "probes"


def load_probe(name_or_path: str | Path, base: Path) -> ProbeDocument:
    """The probe file of that name.

    :param name_or_path: a path, absolute or relative to ``base``'s parent, ``base`` or the working directory; or
        a bare name, ``victim`` or ``victim.json`` for ``probes/victim.json`` in one of them
    :param base: the folder of the experiment that names it
    :raises DocumentError: if there is no such file, or it is not a probe file
    """
    return load_document(find_probe(name_or_path, base), ProbeDocument)


def find_probe(name_or_path: str | Path, base: Path) -> Path:
    """Where that probe file is.

    :raises DocumentError: if it is nowhere; the remedy names the nearest of those that exist
    """
    folders = [base.parent, base, Path()] if base.name else [base.absolute().parent, base, Path()]
    for candidate in _candidates(Path(name_or_path), folders):
        if candidate.is_file():
            return candidate
    known = {path.stem for folder in folders for path in sorted((folder / FOLDER).glob("*.json"))}
    remedy = nearest(Path(name_or_path).stem, known) or f"put it into {FOLDER}/ beside the experiments"
    raise DocumentError(f"probe '{name_or_path}'", "there is no such probe file", remedy)


def _candidates(wanted: Path, folders: list[Path]) -> Iterator[Path]:
    # An absolute path stays itself whatever it is joined to.
    yield from (folder / wanted for folder in folders)
    if len(wanted.parts) == 1:
        name = wanted.name if wanted.suffix else f"{wanted.name}.json"
        yield from (folder / FOLDER / name for folder in folders)
