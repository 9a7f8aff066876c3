"""What ``chaos`` knows of us: discovery, extensions, sub-commands."""

from __future__ import annotations

import json
import signal

from tests.conftest import ChaosCommand


def test_the_extension_is_listed(chaos: ChaosCommand) -> None:
    assert "chaostoolkit-serving" in chaos("info", "extensions").output


def test_help_lists_our_commands_and_none_is_broken(chaos: ChaosCommand) -> None:
    output = chaos("--help").output

    assert "lint" in output
    assert all(name in output for name in ("report", "recover", "proxy", "matrix", "calibrate"))
    assert "†" not in output


def test_lint_counts_and_a_clean_file_is_clean(chaos: ChaosCommand) -> None:
    name = chaos.write()

    assert chaos("lint", name, "victim.json").exit_code == 0
    chaos.write_probe(timeout=-1)
    ended = chaos("lint", name, "victim.json")
    assert ended.exit_code == 1
    assert "timeout" in ended.output


def test_a_report_is_made_again_from_the_history_alone(chaos: ChaosCommand) -> None:
    ran = chaos("run", chaos.write())
    before = ran.summary
    for path in ran.run_directory.iterdir():
        if path.name != "history.jsonl":
            path.unlink()
    again = chaos("report", str(ran.run_directory))

    assert again.exit_code == 0, again.output
    assert again.summary == before
    assert (ran.run_directory / "report.html").exists()


def test_the_fault_proxy_is_served_alone(chaos: ChaosCommand) -> None:
    process = chaos.start("proxy", "--api", "127.0.0.1:0")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["ready"] is True
    process.send_signal(signal.SIGINT)
    ended = chaos.end(process)
    assert (ended.exit_code, ended.output) == (0, "")


def test_a_mistake_in_its_options_is_one_line(chaos: ChaosCommand) -> None:
    ended = chaos("proxy", "--api", "nowhere")
    assert ended.exit_code == 1
    assert "host:port" in ended.output
    assert "Traceback" not in ended.output
