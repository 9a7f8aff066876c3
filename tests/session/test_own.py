"""A handler package of the user's own in the place of the experiment's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from chaos.errors import CapabilityError, DocumentError
from chaos.session.own import Own, at_hand
from chaos.session.plan import Plan, make_plan
from chaos.targets.base import Target
from chaos.targets.registry import open_by_url
from chaos.targets.testing import FakeTarget
from tests.conftest import PROBE

MODELS = [{"name": "victim", "package": "sleep", "workers": 2}, {"name": "bad", "hostile": "burn"}]


@pytest.fixture
def source(tmp_path: Path) -> str:
    """An experiment's path, with a probe file beside it."""
    for room in ("experiments", "probes"):
        (tmp_path / room).mkdir()
    (tmp_path / "probes" / "victim.json").write_text(json.dumps(PROBE))
    return str(tmp_path / "experiments" / "isolation.json")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A directory that is a handler package."""
    directory = tmp_path / "mine"
    (directory / "code").mkdir(parents=True)
    (directory / "code" / "inference.py").write_text("def model_fn(d): return 1\n")
    return directory


def plan(source: str, own: dict[str, str], **more: Any) -> Plan:
    arguments = {"probes": ["victim"], "models": MODELS, "own": own, **more}
    return make_plan(arguments, "title", source, [])


def called(own: Own, target: Target) -> str:
    """What a registration calls the package."""

    async def enter() -> str:
        async with at_hand(own, target) as name:
            return name

    return anyio.run(enter)


def test_blank_is_none(source: str) -> None:
    assert plan(source, {"package": "", "role": "victim", "payload": ""}).own is None
    assert plan(source, {}).own is None


def test_the_victim(source: str, package: Path, tmp_path: Path) -> None:
    payload = tmp_path / "payload.json"
    payload.write_text('{"instances": [1, 2]}')
    made = plan(source, {"package": str(package), "payload": str(payload)})

    assert made.own == Own(str(package), package, frozenset({"victim"}), {})
    assert made.probes[0].payload == {"instances": [1, 2]}
    assert plan(source, {"package": str(package)}).probes[0].payload == PROBE["payload"], "the probe's own"


def test_the_hostile_one(source: str, package: Path, tmp_path: Path) -> None:
    payload = tmp_path / "payload.json"
    payload.write_text("[1, 2]")
    own = {"package": str(package), "role": "hostile"}
    made = plan(source, {**own, "payload": str(payload)})

    assert made.own is not None
    assert (made.own.models, made.own.payloads) == (frozenset({"bad"}), {"bad": [1, 2]})
    assert made.probes[0].payload == PROBE["payload"], "the victim's stays"
    without = plan(source, own).own
    assert without is not None
    assert without.payloads == {"bad": PROBE["payload"]}


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ({"package": "no/such/dir"}, "there is no such package"),
        ({"package": "model.tar.gz"}, "there is no such package"),
        ({"package": "echo", "role": "bystander"}, "role"),
        ({"package": "echo", "payload": "no-such.json"}, "no-such.json"),
        ({"payload": "x.json"}, "'payload' is what is sent to a 'package'"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_starts(
    source: str, own: dict[str, str], told: str
) -> None:
    with pytest.raises(DocumentError, match=told):
        plan(source, own)


def test_a_role_that_nobody_has(source: str) -> None:
    with pytest.raises(DocumentError, match="none of its models is the hostile"):
        plan(source, {"package": "echo", "role": "hostile"}, models=MODELS[:1])


def test_what_only_the_target_knows(source: str) -> None:
    """A name in its model store, or a path inside its container."""
    for target, name in (("embedded", "echo"), ("sagemaker+http://127.0.0.1:1", "/opt/ml/models/echo")):
        own = plan(source, {"package": name}, target=target).own
        assert own is not None
        assert own.path is None
        assert called(own, FakeTarget()) == name


def test_a_directory_is_served_where_it_is(source: str, package: Path) -> None:
    own = plan(source, {"package": str(package)}).own

    assert own is not None
    for url in ("embedded", "sagemaker+http://127.0.0.1:1", "sagemaker+http://127.0.0.1:1?management=2"):
        assert called(own, open_by_url(url)) == str(package)
    for url in ("torchserve+http://127.0.0.1:1", "oip+http://127.0.0.1:1", "sagemaker+http://far:1"):
        with pytest.raises(CapabilityError, match="its own model store"):
            called(own, open_by_url(url, allow=["far"]))


def test_an_archive_is_there_for_as_long_as_the_run(source: str, package: Path, tmp_path: Path) -> None:
    from chaos.handlers.packing import pack

    archive = pack(package, tmp_path / "model.tar.gz")
    own = plan(source, {"package": str(archive)}).own
    assert own is not None

    async def enter() -> Path:
        async with at_hand(own, open_by_url("embedded")) as name:
            assert (Path(name) / "code" / "inference.py").is_file()
            return Path(name)

    assert not anyio.run(enter).exists()


@pytest.mark.parametrize("kind", ["directory", "archive"])
def test_what_is_no_package_is_one_clear_error(source: str, tmp_path: Path, kind: str) -> None:
    bad = tmp_path / ("empty" if kind == "directory" else "model.tar.gz")
    if kind == "directory":
        bad.mkdir()
    else:
        bad.write_bytes(b"not an archive")
    own = plan(source, {"package": str(bad)}).own
    assert own is not None

    with pytest.raises(DocumentError, match=bad.name) as caught:
        called(own, FakeTarget())
    assert "\n" not in str(caught.value)
