"""What the test of a handler found, in words: the same on the terminal, in the page and in JUnit."""

from __future__ import annotations

import math
from collections.abc import Sequence

from chaos.offline.results import (
    CheckResult,
    CompatibilityResult,
    InferenceTestResult,
    Outcome,
    PipelineResult,
)
from chaos.reporting.words import NOTHING, SYMBOL, measured, quantity, sentence
from chaos.sla.results import Verdict

__all__ = [
    "ENDED",
    "NOT_APPLICABLE",
    "SIGN",
    "WHOLE",
    "amount",
    "headline",
    "name_of",
    "reason",
    "said",
    "size",
    "verdict",
]

Result = InferenceTestResult | CompatibilityResult | PipelineResult

NOT_APPLICABLE = "not applicable"
WHOLE = "whole"
"""What stands among the checks of a test that was cut short, and is unknown."""

SIGN: dict[str, str] = {each.value: SYMBOL[each] for each in Verdict} | {NOT_APPLICABLE: NOTHING}

ENDED: dict[Outcome, str] = {
    "ok": "answered",
    "refused": "refused",
    "raised": "raised an error",
    "timeout": "took too long",
    "memory": "wanted more memory than it may have",
    "crashed": "was killed by a signal",
    "exited": "ended its process",
    "processes": "started more processes than it may",
}
"""How a call ended, after the name of what was called."""

MOST_NAMED = 4
"""Checks that failed are told in a sentence, up to so many."""

HOLDS_NOT, UNTOLD = "does not hold", "cannot be told"
AUXILIARY = {HOLDS_NOT: ("does", "do"), UNTOLD: ("can", "can")}

HEADLINES = {
    "handler": ("It is fit to be deployed", "It is not fit to be deployed"),
    "compatibility": (
        "The handler reads what the script writes",
        "The handler does not read what the script writes",
    ),
    "pipeline": ("The pipeline holds", "The pipeline does not hold"),
}
"""By the kind of the document: for a pass, for a fail."""


def verdict(result: Result) -> Verdict:
    """The one of the whole."""
    if isinstance(result, CompatibilityResult):
        return Verdict.PASS if result.compatible else Verdict.FAIL
    return result.verdict


def name_of(result: Result) -> str:
    """What was tested."""
    if isinstance(result, InferenceTestResult):
        return result.handler_name
    if isinstance(result, CompatibilityResult):
        return f"{result.script} before {result.handler_name}"
    return result.name or "pipeline"


def headline(result: Result) -> str:
    """The verdict as a reader wants it."""
    found, words = verdict(result), HEADLINES[result.kind]
    return {Verdict.PASS: words[0], Verdict.FAIL: words[1]}.get(found, "It cannot be told")


def reason(result: Result) -> str:
    """Why, in a sentence: what failed first."""
    if isinstance(result, CompatibilityResult):
        return _compatible(result)
    checks = (
        result.checks
        if isinstance(result, InferenceTestResult)
        else [
            check.model_copy(update={"name": f"'{check.name}'"} if check.name != WHOLE else {})
            for check in (*result.nodes, *result.edges)
        ]
    )
    cut = next((check.words for check in checks if check.name == WHOLE), "")
    if cut and all(check.verdict != "fail" for check in checks):
        return cut
    for worst, words in (("fail", HOLDS_NOT), ("unknown", UNTOLD)):
        found = [check for check in checks if check.verdict == worst]
        if found:
            return _named(found, words)
    applied = sum(check.verdict == "pass" for check in checks)
    if not applied:
        return result.errors[0] if result.errors else "nothing was checked"
    said = "the 1 check that applies holds" if applied == 1 else f"all {applied} checks that apply hold"
    if isinstance(result, InferenceTestResult) and result.end_to_end_results:
        samples = len({run.sample for run in result.end_to_end_results})
        runs = len(result.end_to_end_results)
        said += f", over {runs:,} {'run' if runs == 1 else 'runs'} of {samples:,} "
        said += "sample" if samples == 1 else "samples"
    return said


def amount(value: float | None, unit: str) -> str:
    """A number of a check in its unit; bytes in the unit that fits, such as ``12 KiB a call`` for ``B/call``."""
    if value is None or not math.isfinite(value):
        return NOTHING
    base, _, per = unit.partition("/")
    if base in ("B", "bytes"):
        told = size(value)
    elif base == "share":
        told = quantity(value, base)
    else:
        told = measured(value, base.removesuffix("s") if value == 1 and base != "s" else base)
    return told + (f" a {per}" if per else "")


def size(number: float) -> str:
    """Bytes in the unit that fits."""
    value, unit = float(number), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if abs(value) < 1024:
            break
        value, unit = value / 1024, larger
    sign = "\N{MINUS SIGN}" if value < 0 else ""
    return (
        f"{sign}{abs(value):.0f} {unit}"
        if unit == "B" or abs(value) >= 100
        else f"{sign}{abs(value):.3g} {unit}"
    )


def said(text: str) -> str:
    """A sentence, with a capital unless it begins with a name of the code's."""
    word = text.split(" ", 1)[0]
    return text.rstrip(".") + "." if set(word) & set("_.(-") else sentence(text)


def _named(checks: Sequence[CheckResult], words: str) -> str:
    first, names = checks[0], [check.name for check in checks[1:MOST_NAMED]]
    if len(checks) == 1:
        return f"{first.name} {words}: {first.words}"
    more = f" and {len(checks) - MOST_NAMED} more" if len(checks) > MOST_NAMED else ""
    others = f"nor {AUXILIARY[words][len(names) > 1]} {', '.join(names)}{more}"
    return f"{first.name} {words}: {first.words.rstrip('.')}; {others}"


def _compatible(result: CompatibilityResult) -> str:
    if not result.compatible:
        return result.error or "it was not said why"
    files = "the file" if len(result.files) == 1 else f"all {len(result.files)} files"
    return f"{files} that the script wrote can be read" + (
        f" as {result.content_type}" if result.content_type else ""
    )
