"""An alarm at an exact instant of the monotonic clock, as a callback of the running event loop.

Timers of event loops are cut to whole milliseconds, which at 5,000 requests a second would turn an
even schedule into bursts of five; on Linux the kernel's timerfd is exact to some microseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import sys
import time
from collections.abc import Callable
from typing import Protocol

__all__ = ["Alarm", "open_alarm"]

_CLOCK_MONOTONIC = 1
_TIMER_ABSTIME = 1


class Alarm(Protocol):
    """Rings at most once for each time it is set; setting it anew replaces the instant before."""

    def set(self, at: float) -> None:
        """Ring at this instant of :func:`time.monotonic`, at once if it has passed."""

    def close(self) -> None:
        """Ring no more. Idempotent."""


def open_alarm(loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> Alarm:
    """An alarm on this loop: by timerfd on Linux, by the loop's own timer elsewhere."""
    return _TimerfdAlarm(loop, ring) if sys.platform == "linux" else _LoopAlarm(loop, ring)


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class _TimerfdAlarm:
    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._settime = libc.timerfd_settime
        self._loop, self._ring = loop, ring
        self._setting = _Itimerspec()
        self._setting_at = ctypes.byref(self._setting)
        self._fd: int = libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "no timer to be had from the kernel (timerfd_create)")
        loop.add_reader(self._fd, self._readable)

    def set(self, at: float) -> None:
        nanoseconds = max(int(at * 1e9), 1)  # 0 would disarm the timer
        value = self._setting.value
        value.seconds, value.nanoseconds = divmod(nanoseconds, 1_000_000_000)
        if self._settime(self._fd, _TIMER_ABSTIME, self._setting_at, None) < 0:
            raise OSError(ctypes.get_errno(), f"cannot set an alarm at {at} (timerfd_settime)")

    def close(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _readable(self) -> None:
        # Set anew since it rang, the alarm has nothing to read, and will ring at its new instant.
        with contextlib.suppress(BlockingIOError):
            os.read(self._fd, 8)
            self._ring()


class _LoopAlarm:
    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop, self._ring = loop, ring
        self._handle: asyncio.TimerHandle | None = None

    def set(self, at: float) -> None:
        self.close()
        self._handle = self._loop.call_later(max(at - time.monotonic(), 0.0), self._ring)

    def close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
