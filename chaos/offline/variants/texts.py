"""Numbers and texts that readers of requests stumble over, as they are written in JSON and in CSV."""

from __future__ import annotations

from hypothesis import strategies as st

__all__ = ["LARGE_NUMBERS", "NEGATIVE_ZERO", "NOT_A_NUMBER", "UNICODE", "unusual"]

NOT_A_NUMBER = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "nan", "inf")
"""Python's JSON reads the first five, strict JSON none but 1e999, which is infinity to most."""

NEGATIVE_ZERO = ("-0.0", "-0", "-0e0", "-1e-400")

LARGE_NUMBERS = (
    str(2**31),
    str(2**53 + 1),
    str(2**63),
    str(-(2**63) - 1),
    str(2**64),
    "1" + "0" * 309,
    "9" * 5000,
    "0." + "3" * 5000,
    "1e308",
)
"""Beyond 32 bits, beyond what a float keeps exact, beyond 64 bits, beyond any float, beyond what Python reads (it
refuses integers of more than 4300 digits)."""

UNICODE = (
    "é",
    "e\N{COMBINING ACUTE ACCENT}",
    "\N{PILE OF POO}",
    "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{ROCKET}",
    "\N{RIGHT-TO-LEFT OVERRIDE}abc",
    "\N{ARABIC-INDIC DIGIT THREE}",
    "\N{FULLWIDTH DIGIT ONE}",
    "\N{MINUS SIGN}1",
    "\N{LINE SEPARATOR}",
    "\N{NO-BREAK SPACE}",
    "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}",
    "\x7f",
    "\ufeff",
    "\uffff",
    "\0",
)

unusual: st.SearchStrategy[str] = st.sampled_from(UNICODE) | st.text(min_size=1, max_size=12)
"""Text, none of which can be encoded only in part: UTF-8 has no surrogates."""
