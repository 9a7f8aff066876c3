"""Memory is really taken, within the bound, by a process that goes first; and all of it comes back."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import anyio
import psutil
import pytest

from chaos.errors import ChaosError, DocumentError
from chaos.faults.base import FaultError
from chaos.faults.memory_pressure import MemoryPressure, MemoryPressureArguments
from chaos.faults.registry import create_fault
from chaos.faults.testing import check_fault, fake_context
from chaos.targets.testing import FakeTarget

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not psutil.LINUX, reason="memory pressure is made on Linux only"),
]
TAKEN = 300


def takers() -> list[psutil.Process]:
    """The processes that keep memory, started by this one, wherever they are by now."""
    found = []
    for process in psutil.Process().children():
        try:
            if "chaos.faults.memory_helper" in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


def score(process: psutil.Process) -> int:
    """How gladly the kernel kills it when memory is short, up to 1000."""
    return int(Path(f"/proc/{process.pid}/oom_score_adj").read_text())


async def taken() -> bool:
    """Whether so much is resident in a taker."""
    return any(process.memory_info().rss >> 20 >= TAKEN for process in takers())


async def test_it_keeps_the_protocol() -> None:
    arguments = MemoryPressureArguments(mebibytes=TAKEN)
    context = await check_fault(partial(MemoryPressure, arguments), FakeTarget(), seconds=0.2, effect=taken)

    assert context.noted("memory_pressure")[0]["resident"] >= TAKEN
    assert context.undo == {"mebibytes": TAKEN}


async def test_the_kernel_takes_it_first() -> None:
    async with fake_context(FakeTarget()) as context:
        fault = MemoryPressure(MemoryPressureArguments(mebibytes=8))
        await fault.inject(context.given)
        (taker,) = takers()
        assert score(taker) == 1000
        taker.kill()
        with anyio.fail_after(10), pytest.raises(FaultError, match=r"ended before .*signal 9"):
            await fault.hold(20)


async def test_a_share_leaves_the_spare() -> None:
    available = psutil.virtual_memory().available >> 20
    spare = available // 2
    async with fake_context(FakeTarget(), stop_after_intent=True) as context:
        fault = MemoryPressure(MemoryPressureArguments(share=1.0, spare_mebibytes=spare))
        with pytest.raises(ChaosError):
            await fault.inject(context.given)
        assert abs(context.undo["mebibytes"] - spare) < available / 8  # others take and give back meanwhile


@pytest.mark.parametrize("arguments", [{"mebibytes": 1 << 30}, {"share": 0.5, "spare_mebibytes": 1 << 30}])
async def test_more_than_there_is(arguments: dict[str, float]) -> None:
    async with fake_context(FakeTarget()) as context:
        with pytest.raises(FaultError, match="cannot be taken"):
            await MemoryPressure(MemoryPressureArguments.model_validate(arguments)).inject(context.given)
        assert context.order == []


async def test_it_stops_at_the_spare_when_others_take_memory() -> None:
    """The helper looks again before each step: here it finds less than what it was told there is."""
    available = psutil.virtual_memory().available >> 20
    async with fake_context(FakeTarget()) as context:
        words = ("chaos.faults.memory_helper", "4096", "64", str(available - 200))
        with pytest.raises(ChaosError, match="of 4096 MiB could be taken"):
            await context.given.helper(words)
    assert takers() == []


@pytest.mark.parametrize(
    "wrong", [{}, {"mebibytes": 1, "share": 0.1}, {"mebibytes": 1, "spare_mebibytes": 100}, {"share": 1.5}]
)
def test_arguments_that_make_no_sense(wrong: dict[str, object]) -> None:
    with pytest.raises(DocumentError, match="fault 'memory_pressure'"):
        create_fault("memory_pressure", wrong)
