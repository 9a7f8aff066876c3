"""Canaries and keys, in what a handler says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.handlers.environment import canaries
from chaos.offline.secrets import judge_secrets, masked

KEYS = {
    "a key of AWS": "ASIAQWERTYUIOPASDFGH",
    "a private key": "-----BEGIN RSA PRIVATE KEY-----",
    "a token of GitHub": "ghp_" + "a1B2" * 9,
    "a token of Slack": "xoxb-" + "1234567890-" * 3,
    "a key of Google": "AIza" + "a-B_1" * 7,
    "a token of Hugging Face": "hf_" + "aB" * 17,
    "a key of OpenAI": "sk-" + "aB1-" * 10,
    "a JSON web token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLWhlcmU",
    "a password in an address": "postgresql://me:pass-word@host/db",
}


@pytest.mark.parametrize(("kind", "key"), KEYS.items())
@pytest.mark.parametrize("how", ["printed", "answered"])
def test_what_looks_like_a_key_is_one(kind: str, key: str, how: str) -> None:
    for text in (f"x = '{key}'\n", f'{{"value": "{key}"}}'.encode()):
        found = judge_secrets([], [], {how: ["nothing", text]})
        assert found.verdict == "fail"
        assert f"{how} what looks like {kind}, {key[:4]}…" in found.words
        assert key not in found.model_dump_json()
    assert key not in masked(f"before {key} after")


@given(st.sampled_from(sorted(canaries())), st.text(), st.text(), st.booleans())
def test_a_canary_is_found_anywhere(name: str, before: str, after: str, binary: bool) -> None:
    known = canaries()
    text = before + known[name] + after
    found = judge_secrets(
        [], [canaries(), known], {"answered": [text.encode(errors="replace") if binary else text]}
    )
    assert found.verdict == "fail"
    assert f"answered {name} of its environment" in found.words
    assert known[name] not in found.words


def test_what_was_printed_beyond_what_is_kept() -> None:
    assert judge_secrets({"API_TOKEN"}, [], {}).words == "it printed API_TOKEN of its environment"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "the key is in the vault",
        "AKIA",
        "https://host:8080/path@2x",
        "sk-learn",
        b"\x93NUMPY\xff\x00",
        "eyJ.eyJ.x",
    ],
)
def test_what_is_harmless_passes(text: str | bytes) -> None:
    assert judge_secrets([], [canaries()], {"printed": [text]}).verdict == "pass"
