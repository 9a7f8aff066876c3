"""Each link cut and restored under load, through the fault proxy: what may fail does so once, and all heals."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.embedded.cuts import CUTS, CutPlatform, Traffic, cut_platform
from tests.embedded.harness import Platform, eventually, started

NOTICED_SECONDS = 3.5
"""A link that swallows everything is given up after 2 s."""

SLOW_TO_LOAD = "import time\n\n\ndef model_fn(model_dir):\n    time.sleep(60)\n"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CutPlatform]:
    directory = tmp_path_factory.mktemp("cuts")
    with cut_platform(directory) as it:
        it.platform.register("sleep", "pair", workers=2)
        it.platform.register("sleep", "single")
        yield it
        assert "Traceback" not in (directory / "platform.log").read_text()


def test_each_link_has_a_proxy_while_it_lives(rig: CutPlatform) -> None:
    rig.platform.register("echo", "brief", workers=2)
    links = rig.replica_links("brief")
    assert len(links) == 2
    assert all(link["up"] for link in (rig.links()["manager"], *rig.links()["replicas"]))
    assert set(links) | {"manager"} <= set(rig.proxy.names())
    assert rig.platform.predict("brief", a=1).json == {"a": 1}

    rig.platform.manage("DELETE", "/models/brief")
    eventually(lambda: not set(links) & set(rig.proxy.names()), "the proxies went with the replicas")


@pytest.mark.parametrize("how", CUTS)
def test_a_cut_replica_link_fails_one_request_and_heals(rig: CutPlatform, how: str) -> None:
    name, other = rig.replica_links("pair")
    pids = rig.platform.worker_pids("pair")
    with (
        Traffic(rig.platform, "pair", f"pair-{how}", fields={"sleep_ms": 20}) as cut,
        Traffic(rig.platform, "single", f"beside-{how}", users=1) as beside,
    ):
        eventually(lambda: cut.good > 20, "traffic flows")
        start = time.monotonic()
        rig.proxy.cut(name, how)
        rig.until_link(name, False)
        assert rig.link(name)["since"] - start < NOTICED_SECONDS
        good = cut.good
        eventually(lambda: cut.good > good + 20, "the other replica serves meanwhile")
        seconds = rig.healed(name, how)

        assert seconds < 1
        good = cut.good
        eventually(lambda: cut.good > good + 50, "traffic flows again")

    assert len(cut.bad) <= 1, "only what was with the replica"
    assert all(said.startswith("500") and "Worker died" in said for _, said in cut.bad)
    assert (cut.crossed, beside.bad, beside.crossed) == ([], [], [])
    assert max(Counter(rig.executed(f"pair-{how}")).values()) == 1, "never a second try"
    assert rig.platform.worker_pids("pair") == pids, "the link was cut, not the replica"
    assert rig.link(other)["since"] < start


@pytest.mark.parametrize("how", CUTS)
def test_waiting_requests_outlast_the_cut_of_the_only_link(rig: CutPlatform, how: str) -> None:
    (name,) = rig.replica_links("single")
    with Traffic(rig.platform, "single", f"single-{how}", fields={"sleep_ms": 20}) as traffic:
        eventually(lambda: traffic.good > 10, "traffic flows")
        rig.proxy.cut(name, how)
        rig.until_link(name, False)
        time.sleep(0.5)
        good = traffic.good
        time.sleep(0.3)
        assert traffic.good == good, "nobody can serve"
        assert rig.healed(name, how) < 1
        eventually(lambda: traffic.good > good + 20, "what waited is served")

    assert len(traffic.bad) <= 1
    assert traffic.crossed == []
    assert set(Counter(rig.executed(f"single-{how}")).values()) == {1}


@pytest.mark.parametrize("how", CUTS)
def test_without_the_manager_the_proxy_goes_on_as_it_was_told(rig: CutPlatform, how: str) -> None:
    with Traffic(rig.platform, "pair", f"manager-{how}") as traffic:
        eventually(lambda: traffic.good > 20, "traffic flows")
        start = time.monotonic()
        rig.proxy.cut("manager", how)
        rig.until_link("manager", False)
        assert rig.link("manager")["since"] - start < NOTICED_SECONDS
        assert all(rig.link(name)["up"] for name in rig.replica_links("pair")), "as the proxy said last"
        good = traffic.good
        eventually(lambda: traffic.good > good + 50, "inference goes on")
        assert rig.healed("manager", how) < 1

    assert (traffic.bad, traffic.crossed) == ([], [])
    path = "/models/pair?min_worker={0}&max_worker={0}&synchronous=true"
    for workers in (3, 2):
        assert rig.platform.manage("PUT", path.format(workers)).status == 200, "the control plane works again"


def test_a_request_to_a_registration_that_gives_up_is_answered(rig: CutPlatform, tmp_path: Path) -> None:
    """The proxy hears late that the model leaves, and takes a request that no worker will ever serve."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "inference.py").write_text(SLOW_TO_LOAD)
    rig.proxy.cut("manager", "late")
    try:
        with ThreadPoolExecutor(2) as pool:
            asked = f"/models?url={tmp_path}&model_name=hasty&initial_workers=1&synchronous=true"
            registered = pool.submit(rig.platform.manage, "POST", asked)
            time.sleep(0.6)  # the proxy knows of the model, which has no worker yet
            unregistered = pool.submit(rig.platform.manage, "DELETE", "/models/hasty")
            assert registered.result().status == 404, "somebody else does not want it any more"
            assert rig.platform.predict("hasty").status == 503
            assert unregistered.result().status == 200
    finally:
        rig.proxy.restore("manager", "late")


def test_links_that_are_merely_late_stand(rig: CutPlatform) -> None:
    names = ["manager", *rig.replica_links("single")]
    for name in names:
        rig.proxy.cut(name, "late")
    try:
        with Traffic(rig.platform, "single", "late", users=1) as traffic:
            start = time.monotonic()
            eventually(lambda: traffic.good == 4, "it is slow but goes on")
        assert time.monotonic() - start > 4 * 0.6
        assert all(rig.link(name)["since"] < start for name in names), "no link was given up"
        assert traffic.bad == []
    finally:
        for name in names:
            rig.proxy.restore(name, "late")


def test_a_request_cut_while_it_is_with_the_handler_is_answered_once(rig: CutPlatform) -> None:
    (name,) = rig.replica_links("single")
    with Traffic(rig.platform, "single", "long", users=1, fields={"sleep_ms": 1500}) as traffic:
        eventually(lambda: "long-0-1" in rig.executed("long"), "the handler has it")
        rig.proxy.cut(name, "down")
        eventually(lambda: len(traffic.bad) == 1, "it is answered", seconds=1)
        assert rig.healed(name, "down") < 1, "also while the handler is still busy with what was cut"
        eventually(lambda: traffic.good == 1, "the next one is served when the replica is free")

    assert traffic.crossed == []
    assert set(Counter(rig.executed("long")).values()) == {1}


def test_a_fault_proxy_that_does_not_answer_is_told_where_it_is_needed(tmp_path: Path) -> None:
    log = tmp_path / "platform.log"
    with started("--log", str(log), "--link-proxy", "127.0.0.1:1", "--links", "replica") as platform:
        answer = platform.manage("POST", "/models?url=echo")

    assert answer.status == 500
    assert "its link cannot be led through the fault proxy" in answer.json["message"]
    assert "fault proxy at 127.0.0.1:1 cannot be reached" in log.read_text()
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--link-proxy", "127.0.0.1:1", "--links", "manager"],
            "fault proxy at 127.0.0.1:1 cannot be reached",
        ),
        (["--links", "manager"], "give its API with --link-proxy"),
        (["--link-proxy", "x", "--links", "manager"], "write HOST:PORT"),
        (["--link-proxy", "127.0.0.1:1", "--links", "client"], "there is no link 'client'"),
    ],
)
def test_what_is_wrong_with_links_is_said_at_the_start(arguments: list[str], said: str) -> None:
    platform = Platform(*arguments)
    try:
        assert said in platform.said["error"]
        assert platform.process.wait(20) == 1
    finally:
        platform.process.kill()
        for stream in (platform.process.stdin, platform.process.stdout):
            assert stream is not None
            stream.close()
