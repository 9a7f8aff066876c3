"""What may be touched at most, and that a host has to be named everywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.errors import DocumentError
from chaos.faults.base import Blast, FaultError
from chaos.session.plan import make_plan
from chaos.session.safety import Safety, SafetyLimits, named_on_command_line

HOSTS = st.from_regex(r"[a-z][a-z0-9.-]{0,20}[a-z0-9]", fullmatch=True)


@given(
    st.lists(HOSTS, min_size=1, max_size=3), st.sampled_from(["--var {}", "--var={}", "--var {} run x.json"])
)
def test_hosts_on_the_command_line_are_found(hosts: list[str], form: str) -> None:
    argv = ["run", *form.format(f"allow={','.join(hosts)}").split(), "--var", "seed=1"]
    assert named_on_command_line(argv) == frozenset(hosts)


@given(st.lists(st.text(max_size=20), max_size=6))
def test_no_command_line_breaks_it(argv: list[str]) -> None:
    assert all(isinstance(host, str) for host in named_on_command_line(argv))


@pytest.mark.parametrize(
    ("hosts", "allow", "argv"),
    [
        (["far"], "far", ["run", "x.json"]),  # written into the experiment, not said on the command line
        ([], "far", ["run", "--var", "allow=far", "x.json"]),  # said on the command line only
        (["far"], "", ["run", "--var", "allow=far", "x.json"]),  # the experiment does not take it over
        (["far"], "far", ["run", "--var", "allow=fat", "x.json"]),
    ],
)
def test_a_host_named_in_one_place_only_is_not_allowed(hosts: list[str], allow: str, argv: list[str]) -> None:
    arguments = {"probes": ["victim"], "hosts": hosts, "allow": allow}
    assert make_plan(arguments, "t", "experiments/isolation.json", argv).allow == ()


def test_a_host_named_everywhere_is_allowed() -> None:
    arguments = {"probes": ["victim"], "hosts": ["far"], "allow": "far"}
    argv = ["run", "--var", "allow=far", "x.json"]
    assert make_plan(arguments, "t", "experiments/isolation.json", argv).allow == ("far",)


def test_a_probe_cannot_go_through_a_link_that_is_not_there() -> None:
    arguments = {"probes": [{"file": "victim", "via": "client"}]}
    with pytest.raises(DocumentError, match="none of the 'links'"):
        make_plan(arguments, "t", "experiments/isolation.json", [])


@given(st.integers(0, 20), st.integers(0, 20))
def test_never_all_replicas_unless_asked(taken: int, there: int) -> None:
    blast = Blast(("x",), replicas=taken, of=there)
    Safety(SafetyLimits(all_replicas=True), ()).check_blast(blast)
    if there and taken >= there:
        with pytest.raises(FaultError, match="all_replicas"):
            Safety(SafetyLimits(), ()).check_blast(blast)
    else:
        Safety(SafetyLimits(), ()).check_blast(blast)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "far"])
def test_loopback_and_allowed_hosts_may_feel_it(host: str) -> None:
    Safety(SafetyLimits(), ["far"]).check_blast(Blast(("x",), hosts=(host,)))
