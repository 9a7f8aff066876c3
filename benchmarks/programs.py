"""How soon ``chaos verify`` finds each defect that concerns operations, and how small the program gets that shows it.

    python -m benchmarks.programs --seeds 10 --out programs.json            # all defects, two at a time
    python -m benchmarks.programs --defects scale_adds,none --seeds 3

Every run is a ``chaos verify`` of its own, without a database. What is in ``--out`` already is not run again. A defect
is missed if no program of the budget fails; without a defect a failure is a false alarm. The counterexamples of the
first ``--replayed`` seeds are replayed by ``chaos run``: some times with the defect, and once without.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from chaos.embedded.defects import Defect
from chaos.operations.program import Program
from chaos.sla.rates import Rate

NONE = "none"
REPLAYS = 3
CHAOS = (str(Path(sys.executable).parent / "chaos"), "--no-version-check", "--no-log-file")
LONGEST_SECONDS = 4 * 3600


@dataclass(frozen=True, slots=True)
class Run:
    """One verification. ``check`` is the one that failed, empty if none did; ``size`` that of the shrunk program,
    0 if it was not made smaller.

    ``replays`` are the exit codes of its counterexample by ``chaos run``, ``correct`` those without the defect."""

    defect: str
    seed: int
    verdict: str
    reason: str
    examples: int
    operations: int
    rate: float | None
    seconds: float
    check: str = ""
    size: int = 0
    whole: bool = False
    reproduced: bool = False
    replays: tuple[int, ...] = ()
    correct: tuple[int, ...] = ()


def main() -> int:
    """Run the campaign; exit 1 if a defect was missed by more than one seed in ten, or there was a false alarm."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--defects", default="", help="names, and none  [default: all that programs show]")
    parser.add_argument("--seeds", type=int, default=10, help="seeds 1 to this")
    parser.add_argument("--examples", type=int, default=2000, help="the budget of each run")
    parser.add_argument("--rest", type=float, default=4.0, help="as `chaos verify` takes it, in seconds")
    parser.add_argument("--faults", default="all", help="as `chaos verify` takes them")
    parser.add_argument("--shrunk", type=int, default=10, help="seeds whose failures are made smaller")
    parser.add_argument("--replayed", type=int, default=1, help="seeds whose counterexamples are replayed")
    parser.add_argument("--lanes", type=int, default=2, help="runs side by side")
    parser.add_argument("--out", type=Path, help="where runs are kept, as JSON")
    options = parser.parse_args()
    names = (
        options.defects.split(",") if options.defects else [each.value for each in Defect if each.smallest]
    )
    runs = [Run(**each) for each in json.loads(options.out.read_text())] if _there(options.out) else []
    done = {(run.defect, run.seed) for run in runs}
    due = [(name, seed) for seed in range(1, options.seeds + 1) for name in names if (name, seed) not in done]

    def one(case: tuple[str, int]) -> Run:
        asked = ["--examples", str(options.examples), "--faults", options.faults, "--rest", str(options.rest)]
        asked += [] if case[1] <= options.shrunk else ["--shrink", "0"]
        return _run(*case, asked, replay=case[1] <= options.replayed)

    with ThreadPoolExecutor(options.lanes) as pool:
        for run in pool.map(one, due):
            runs.append(run)
            print(
                f"{run.defect:<32} seed {run.seed:<3} {run.verdict:<8} after {run.examples:>4} programs, "
                f"{run.seconds:6.1f} s: {run.check or run.reason} {run.size or ''}",
                flush=True,
            )
            if options.out:
                options.out.write_text(
                    json.dumps([asdict(each) for each in runs], indent=1), encoding="utf-8"
                )
    wanted = [run for run in runs if run.defect in names]
    print("\n" + "\n".join(_table(wanted)))
    return 1 if any(_bad(name, [run for run in wanted if run.defect == name]) for name in names) else 0


def _there(path: Path | None) -> bool:
    return path is not None and path.exists()


def _run(defect: str, seed: int, asked: Sequence[str], replay: bool) -> Run:
    with tempfile.TemporaryDirectory() as directory:
        command = [*CHAOS, "verify", "--seed", str(seed), *asked, "--database", NONE]
        command += [] if defect == NONE else ["--defect", defect]
        began = time.monotonic()
        done = subprocess.run(
            [*command, "--out", directory],
            capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False,
        )  # fmt: skip
        took = time.monotonic() - began
        path = Path(directory) / "verify.json"
        if not path.exists():
            return Run(defect, seed, "none", done.stderr[-300:], 0, 0, None, took)
        told = json.loads(path.read_text(encoding="utf-8"))
        counterexample = Path(directory) / "counterexample.json"
        replay = replay and defect != NONE and counterexample.exists()
        replays = [_replay(counterexample) for _ in range(REPLAYS)] if replay else []
        correct = [_replay(counterexample, "--var", "defect=none")] if replay else []
    about = {name: told[name] for name in ("verdict", "reason", "examples", "operations", "rate")}
    failure = next(iter(told["failures"]), None)
    if failure is None:
        return Run(defect, seed, seconds=took, **about)
    return Run(
        defect,
        seed,
        seconds=took,
        check=failure["check"],
        size=Program.model_validate({"steps": failure["smallest"]}).size if "--shrink" not in asked else 0,
        whole=failure["whole"],
        reproduced=failure["reproduced"],
        replays=tuple(replays),
        correct=tuple(correct),
        **about,
    )


def _replay(counterexample: Path, *variables: str) -> int:
    """The exit code of one run of it by the stock Chaos Toolkit."""
    command = [*CHAOS, "run", counterexample.name, *variables]
    return subprocess.run(command, cwd=counterexample.parent, capture_output=True, timeout=600).returncode


def _bad(name: str, runs: Sequence[Run]) -> bool:
    found = sum(bool(run.check) for run in runs)
    return found > 0 if name == NONE else found < 0.9 * len(runs)


def _table(runs: Sequence[Run]) -> Iterator[str]:
    """One line a defect."""
    yield (
        "| defect | found | 95 % interval | programs until then | smallest found | smallest possible "
        "| found by | replay fails | replay without it passes |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for name in dict.fromkeys(run.defect for run in runs):
        of = [run for run in runs if run.defect == name]
        found = [run for run in of if run.check]
        rate = Rate(len(found), len(of))
        low, high = rate.interval or (0.0, 1.0)
        checks = [run.check for run in found]
        by = ", ".join(f"{check} ({checks.count(check)})" for check in dict.fromkeys(checks))
        least = str(Defect(name).smallest) if name != NONE else ""
        until = f"{median(run.examples for run in found):g}" if found else ""
        sizes = [run.size for run in found if run.size]
        size = f"{median(sizes):g}" if sizes else ""
        replays = [code for run in found for code in run.replays]
        correct = [code for run in found for code in run.correct]
        again = f"{sum(code != 0 for code in replays)} of {len(replays)}" if replays else ""
        passes = f"{correct.count(0)} of {len(correct)}" if correct else ""
        yield (
            f"| `{name}` | {rate.count} of {rate.n} | {low:.0%} to {high:.0%} | {until} | {size} | {least} "
            f"| {by} | {again} | {passes} |"
        )


if __name__ == "__main__":
    sys.exit(main())
