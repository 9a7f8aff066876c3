"""Whether what a package requires is installed: ``code/requirements.txt`` against this environment.

Nothing is installed. A container would do that when it starts, from an index that may not be there by then; so a
package is sound where its requirements are already met.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

__all__ = ["REQUIREMENTS", "unmet"]

REQUIREMENTS = Path("code") / "requirements.txt"

_COMMENT = re.compile(r"(^|\s)#.*$")
_OPTION = re.compile(r"\s--?[a-z].*$")
_FILE = re.compile(r"(?:-r|-c|--requirement|--constraint)[\s=]*(.+)")
_EDITABLE = re.compile(r"(?:-e|--editable)[\s=]*(.+)")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9._-]+)")


def unmet(directory: Path) -> list[str]:
    """What a package's requirements ask for and the environment does not have; each in words, with its line.

    ``-r`` and ``-c`` are followed inside the package. Options for an index say nothing about what is needed. Of a URL
    or a path only the name counts, and one that has none cannot be checked, which is said. Markers decide whether a
    line counts here.
    """
    source = directory / REQUIREMENTS
    if not source.is_file():
        return []
    return list(dict.fromkeys(_file(source, directory, constraints=False, seen=set())))


def _file(source: Path, directory: Path, constraints: bool, seen: set[tuple[Path, bool]]) -> Iterator[str]:
    name = source.relative_to(directory) if source.is_relative_to(directory) else source
    if (source.resolve(), constraints) in seen:
        return
    seen.add((source.resolve(), constraints))
    try:
        text = source.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        yield f"{name}: cannot be read: {getattr(error, 'strerror', None) or error}"
        return
    for number, line in _lines(text):
        place = f"{name}:{number}"
        if other := _FILE.fullmatch(line):
            inner = source.parent / other[1].strip()
            only = constraints or line.startswith(("-c", "--constraint"))
            if "://" in other[1] or not inner.resolve().is_relative_to(directory.resolve()):
                yield f"{place}: {line}: leads out of the package, so it cannot be checked"
            elif not inner.is_file():
                yield f"{place}: {line}: there is no such file"
            else:
                yield from _file(inner, directory, only, seen)
        elif problem := _problem(line, constraints):
            yield f"{place}: {problem}"


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, joined where a backslash ends one, with their numbers."""
    held, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        start = start if held else number
        held += _COMMENT.sub("", line)
        if held.endswith("\\"):
            held = held[:-1]
            continue
        if held.strip():
            yield start, held.strip()
        held = ""
    if held.strip():
        yield start, held.strip()


def _problem(line: str, constraint: bool) -> str:
    """What is not met about a line, in words; empty if nothing."""
    editable = _EDITABLE.fullmatch(line)
    if line.startswith("-") and editable is None:
        return ""  # an option for the installer
    text = _OPTION.sub("", editable[1] if editable else line).strip()
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        return _of_path(text, str(error).splitlines()[0])
    return _lacking(requirement, constraint, set())


def _lacking(requirement: Requirement, constraint: bool, seen: set[str], extra: str = "") -> str:
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
        return ""
    try:
        found = distribution(requirement.name)
    except PackageNotFoundError:
        return "" if constraint else f"{requirement}: {requirement.name} is not installed"
    try:
        fits = requirement.specifier.contains(Version(found.version), prereleases=True)
    except InvalidVersion:
        return f"{requirement}: {requirement.name} has the version {found.version!r}, which is none"
    if not fits:
        return f"{requirement}: {requirement.name} {found.version} is installed"
    return next(filter(None, (_extra(found, each, seen) for each in sorted(requirement.extras))), "")


def _extra(found: Distribution, extra: str, seen: set[str]) -> str:
    """What an extra of an installed distribution lacks."""
    key = f"{found.metadata['Name']}[{extra}]".lower()
    if key in seen:
        return ""
    seen.add(key)
    for text in found.requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        # what counts without the extra as well was there when it was installed
        if marker is None or marker.evaluate({"extra": ""}):
            continue
        if lacking := _lacking(requirement, False, seen, extra):
            return f"{key}: {lacking}"
    return ""


def _of_path(text: str, problem: str) -> str:
    """What is not met about a URL or a path, which is all that may stand there and is no requirement."""
    path = unquote(urlsplit(text).path)
    if "://" not in text and not path.startswith((".", "/")) and not path.endswith((".whl", ".gz", ".zip")):
        return f"{text}: is no requirement: {problem}"
    name = match[1] if (match := _EGG.search(text)) else ""
    if path.endswith(".whl"):
        try:
            name, version, *_ = parse_wheel_filename(path.rpartition("/")[2])
            return _lacking(Requirement(f"{name}=={version}"), False, set())
        except InvalidWheelFilename:
            pass
    if not name:
        return f"{text}: has no name, so it cannot be checked"
    return _lacking(Requirement(name), False, set())
