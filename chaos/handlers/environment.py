"""The environment of a handler under test: what it needs to run, nothing of the user's that is secret, and canaries.

Canaries are values that look like secrets, made for one process. A handler that prints or answers one gives away what
its environment holds, and in production that is a real one.
"""

from __future__ import annotations

import os
import secrets
import site
import string
from collections.abc import Mapping

from chaos.handlers.formats import DEFAULT_ACCEPT
from chaos.marks import HANDLER, LEASE, PLATFORM

__all__ = ["canaries", "environment_for"]

ALLOWED = frozenset(
    {"PATH", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "CUDA_VISIBLE_DEVICES"}
    | {DEFAULT_ACCEPT, PLATFORM, LEASE}
)
"""What is passed on: where programs and libraries are, language and time zone, and the marks of who started us."""


def canaries() -> dict[str, str]:
    """Names that secrets have in a model server's environment, with fresh values of their form."""
    key = "".join(secrets.choice(string.ascii_uppercase + "234567") for _ in range(16))
    return {
        "AWS_ACCESS_KEY_ID": f"AKIA{key}",
        "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(30),
        "AWS_SESSION_TOKEN": secrets.token_urlsafe(60),
        "API_TOKEN": secrets.token_hex(20),
        "DATABASE_PASSWORD": secrets.token_urlsafe(18),
    }


def environment_for(token: str, home: str, more: Mapping[str, str]) -> dict[str, str]:
    """The whole environment.

    As in a replica of the embedded platform, libraries for linear algebra compute in one thread.

    :param token: of the mark that all processes of this handler bear
    :param home: a directory for the home and for temporary files
    :param more: what is added, or takes the place of what is here: canaries, what the user wants
    """
    passed = {
        name: value
        for name, value in os.environ.items()
        if name in ALLOWED or name.startswith("LC_") or (name.startswith("CHAOS_") and name.endswith("_MARK"))
    }
    own = {"HOME": home, "TMPDIR": home, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    if site.ENABLE_USER_SITE:
        own["PYTHONUSERBASE"] = site.getuserbase()  # else it would be looked for in the new home
    return {**passed, **own, **more, HANDLER: token}
