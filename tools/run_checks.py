"""Run every part of `make test`, fill the cores given, and sum up.

    python tools/run_checks.py --workers 2

Each part is a make target of the same name. Its log goes to _build/logs/; a part that fails shows its log.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

LOGS = Path("_build/logs")
LIMIT = 30 * 60  # seconds for one part: a test that hangs must not hold the run for ever


@dataclass(frozen=True)
class Part:
    """A make target: whether it fills all workers by itself, and the part it needs."""

    name: str
    fills: bool
    needs: str | None = None


SHOWN = 300  # lines of the log of a part that failed

# The quick ones first: a slip shows within seconds.
PARTS = (
    Part("lint", fills=False),
    Part("book", fills=False),
    Part("types", fills=False),
    Part("unit", fills=True),
    Part("nbval", fills=True),
    Part("browser", fills=True, needs="book"),
)


@dataclass
class Run:
    """A part that has been started."""

    part: Part
    process: subprocess.Popen
    started: float

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return LOGS / f"{self.part.name}.txt"

    def stop(self) -> None:
        """End the part and everything that it started."""
        os.killpg(self.process.pid, signal.SIGKILL)


def start(part: Part, workers: int) -> Run:
    """Start a part in a process group of its own, its output in a log file."""
    with open(LOGS / f"{part.name}.txt", "w") as log:
        process = subprocess.Popen(
            ["make", "--no-print-directory", part.name, f"WORKERS={workers}"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    print(f"{part.name}: started", flush=True)
    return Run(part, process, time.monotonic())


def fits(part: Part, running: list[Run], workers: int) -> bool:
    """Whether the part may start beside those that run; one that fills the cores waits for no smaller one."""
    if any(run.part.fills or run.part.name == part.needs for run in running):
        return False
    return part.fills or len(running) < workers


def report(run: Run) -> bool:
    """Print how a finished part went; True if it passed."""
    passed = run.process.returncode == 0
    lines = run.log.read_text(errors="replace").splitlines()
    if not passed:
        print("\n".join(["", f"---- {run.part.name} (whole log: {run.log})", *lines[-SHOWN:], "----"]))
    told = [line for line in lines if not line.startswith("make")]
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip("= ") for line in told]
    closing = next(filter(None, reversed(plain)), "")
    word = "passed" if passed else "FAILED"
    print(f"{run.part.name}: {word} after {time.monotonic() - run.started:.0f} s · {closing}", flush=True)
    return passed


def run_all(workers: int) -> dict[str, bool]:
    """Run the parts; returns for each whether it passed."""
    waiting, running, passed = list(PARTS), [], {}
    try:
        while waiting or running:
            while waiting and fits(waiting[0], running, workers):
                part = waiting.pop(0)
                if part.needs and not passed[part.needs]:
                    print(f"{part.name}: not run, it needs {part.needs}")
                    passed[part.name] = False
                else:
                    running.append(start(part, workers))
            for run in [run for run in running if run.process.poll() is not None]:
                running.remove(run)
                passed[run.part.name] = report(run)
            for run in running:
                if time.monotonic() - run.started > LIMIT:
                    print(f"{run.part.name}: stopped after {LIMIT} s")
                    run.stop()
            time.sleep(0.1)
    finally:
        for run in running:
            run.stop()
    return passed


def main() -> int:
    """Run all parts and print the summary; 0 if all passed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2, help="processes at once (default 2)")
    workers = parser.parse_args().workers
    LOGS.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    passed = run_all(workers)
    good = sum(passed.values())
    print(f"\nall parts took {(time.monotonic() - begun) / 60:.1f} min on {workers} cores")
    print(f"{good} passed, {len(passed) - good} failed")
    return 0 if all(passed.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
