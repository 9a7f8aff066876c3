"""Whether a handler can read what the script before it writes.

Each file is given to ``input_fn`` as the content type that its suffix suggests, then as the others that the handler
supports. A type fits if ``input_fn`` reads it, and ``predict_fn`` takes what that gave: a table with a header is read
by many an ``input_fn``, and of no use to the model.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import chaos
from chaos.errors import DocumentError
from chaos.handlers.isolation import MODEL, Call, Isolated
from chaos.handlers.limits import Limits
from chaos.offline.hints import hints
from chaos.offline.judged import error_of, told
from chaos.offline.opening import opened_package
from chaos.offline.results import CallResult, CompatibilityResult, TypeTried
from chaos.offline.scripts import ScriptLimits, ScriptRun, run_script
from chaos.offline.specs import InferenceHandlerSpec, ScriptExecutionSpec
from chaos.offline.written import SUGGESTED

__all__ = ["check_compatibility", "check_files", "types_for", "unfit", "wrote_nothing"]

DEFAULT = Limits()


def check_compatibility(
    script: ScriptExecutionSpec,
    handler: InferenceHandlerSpec,
    limits: Limits = DEFAULT,
    workspace: Path = Path(),
    script_limits: ScriptLimits | None = None,
) -> CompatibilityResult:
    """Run the script, and give each file of data that it writes to the handler.

    :param workspace: where a script writes that names no output of its own
    :raises DocumentError: if there is no such script or package, or the script cannot be started
    """
    wall, begin = time.time(), time.monotonic()
    with opened_package(handler) as package:
        ran = run_script(script, workspace, script_limits)
        tried: tuple[TypeTried, ...] = ()
        error = ""
        if not ran.success:
            error = f"the script failed: {ran.error}" + (f" ({ran.place})" if ran.place else "")
        elif not ran.data:
            error = wrote_nothing(ran)
        else:
            try:
                tried = check_files(ran.data, handler, package, limits)
            except DocumentError as failure:
                error = str(failure)
            else:
                error = unfit(tried)
    fitting = {each.content_type: None for each in tried if each.fits}
    return CompatibilityResult(
        script=script.script_name,
        handler_name=handler.handler_name,
        compatible=not error,
        script_success=ran.success,
        script_seconds=ran.seconds,
        content_type=next(iter(fitting), "") if not error else "",
        files=tuple(map(str, ran.data)),
        tried=tried,
        printed=ran.printed,
        error=error,
        total_execution_time=time.monotonic() - begin,
        wall=wall,
        version=chaos.__version__,
    )


def check_files(
    files: Sequence[Path], handler: InferenceHandlerSpec, package: Path, limits: Limits = DEFAULT
) -> tuple[TypeTried, ...]:
    """Give files to a handler, each as every type that may fit.

    :param package: the handler's, as a directory
    :raises DocumentError: if the handler does not load, or a file cannot be read
    """
    with Isolated(package, limits) as process:
        loaded = process.load()
        if loaded.outcome != "ok":
            why = told(loaded.outcome, error_of(loaded), loaded.place)
            raise DocumentError(
                handler.handler_name, f"{loaded.function} {why}", "test the handler by itself first"
            )
        return tuple(
            _tried(process, file, _read(file), kind) for file in files for kind in types_for(file, handler)
        )


def types_for(file: Path, handler: InferenceHandlerSpec) -> list[str]:
    """As what a file is tried: what its suffix suggests, then what the handler supports."""
    suggested = SUGGESTED.get(file.suffix.lower(), "")
    return list(dict.fromkeys(filter(None, [suggested, *handler.supported_content_types])))


def unfit(tried: Iterable[TypeTried]) -> str:
    """What is wrong, in words: for the first file that no type fits its likeliest type; empty if each has one."""
    by_file: dict[str, list[TypeTried]] = {}
    for each in tried:
        by_file.setdefault(each.file, []).append(each)
    found = [each for each in by_file.values() if not any(one.fits for one in each)]
    if not found:
        return ""
    first = found[0][0]
    notes = f"; {'; '.join(first.call.validation)}" if first.call.validation else ""
    others = [one.content_type for one in found[0][1:]]
    beside = f"; nor does it fit as {', '.join(others)}" if others else ""
    more = f"; {len(found) - 1} more files do not fit either" if len(found) > 1 else ""
    name = Path(first.file).name
    why = told(first.call.outcome, first.call.error, first.call.place)
    return f"{name} as {first.content_type}: {first.call.function} {why}{notes}{beside}{more}"


def wrote_nothing(ran: ScriptRun) -> str:
    """That a script has written no data, and what it has instead."""
    others = [path.name for each in ran.written.values() for path in each.others]
    stale = [path.name for each in ran.written.values() for path in each.stale]
    where = ", ".join(str(path) for path in ran.outputs.values())
    if others:
        return f"the script wrote {', '.join(others[:5])}, and no file that can be a request"
    if stale:
        return f"the script wrote nothing; {', '.join(stale[:5])} was there before"
    return f"the script wrote no file to {where}"


def _tried(process: Isolated, file: Path, data: bytes, kind: str) -> TypeTried:
    call = _given(process, data, kind)
    fits = call.outcome == "ok"
    likely = SUGGESTED.get(file.suffix.lower(), "") == kind
    result = CallResult(
        function=call.function,
        success=fits,
        outcome=call.outcome,
        seconds=call.seconds,
        sample=file.name,
        content_type=kind,
        value=call.value.words if call.value is not None else "",
        validation=hints(data, kind) if likely and not fits else (),
        error=error_of(call),
        place=call.place,
        memory=call.memory or None,
    )
    return TypeTried(file=str(file), content_type=kind, fits=fits, call=result)


def _given(process: Isolated, data: bytes, kind: str) -> Call:
    """The call of the function that reads it; or of the next one, if that cannot take what was read."""
    if "transform_fn" in process.functions:
        return process.call("transform_fn", MODEL, data, kind, "")
    read = process.call("input_fn", data, kind)
    if read.outcome != "ok" or read.kept is None:
        return read
    try:
        predicted = process.call("predict_fn", read.kept, MODEL)
    except ValueError:  # what was read is gone
        return replace(read, outcome="crashed", error="its process ended after the call")
    process.forget()
    return read if predicted.outcome == "ok" else predicted


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise DocumentError(str(file), f"cannot be read: {error.strerror}") from None
