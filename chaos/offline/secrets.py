"""Whether a handler gives secrets away: by what it prints, which ends in logs that many read, or by its answers.

Its environment holds canaries, values that only this process was given. Beside them, what has the form of a key is one:
a handler with a key in its code or its package prints that, not a canary. Nothing of a key is told but its first
characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from chaos.offline.results import CheckResult

__all__ = ["judge_secrets", "masked"]

_KEYS: Mapping[str, re.Pattern[str]] = {
    "a key of AWS": re.compile(r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----"),
    "a token of GitHub": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})"),
    "a token of Slack": re.compile(r"\bxox[abposr]-[A-Za-z0-9-]{20,}"),
    "a key of Google": re.compile(r"\bAIza[A-Za-z0-9_-]{35}\b"),
    "a token of Hugging Face": re.compile(r"\bhf_[A-Za-z0-9]{30,}\b"),
    "a key of OpenAI": re.compile(r"\bsk-(?:proj-)?[A-Za-z0-9_-]{32,}"),
    "a JSON web token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    "a password in an address": re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{1,60}:[^\s:/@]{3,}@"),
}
SHOWN = 4
MOST_TOLD = 5


def judge_secrets(
    leaked: Iterable[str],
    canaries: Sequence[Mapping[str, str]],
    texts: Mapping[str, Iterable[bytes | str]],
) -> CheckResult:
    """The check.

    :param leaked: names of canaries that were printed
    :param canaries: of each process that there was, by name
    :param texts: what was said, by how: ``printed``, ``answered``, ``raised``
    """
    known = {value: name for each in canaries for name, value in each.items()}
    found = [f"printed {name} of its environment" for name in sorted(leaked)]
    for how, pieces in texts.items():
        for piece in dict.fromkeys(pieces):
            text = piece if isinstance(piece, str) else piece.decode("latin-1")
            found += [f"{how} {name} of its environment" for value, name in known.items() if value in text]
            found += [
                f"{how} what looks like {what}, {match[0][:SHOWN]}…"
                for what, pattern in _KEYS.items()
                for match in pattern.finditer(text)
                if match[0] not in known
            ]
    found = list(dict.fromkeys(found))
    if not found:
        words = "nothing secret was printed, answered, or told by an error"
        return CheckResult(name="secrets", verdict="pass", words=words)
    more = f", and {len(found) - MOST_TOLD} more" if len(found) > MOST_TOLD else ""
    words = f"it {', '.join(found[:MOST_TOLD])}{more}"
    return CheckResult(name="secrets", verdict="fail", words=words, evidence={"found": found[:100]})


def masked(text: str) -> str:
    """The text with what looks like a key cut to its first characters."""
    for pattern in _KEYS.values():
        text = pattern.sub(lambda match: f"{match[0][:SHOWN]}…", text)
    return text
