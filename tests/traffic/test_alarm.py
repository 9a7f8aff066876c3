"""Alarms ring once, not early, and at the instant they were set to last."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from chaos.traffic.alarm import _LoopAlarm, _TimerfdAlarm, open_alarm

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[_TimerfdAlarm, _LoopAlarm])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


async def test_it_rings_once_and_not_early(kind: Any) -> None:
    rings: list[float] = []
    alarm = kind(asyncio.get_running_loop(), lambda: rings.append(time.monotonic()))
    at = time.monotonic() + 0.05
    alarm.set(at)
    await asyncio.sleep(0.15)
    alarm.close()
    (rang,) = rings
    # A loop's own timer counts in whole milliseconds of a clock that it reads once a turn.
    assert rang >= at - (0.0 if kind is _TimerfdAlarm else 0.003)


async def test_the_past_rings_at_once(kind: Any) -> None:
    rang = asyncio.Event()
    alarm = kind(asyncio.get_running_loop(), rang.set)
    for at in (time.monotonic() - 100, 0.0):
        rang.clear()
        alarm.set(at)
        async with asyncio.timeout(5.0):
            await rang.wait()
    alarm.close()


async def test_setting_it_anew_replaces_the_instant(kind: Any) -> None:
    rings: list[float] = []
    alarm = kind(asyncio.get_running_loop(), lambda: rings.append(time.monotonic()))
    alarm.set(time.monotonic() + 0.02)
    later = time.monotonic() + 0.1
    alarm.set(later)
    await asyncio.sleep(0.2)
    alarm.close()
    (rang,) = rings
    assert rang >= later - 0.003


async def test_closed_it_is_silent(kind: Any) -> None:
    rings: list[None] = []
    alarm = kind(asyncio.get_running_loop(), lambda: rings.append(None))
    alarm.set(time.monotonic() + 0.02)
    alarm.close()
    alarm.close()
    await asyncio.sleep(0.06)
    assert not rings


async def test_an_alarm_for_this_system() -> None:
    alarm = open_alarm(asyncio.get_running_loop(), lambda: None)
    alarm.close()
    assert isinstance(alarm, _TimerfdAlarm | _LoopAlarm)
