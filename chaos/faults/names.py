"""What a fault makes is named after its lease, in the letters that the kernel's tools take."""

from __future__ import annotations

import hashlib
import re

__all__ = ["safe_name"]

DIGEST = 10
"""Hexadecimal digits that tell apart leases which would look alike."""


def safe_name(lease: str, limit: int) -> str:
    """A lease's name in letters, digits and underscores, of at most ``limit`` characters, beginning with a letter.

    Leases with different names get different ones: what was replaced or left out stands for itself as a digest.

    :raises ValueError: if the limit leaves no room for the digest
    """
    if limit <= DIGEST:
        raise ValueError(f"{limit} characters are too few for a name (take more than {DIGEST})")
    plain = re.sub(r"[^A-Za-z0-9]+", "_", lease).strip("_")
    digest = hashlib.sha256(lease.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST]
    if not plain[:1].isalpha():
        plain = f"l_{plain}"
    kept = plain[: max(0, limit - DIGEST - 1)].strip("_")
    # the digest may begin with a digit, so where there is room for nothing else its first one gives way to a letter
    return f"{kept}_{digest}" if kept else f"l{digest[1:]}"
