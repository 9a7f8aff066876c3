"""Burners take the share that was asked for, on the core that was chosen, and nothing once reverted."""

from __future__ import annotations

import os
import signal
from functools import partial

import anyio
import psutil
import pytest

from chaos.errors import DocumentError
from chaos.faults.base import FaultError
from chaos.faults.cpu import Cpu, CpuArguments
from chaos.faults.registry import create_fault
from chaos.faults.testing import check_fault, fake_context
from chaos.targets.testing import FakeTarget

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(
        not hasattr(os, "sched_getaffinity"), reason="burners are pinned to cores, on Linux only"
    ),
]


def burners() -> list[psutil.Process]:
    """The burners that this process has started."""
    found = []
    for process in psutil.Process().children():
        try:
            if "chaos.faults.cpu_helper" in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


async def busy() -> bool:
    """Whether a burner of ours uses CPU time."""
    before = {process.pid: sum(process.cpu_times()[:2]) for process in burners()}
    await anyio.sleep(0.15)
    return any(sum(process.cpu_times()[:2]) > before.get(process.pid, 1e9) for process in burners())


async def test_it_keeps_the_protocol() -> None:
    core = min(os.sched_getaffinity(0))
    arguments = CpuArguments(cores=[core], share=0.2)
    context = await check_fault(partial(Cpu, arguments), FakeTarget(), seconds=1.0, effect=busy)

    assert context.stated[0][0].touches == (f"core {core} of this machine, 20% of its time",)
    note = context.noted("cpu")[0]
    assert note["asked"] == 0.2
    assert 0.1 <= note["burnt"][str(core)] <= 0.25  # less where others have the core, never more


async def test_a_larger_share_burns_more_on_its_own_core() -> None:
    """Within one run: the two burners compete with the same neighbours."""
    core = max(os.sched_getaffinity(0))
    async with fake_context(FakeTarget()) as small, fake_context(FakeTarget()) as large:
        few, many = Cpu(CpuArguments(cores=[core], share=0.05)), Cpu(CpuArguments(cores=[core], share=0.2))
        await few.inject(small.given)
        await many.inject(large.given)
        assert [process.cpu_affinity() for process in burners()] == [[core], [core]]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(few.hold, 1.5)
            tasks.start_soon(many.hold, 1.5)
        one, other = (context.noted("cpu")[0]["burnt"][str(core)] for context in (small, large))
        assert 2.5 <= other / one <= 6
    assert burners() == []


async def test_the_seed_chooses() -> None:
    cores = set()
    for seed in range(12):
        async with fake_context(FakeTarget(), seed=seed, stop_after_intent=True) as context:
            with pytest.raises(Exception, match="stopped"):
                await Cpu(CpuArguments(cores=1)).inject(context.given)
            cores.add(tuple(context.undo["cores"]))
    assert len(cores) == min(2, len(os.sched_getaffinity(0))) or len(cores) > 2


async def test_a_burner_that_dies_is_found_out() -> None:
    async with fake_context(FakeTarget()) as context:
        fault = Cpu(CpuArguments(cores=1, share=0.1))
        await fault.inject(context.given)
        burners()[0].kill()
        with anyio.fail_after(10), pytest.raises(FaultError, match="ended before"):
            await fault.hold(20)


async def test_a_burner_that_does_not_burn_is_found_out() -> None:
    async with fake_context(FakeTarget()) as context:
        fault = Cpu(CpuArguments(cores=1, share=0.5))
        await fault.inject(context.given)
        burners()[0].send_signal(signal.SIGSTOP)
        with pytest.raises(FaultError, match=r"only \d+% of core"):
            await fault.hold(0.5)
        assert context.noted("cpu")[0]["near"] is False


@pytest.mark.parametrize("cores", [4096, [4095]])
async def test_cores_that_are_not_there(cores: int | list[int]) -> None:
    async with fake_context(FakeTarget()) as context:
        with pytest.raises(FaultError, match="may"):
            await Cpu(CpuArguments(cores=cores)).inject(context.given)
        assert context.order == []


@pytest.mark.parametrize(
    "wrong", [{"cores": 0}, {"cores": []}, {"cores": [1, 1]}, {"cores": [-1]}, {"share": 0}]
)
def test_arguments_that_make_no_sense(wrong: dict[str, object]) -> None:
    with pytest.raises(DocumentError, match="fault 'cpu'"):
        create_fault("cpu", wrong)
