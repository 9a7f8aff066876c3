"""Numbers as a person would say them, with as many digits as they carry: for reasons and reports."""

from __future__ import annotations

from chaos.sla.results import ObjectiveResult

__all__ = ["estimated", "limited", "measured", "quantity"]


def quantity(value: float, unit: str) -> str:
    """A number with its unit; ``unit`` is that of an :class:`~chaos.sla.results.ObjectiveResult`.

    Shares are printed as per cents, and never rounded up to 100 %; durations in the unit that fits.
    """
    if unit == "share":
        return _percent(value)
    if unit == "s":
        return _duration(value)
    return f"{_digits(value)}/s" if unit == "1/s" else _digits(value)


def estimated(result: ObjectiveResult) -> str:
    """What was measured and how surely, such as ``41 times the baseline (35 to 48)``."""
    if result.estimate is None or result.low is None or result.high is None:
        return "nothing was measured"
    suffix = " times the baseline" if result.unit == "ratio" else ""
    low, high = quantity(result.low, result.unit), quantity(result.high, result.unit)
    spread = f" ({low} to {high})" if low != high else ""
    return f"{quantity(result.estimate, result.unit)}{suffix}{spread}"


def limited(result: ObjectiveResult) -> str:
    """The limit, such as ``limit at least 99.9 %`` or ``limit 3``."""
    return f"limit {'' if result.upper else 'at least '}{quantity(result.limit, result.unit)}"


def measured(result: ObjectiveResult) -> str:
    """Both: ``41 times the baseline (35 to 48), limit 3``."""
    return f"{estimated(result)}, {limited(result)}"


def _percent(share: float) -> str:
    """With two decimals, or as many as it takes to tell it from 0 and from 100 %."""
    if share in (0.0, 1.0):
        return f"{share * 100:.0f} %"
    for digits in (2, 3, 4, 6):
        text = f"{share * 100:.{digits}f}"
        if float(text) not in (0.0, 100.0):
            return f"{text.rstrip('0').rstrip('.')} %"
    return "above 0 %" if share < 0.5 else "below 100 %"


def _duration(seconds: float) -> str:
    if seconds >= 1:
        return f"{_digits(seconds)} s"
    return f"{_digits(seconds * 1e3)} ms" if seconds >= 1e-3 else f"{_digits(seconds * 1e6)} µs"


def _digits(value: float) -> str:
    """Two or three significant digits, without an exponent and without trailing zeros."""
    if abs(value) >= 100:
        return f"{value:.0f}"
    digits = 1 if abs(value) >= 10 else 2
    text = f"{value:.{digits}f}" if abs(value) >= 0.1 or value == 0 else f"{value:.2g}"
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text
