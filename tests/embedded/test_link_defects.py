"""The link defects on the running platform: each does what ``test_cuts`` shows that the correct one does not."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

from tests.embedded.cuts import Traffic, cut_platform
from tests.embedded.harness import eventually


def test_never_reconnects(tmp_path: Path) -> None:
    with cut_platform(tmp_path, "--defect", "proxy_never_reconnects") as it:
        it.platform.register("echo")
        (name,) = it.replica_links("echo")
        it.proxy.cut(name, "down")
        it.until_link(name, False)
        it.proxy.restore(name, "down")
        time.sleep(1.5)

        assert not it.link(name)["up"]


def test_retries(tmp_path: Path) -> None:
    with cut_platform(tmp_path, "--defect", "proxy_retries") as it:
        it.platform.register("sleep", workers=2)
        names = it.replica_links("sleep")
        with Traffic(it.platform, "sleep", "try", users=1, fields={"sleep_ms": 400}) as traffic:
            eventually(lambda: it.executed("try") == ["try-0-1"], "one replica has it")
            it.proxy.cut(names[0], "down")
            it.proxy.restore(names[0], "down")
            it.until_link(names[0], True)
            if not traffic.bad and it.executed("try") == ["try-0-1"]:  # it was with the other one
                it.proxy.cut(names[1], "down")
            eventually(lambda: traffic.good + len(traffic.bad) > 0, "it is answered")
        executed = Counter(it.executed("try"))["try-0-1"]

    assert traffic.bad == []
    assert executed > 1


def test_crossed_answers(tmp_path: Path) -> None:
    with cut_platform(tmp_path, "--defect", "crossed_answers") as it:
        it.platform.register("sleep")
        (name,) = it.replica_links("sleep")
        with Traffic(it.platform, "sleep", "x", users=3, fields={"sleep_ms": 400}) as traffic:
            eventually(lambda: len(it.executed("x")) == 1, "the replica has one, two wait")
            it.proxy.cut(name, "down")
            it.proxy.restore(name, "down")
            eventually(lambda: traffic.good + len(traffic.crossed) > 0, "another was answered")

    assert traffic.crossed


def test_manager_link_lost(tmp_path: Path) -> None:
    with cut_platform(tmp_path, "--defect", "manager_link_lost_stops_serving") as it:
        it.platform.register("echo")
        assert it.platform.predict("echo").status == 200
        it.proxy.cut("manager", "down")
        it.until_link("manager", False)

        assert it.platform.predict("echo").status == 503
        it.proxy.restore("manager", "down")
        it.until_link("manager", True)
        assert it.platform.predict("echo").status == 200
