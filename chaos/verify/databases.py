"""Where programs that failed are kept, so that they are tried first the next time: Hypothesis's example databases.

A directory of this machine, or a Redis server that the workers of a CI share.
"""

from __future__ import annotations

from pathlib import Path

from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase

from chaos.errors import ChaosError
from chaos.targets.options import redacted

__all__ = ["DATABASE", "open_database"]

DATABASE = ".chaos/examples"
NONE = "none"
REDIS = ("redis://", "rediss://", "unix://")
SECONDS = 5.0
"""How long the server is waited for."""


def open_database(name: str) -> ExampleDatabase | None:
    """The database of that name: a directory, a URL of Redis, or ``none``.

    :raises ChaosError: if it is there and cannot be used
    """
    if name == NONE:
        return None
    if name.startswith(REDIS):
        return _redis(name)
    try:
        Path(name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ChaosError(f"--database {name}: {error.strerror} (name a directory that can be made)") from None
    return DirectoryBasedExampleDatabase(name)


def _redis(url: str) -> ExampleDatabase:
    try:
        from hypothesis.extra.redis import RedisExampleDatabase
        from redis import Redis, RedisError
    except ImportError:
        remedy = "pip install 'chaostoolkit-serving[redis]'"
        raise ChaosError(f"--database {redacted(url)}: needs the client of Redis ({remedy})") from None
    try:
        client = Redis.from_url(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS)
        client.ping()
    except (RedisError, ValueError) as error:
        raise ChaosError(
            f"--database {redacted(url)}: {error} (is there a Redis server? else name a directory)"
        ) from None
    return RedisExampleDatabase(client)
