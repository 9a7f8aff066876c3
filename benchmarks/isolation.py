"""How often the isolation experiment is wrong: false alarms on the correct platform, misses on seeded defects.

    python -m benchmarks.isolation --seeds 20 --modes occupy,burn,crash,huge --defects none,shared_worker_pool

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

MODES = ("occupy", "burn", "crash", "huge")
DEFECTS = ("none", "shared_worker_pool", "shared_queue")


@dataclass(frozen=True, slots=True)
class Run:
    """One experiment and how it ended."""

    defect: str
    mode: str
    seed: int
    exit_code: int
    verdict: str
    reason: str
    worst_ratio: float | None
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
    parser.add_argument("--seeds", type=int, default=20, help="seeds 1 to this")
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--defects", default=",".join(DEFECTS))
    parser.add_argument(
        "--rotate", action="store_true", help="one mode a seed, in turn, instead of every mode"
    )
    parser.add_argument("--seconds", type=float, default=12.0, help="length of each phase")
    parser.add_argument("--out", type=Path, help="write all runs there, as JSON")
    options = parser.parse_args()
    runs = []
    for defect, mode, seed in _cases(options):
        run = _run(defect, mode, seed, options.seconds)
        runs.append(run)
        print(
            f"{'WRONG' if run.wrong else 'right'}  {defect:<20} {mode:<7} seed {seed:<3} exit {run.exit_code} "
            f"{run.verdict:<8} {run.seconds:5.1f} s  {run.reason}",
            flush=True,
        )
    if options.out:
        options.out.write_text(json.dumps([asdict(run) for run in runs], indent=2), encoding="utf-8")
    _print_rates(runs)
    return 1 if any(run.wrong for run in runs) else 0


def _cases(options: argparse.Namespace) -> Iterator[tuple[str, str, int]]:
    modes = options.modes.split(",")
    for defect in options.defects.split(","):
        for seed in range(1, options.seeds + 1):
            for mode in [modes[seed % len(modes)]] if options.rotate else modes:
                yield defect, mode, seed


def _run(defect: str, mode: str, seed: int, seconds: float) -> Run:
    with tempfile.TemporaryDirectory() as directory:
        variables = {"defect": defect, "mode": mode, "seed": seed, "seconds": seconds, "reports": directory}
        command = [str(Path(sys.executable).parent / "chaos"), "--no-version-check", "--no-log-file", "run"]
        for name, value in variables.items():
            command += ["--var", f"{name}={value}"]
        command += ["--journal-path", f"{directory}/journal.json", "experiments/isolation.json"]
        began = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        took = time.monotonic() - began
        found = list(Path(directory).glob("*/summary.json"))
        if not found:
            return Run(defect, mode, seed, done.returncode, "none", done.stderr[-300:], None, took)
        summary = json.loads(found[0].read_text(encoding="utf-8"))
    ratios = [entry["estimate"] for entry in summary["objectives"] if "ratio" in entry["objective"]]
    worst = max((ratio for ratio in ratios if ratio is not None), default=None)
    return Run(defect, mode, seed, done.returncode, summary["verdict"], summary["reason"], worst, took)


def _print_rates(runs: list[Run]) -> None:
    print()
    for defect in dict.fromkeys(run.defect for run in runs):
        for mode in dict.fromkeys(run.mode for run in runs if run.defect == defect):
            _print_rate(
                f"{defect} / {mode}", [run for run in runs if (run.defect, run.mode) == (defect, mode)]
            )
    for defect in dict.fromkeys(run.defect for run in runs):
        _print_rate(defect, [run for run in runs if run.defect == defect])


def _print_rate(what: str, runs: list[Run]) -> None:
    wrong = sum(run.wrong for run in runs)
    interval = binomtest(wrong, len(runs)).proportion_ci()
    kind = "false alarms" if runs[0].defect == "none" else "missed"
    ratios = [run.worst_ratio for run in runs if run.worst_ratio is not None]
    spread = f", p99 ratio {min(ratios):.2f} to {max(ratios):.2f}" if ratios else ""
    print(f"{what}: {wrong} of {len(runs)} {kind} (95 % {interval.low:.3f} to {interval.high:.3f}){spread}")


if __name__ == "__main__":
    sys.exit(main())
