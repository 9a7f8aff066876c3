from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from chaos.errors import CapabilityError, TargetError
from chaos.targets import registry
from chaos.targets.base import Describe, Infer, Processes, Register, Scale, need
from chaos.targets.registry import adapters, open_by_url, parse_url


def test_the_adapters_of_this_package_are_there() -> None:
    assert {"embedded", "oip", "torchserve"} <= set(adapters())


@pytest.mark.parametrize(
    ("url", "capabilities", "lacks"),
    [
        ("embedded", [Infer, Register, Scale, Describe, Processes], []),
        ("torchserve+http://127.0.0.1:8080", [Infer, Register, Scale, Describe, Processes], []),
        ("oip+http://127.0.0.1:8080", [Infer, Register, Describe, Processes], [Scale]),
    ],
)
def test_capabilities(url: str, capabilities: list[type], lacks: list[type]) -> None:
    target = open_by_url(url)

    assert target.url == url
    for capability in capabilities:
        assert need(target, capability) is target
    for capability in lacks:
        with pytest.raises(CapabilityError, match="not applicable"):
            need(target, capability)


@pytest.mark.parametrize("adapter", ["torchserve", "oip"])
def test_only_this_machine_unless_allowed(adapter: str) -> None:
    url = f"{adapter}+http://models.example.org:8080"

    with pytest.raises(TargetError, match=r"allow=models\.example\.org"):
        open_by_url(url)

    far = open_by_url(url, allow=["models.example.org"])
    assert not isinstance(far, Processes)


def test_options_do_not_lead_elsewhere() -> None:
    url = "torchserve+http://127.0.0.1:8080?management=http://models.example.org:8081"

    with pytest.raises(TargetError, match=r"models\.example\.org is not this machine"):
        open_by_url(url)
    open_by_url(url, allow=["models.example.org"])


def test_defects_are_for_the_embedded_platform() -> None:
    open_by_url("embedded", defects=["shared_queue"])
    with pytest.raises(CapabilityError, match="embedded platform only"):
        open_by_url("oip+http://127.0.0.1:8000", defects=["shared_queue"])


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("torchserve", "needs an address"),
        ("oip", "needs an address"),
        ("embedded+http://127.0.0.1:80", "takes no address"),
        ("embedded?port=1", "has no option 'port'"),
        ("embedded?inference=x", "option 'inference' is a port"),
        ("embedded?models=no/such/directory", "no directory"),
        ("oip+http://127.0.0.1:80?management=1", "has no option 'management'"),
        ("torchserve+http://127.0.0.1:80?store=tar", "mar or plain"),
        ("torchserve+http://127.0.0.1:80?verify=maybe", "true or false"),
        ("torchserve+http://127.0.0.1:80?management=0", "is no port"),
    ],
)
def test_mistakes_are_explained(url: str, said: str) -> None:
    with pytest.raises(TargetError, match=said):
        open_by_url(url)


def test_an_adapter_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoint("broken", "chaos.targets.nowhere:open_target", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [broken])

    assert parse_url("broken").adapter == "broken"
    with pytest.raises(TargetError, match="cannot be loaded"):
        open_by_url("broken")
