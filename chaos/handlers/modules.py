"""The modules of a package: its entry point, and what it imports from its own directory.

They are to be found by their plain names, as in a container that serves nothing else: by an ``import`` in a function,
and by pickle, which looks classes up when a model is loaded. But two packages never see each other's.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import ClassVar

from chaos.errors import DocumentError

__all__ = ["Modules"]


class Modules:
    """The modules of one package. Those of the package that was entered last are in place, of all others none.

    Not thread-safe: two packages in one process take turns.

    :param source: the entry point; it becomes a module by the name of the file
    :param directories: searched for what the package imports, the first one first
    """

    _current: ClassVar[Modules | None] = None

    def __init__(self, source: Path, *directories: Path) -> None:
        self._source = source
        self._directories = [str(directory) for directory in directories]
        self._inside = tuple(directory + os.sep for directory in self._directories)
        self._modules: dict[str, ModuleType] = {}
        self._displaced: dict[str, ModuleType] = {}

    def enter(self) -> None:
        """Put this package's modules in place. Nearly nothing if they are."""
        if Modules._current is self:
            return
        if Modules._current is not None:
            Modules._current.leave()
        sys.path[:0] = self._directories
        self._displaced = {name: sys.modules[name] for name in self._modules if name in sys.modules}
        sys.modules.update(self._modules)
        Modules._current = self

    def leave(self) -> None:
        """Take them away again, and keep them."""
        if Modules._current is not self:
            return
        Modules._current = None
        for directory in self._directories:
            with suppress(ValueError):
                sys.path.remove(directory)
        mine = {name: module for name, module in list(sys.modules.items()) if self._owns(name, module)}
        for name in mine:
            del sys.modules[name]
        sys.modules.update(self._displaced)
        self._modules = mine

    def load(self) -> ModuleType:
        """Import the entry point, and stay entered.

        :raises DocumentError: with the line, if it cannot be imported
        """
        source, name = self._source, self._source.stem
        spec = importlib.util.spec_from_file_location(name, source)
        if spec is None or spec.loader is None:
            raise DocumentError(str(source), "is not a Python file")
        module = importlib.util.module_from_spec(spec)
        self._modules = {name: module}
        self.enter()
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            self.leave()
            line = _line_of(error, source)
            place = f"{source}:{line}" if line else str(source)
            raise DocumentError(place, f"cannot be imported: {type(error).__name__}: {error}") from error
        except BaseException:
            self.leave()
            raise
        return module

    def _owns(self, name: str, module: ModuleType | None) -> bool:
        if module is self._modules.get(name, self):
            return True
        places = [getattr(module, "__file__", None)]
        if not places[0]:  # a directory without __init__.py
            with suppress(Exception):
                places = list(getattr(module, "__path__", []))
        return any(isinstance(place, str) and place.startswith(self._inside) for place in places)


def _line_of(error: BaseException, source: Path) -> int | None:
    if isinstance(error, SyntaxError) and error.filename == str(source):
        return error.lineno
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(source):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
