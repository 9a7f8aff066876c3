from __future__ import annotations

import pytest

from chaos.errors import TargetError
from chaos.targets.options import flag, redacted, secret
from chaos.targets.url import TargetURL


def _url(query: str) -> TargetURL:
    return TargetURL.parse(f"oip+http://127.0.0.1:1?{query}", ["oip"])


def test_a_secret_is_written_or_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "s3cret")

    assert secret(_url("token=abc"), "token") == "abc"
    assert secret(_url("token=env:KEY"), "token") == "s3cret"
    assert secret(_url("x=y"), "token") == ""


@pytest.mark.parametrize("query", ["token=env:NO_SUCH_VARIABLE", "token=two%0Alines"])
def test_a_secret_that_is_none(query: str) -> None:
    with pytest.raises(TargetError, match="option 'token'"):
        secret(_url(query), "token")


def test_tokens_are_not_shown() -> None:
    text = "torchserve+http://h:1?token=abc&management_token=def&management=2"

    assert redacted(text) == "torchserve+http://h:1?token=…&management_token=…&management=2"
    assert redacted("oip+http://h:1?token=env:KEY") == "oip+http://h:1?token=env:KEY"


def test_flags() -> None:
    assert flag(_url("x=y"), "verify", default=True)
    assert not flag(_url("verify=false"), "verify", default=True)
    with pytest.raises(TargetError, match="true or false, not 'no'"):
        flag(_url("verify=no"), "verify", default=True)
