"""What a user did wrong, or what is wrong with the system under test, said so that it can be mended.

    ChaosError                  every error of this project that a user is meant to read
    ├── DocumentError           a file a user wrote: experiment, probe file, handler package
    ├── TargetError             the system under test cannot be reached, started or understood
    │   └── CapabilityError     the target is fine, but cannot do what the experiment needs
    └── RunDirectoryError       a run directory that is missing, unreadable or not one of ours

Each is shown as one line, never as a traceback; so the message names the place and the remedy.
"""

from __future__ import annotations

__all__ = ["CapabilityError", "ChaosError", "DocumentError", "RunDirectoryError", "TargetError", "single"]


class ChaosError(Exception):
    """An error whose message is meant for a user: what, where, and what to do about it."""


class DocumentError(ChaosError):
    """A document a user wrote is missing, malformed, or names something that does not exist.

    :param place: the file, with line or field where known, such as ``probes/victim.json: objectives.0``
    :param problem: what is wrong there
    :param remedy: what to do about it
    """

    def __init__(self, place: str, problem: str, remedy: str = "") -> None:
        self.place, self.problem, self.remedy = place, problem, remedy
        super().__init__(f"{place}: {problem}" + (f" ({remedy})" if remedy else ""))


class TargetError(ChaosError):
    """The target cannot be reached, started or understood."""


class CapabilityError(TargetError):
    """The target lacks a capability that the experiment needs."""


class RunDirectoryError(ChaosError):
    """The run directory is missing, unreadable, or was not written by this harness."""


def single(error: BaseException) -> BaseException:
    """The one error inside the groups that task groups wrap it in."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
