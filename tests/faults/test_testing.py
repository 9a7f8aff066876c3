"""The check of faults finds the faults that break the protocol, each by what it breaks."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import anyio
import pytest

from chaos.errors import ChaosError
from chaos.faults.base import Blast, FaultArguments, FaultContext, Needs, RevertError, Undo
from chaos.faults.noop import Noop
from chaos.faults.testing import check_fault, fake_context, revert_elsewhere
from chaos.targets.testing import ContractError, FakeTarget

pytestmark = pytest.mark.anyio


def make(path: str) -> None:
    Path(path).touch()


def remove(path: str, missing_ok: bool = True) -> None:
    Path(path).unlink(missing_ok)


class PathArguments(FaultArguments):
    path: str = ""


class Touch:
    """Makes a file, and removes it: correct, and what the broken ones are made of."""

    Arguments: ClassVar[type[FaultArguments]] = PathArguments
    needs: ClassVar[Needs] = Needs()

    def __init__(self, arguments: PathArguments) -> None:
        self.path = arguments.path

    async def inject(self, context: FaultContext) -> None:
        await context.intend(Blast((f"file {self.path}",)), {"path": self.path})
        make(self.path)

    async def hold(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    @staticmethod
    async def revert(undo: Undo) -> str:
        remove(undo["path"])
        return "removed it"


class Silent(Touch):
    async def inject(self, context: FaultContext) -> None:
        make(self.path)


class Stutterer(Touch):
    async def inject(self, context: FaultContext) -> None:
        await super().inject(context)
        await super().inject(context)


class Hasty(Touch):
    async def inject(self, context: FaultContext) -> None:
        await context.helper(("chaos.faults.cpu_helper", "0", "0.01"))
        await super().inject(context)


class Deaf(Touch):
    async def inject(self, context: FaultContext) -> None:
        try:
            await super().inject(context)
        except ChaosError:
            make(self.path)


class Wordless(Touch):
    async def inject(self, context: FaultContext) -> None:
        await context.intend(Blast(()), {"path": self.path})
        make(self.path)


class Unwritable(Touch):
    async def inject(self, context: FaultContext) -> None:
        await context.intend(Blast(("a file",)), {"path": self.path, "seen": {1, 2}})


class Impatient(Touch):
    async def hold(self, seconds: float) -> None:
        return


class Ineffective(Touch):
    async def inject(self, context: FaultContext) -> None:
        await context.intend(Blast(("a file",)), {"path": self.path})


class Sticky(Touch):
    @staticmethod
    async def revert(undo: Undo) -> str:
        return "did it"


class Once(Touch):
    @staticmethod
    async def revert(undo: Undo) -> str:
        try:
            remove(undo["path"], missing_ok=False)
        except FileNotFoundError:
            raise RevertError("it is not there") from None
        return "removed it"


class Forgetful(Touch):
    """Reverts from what its own process remembers."""

    paths: ClassVar[list[str]] = []

    async def inject(self, context: FaultContext) -> None:
        await super().inject(context)
        self.paths.append(self.path)

    @staticmethod
    async def revert(undo: Undo) -> str:
        for path in Forgetful.paths:
            remove(path)
        return "removed it"


class Bound(Touch):
    async def revert(self, undo: Undo) -> str:  # type: ignore[override]
        return await Touch.revert(undo)


async def check(kind: type[Touch], tmp_path: Path) -> None:
    path = tmp_path / "made"

    async def there() -> bool:
        return path.exists()

    arguments = PathArguments(path=str(path))
    await check_fault(lambda: kind(arguments), FakeTarget(), seconds=0.1, effect=there)


async def test_what_keeps_the_protocol_passes(tmp_path: Path) -> None:
    await check(Touch, tmp_path)
    context = await check_fault(lambda: Noop(FaultArguments()), FakeTarget(), seconds=0.1)
    assert context.stated[0][0].touches == ("nothing",)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (Silent, "stated 0 times"),
        (Stutterer, "stated 2 times"),
        (Hasty, "acts before it states"),
        (Deaf, "although its intent was not accepted|its effect is seen"),
        (Wordless, "in words"),
        (Unwritable, "not JSON"),
        (Impatient, "returned before"),
        (Ineffective, "in force: its effect is not seen"),
        (Sticky, "reverted: its effect is seen"),
        (Once, "it is not there"),
        (Forgetful, "another process: its effect is seen"),
        (Bound, "no static method"),
    ],
)
async def test_what_breaks_it_is_found_out(
    kind: type[Touch], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chaos.faults.testing.SETTLE_SECONDS", 0.3)
    with pytest.raises((ContractError, RevertError), match=told):
        await check(kind, tmp_path)


async def test_a_class_that_no_other_process_finds() -> None:
    class Hidden(Noop):
        pass

    with pytest.raises(ContractError, match="top of its module"):
        await check_fault(lambda: Hidden(FaultArguments()), FakeTarget())


async def test_the_context_ends_what_was_started() -> None:
    async with fake_context(FakeTarget()) as context:
        helper = await context.given.helper(("chaos.faults.cpu_helper", "0", "0.01"))
        assert helper.alive
        context.given.note("thing", value=1)
        assert context.noted("thing")[0]["value"] == 1
    assert not helper.alive


async def test_a_revert_that_fails_elsewhere_is_told() -> None:
    with pytest.raises(ContractError, match="cannot be loaded"):
        await revert_elsewhere("lease", "chaos.faults.noop:Nope", {})
