"""How often an experiment is wrong: false alarms on the correct platform, misses on seeded defects.

    python -m benchmarks.campaign experiments/oom.json --seeds 20 --defects none
    python -m benchmarks.campaign experiments/isolation.json --seeds 5 --vary mode=occupy,burn,crash,huge

Every run is a stock ``chaos run`` of its own. A false alarm is any exit code but 0 without a defect, a miss is
exit code 0 with one. Rates come with their Clopper-Pearson 95 % interval.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from scipy.stats import binomtest

DEFECTS = {
    "isolation": ("shared_worker_pool", "shared_queue"),
    "appproxy_disconnect": (
        "proxy_never_reconnects",
        "proxy_retries",
        "crossed_answers",
        "manager_link_lost_stops_serving",
    ),
    "oom": ("oom_takes_all", "killed_never_replaced", "oom_unnamed"),
    "duplicate_scale": ("scale_adds", "scale_unserialised", "lost_answer_doubles", "scale_describes_only"),
}
"""The defects that an experiment has to find, by its name."""


@dataclass(frozen=True, slots=True)
class Run:
    """One experiment and how it ended. ``setting`` is the varied variable and its value, empty if none is."""

    defect: str
    setting: str
    seed: int
    exit_code: int
    verdict: str
    reason: str
    seconds: float

    @property
    def wrong(self) -> bool:
        """A false alarm without a defect, a miss with one."""
        return (self.exit_code != 0) == (self.defect == "none")


def main() -> int:
    """Run the campaign; exit 1 if any run was wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("experiment", type=Path)
    parser.add_argument("--seeds", type=int, default=20, help="seeds 1 to this on the correct platform")
    parser.add_argument("--defect-seeds", type=int, default=10, help="seeds 1 to this with each defect")
    parser.add_argument("--defects", help="none, and names  [default: none and all of the experiment's]")
    parser.add_argument(
        "--vary", default="", metavar="NAME=A,B", help="in turn with the seeds, or all with --cross"
    )
    parser.add_argument("--cross", action="store_true", help="every value of --vary with every seed")
    parser.add_argument(
        "--var", action="append", default=[], metavar="NAME=VALUE", help="as `chaos run` takes it"
    )
    parser.add_argument("--out", type=Path, help="write all runs there, as JSON")
    options = parser.parse_args()
    runs = []
    for defect, setting, seed in _cases(options):
        run = _run(options.experiment, defect, setting, seed, options.var)
        runs.append(run)
        print(
            f"{'WRONG' if run.wrong else 'right'}  {defect:<20} {setting} seed {seed:<3} exit {run.exit_code} "
            f"{run.verdict:<8} {run.seconds:5.1f} s  {run.reason}",
            flush=True,
        )
        if options.out:
            options.out.write_text(json.dumps([asdict(run) for run in runs], indent=2), encoding="utf-8")
    print()
    for defect in dict.fromkeys(run.defect for run in runs):
        for setting in dict.fromkeys(run.setting for run in runs if run.defect == defect):
            _print_rate(
                f"{defect} {setting}", [r for r in runs if (r.defect, r.setting) == (defect, setting)]
            )
    return 1 if any(run.wrong for run in runs) else 0


def _cases(options: argparse.Namespace) -> Iterator[tuple[str, str, int]]:
    name, _, values = options.vary.partition("=")
    settings = [f"{name}={value}" for value in values.split(",")] if name else [""]
    wanted = options.defects or ",".join(["none", *DEFECTS.get(options.experiment.stem, ())])
    for defect in wanted.split(","):
        for seed in range(1, (options.seeds if defect == "none" else options.defect_seeds) + 1):
            for setting in settings if options.cross else [settings[seed % len(settings)]]:
                yield defect, setting, seed


def _run(experiment: Path, defect: str, setting: str, seed: int, more: list[str]) -> Run:
    with tempfile.TemporaryDirectory() as directory:
        command = [str(Path(sys.executable).parent / "chaos"), "--no-version-check", "--no-log-file", "run"]
        own = [f"defect={defect}", f"seed={seed}", f"reports={directory}"]
        for variable in [*own, *([setting] if setting else []), *more]:
            command += ["--var", variable]
        command += ["--journal-path", f"{directory}/journal.json", str(experiment)]
        began = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
        took = time.monotonic() - began
        found = list(Path(directory).glob("*/summary.json"))
        if not found:
            return Run(defect, setting, seed, done.returncode, "none", done.stderr[-300:], took)
        summary = json.loads(found[0].read_text(encoding="utf-8"))
    return Run(defect, setting, seed, done.returncode, summary["verdict"], summary["reason"], took)


def _print_rate(what: str, runs: list[Run]) -> None:
    wrong = sum(run.wrong for run in runs)
    interval = binomtest(wrong, len(runs)).proportion_ci()
    kind = "false alarms" if runs[0].defect == "none" else "missed"
    print(f"{what}: {wrong} of {len(runs)} {kind} (95 % {interval.low:.3f} to {interval.high:.3f})")


if __name__ == "__main__":
    sys.exit(main())
