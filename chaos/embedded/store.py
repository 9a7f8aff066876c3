"""The model store: which handler packages there are, and how a registration names one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from chaos.embedded.models import Refusal
from chaos.handlers.package import is_package

__all__ = ["BUILT_IN", "Store"]

BUILT_IN = Path(__file__).resolve().parent / "packages"


class Store:
    """Directories of packages; an earlier one wins over a later one."""

    def __init__(self, directories: Iterable[Path] = ()) -> None:
        self._directories = (*(path.resolve() for path in directories), BUILT_IN)

    def names(self) -> list[str]:
        """All packages by name, sorted."""
        found = {
            entry.name
            for directory in self._directories
            if directory.is_dir()
            for entry in directory.iterdir()
            if is_package(entry)
        }
        return sorted(found)

    def find(self, url: str) -> Path:
        """The package that a registration names: a name in the store, or an absolute path; ``.mar`` may follow.

        :raises Refusal: in TorchServe's words if there is none, or it would have to be downloaded
        """
        if not url:
            raise Refusal(400, "BadRequestException", "Parameter url is required.")
        if url.startswith(("http://", "https://", "file://")):
            raise Refusal(400, "DownloadArchiveException", f"Failed to download archive from: {url}")
        name = url.removesuffix(".mar")
        if Path(name).is_absolute():
            candidates = [Path(name)]
        elif "/" in name or name in (".", "..") or "\0" in name:
            candidates = []
        else:
            candidates = [directory / name for directory in self._directories]
        for path in candidates:
            if is_package(path):
                return path
        there = ", ".join(self.names())
        raise Refusal(404, "ModelNotFoundException", f"Model not found at: {url} (packages: {there})")
