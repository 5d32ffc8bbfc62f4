"""What the trials of `make test-everywhere` share."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


class NotHere(Exception):
    """The trial cannot run on this machine; the message says why."""


class Failed(Exception):
    """The trial ran, and something did not work; the message says what."""


@dataclass(frozen=True)
class Result:
    """One line of what a trial found: "session 1", 119, "s"."""

    what: str
    value: float | str
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.value} {self.unit}".rstrip()


def need(*programs: str, root: bool = False) -> None:
    """Raise NotHere where a program is missing, or the right to be root."""
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        raise NotHere(f"missing programs: {', '.join(missing)}")
    if root and (not hasattr(os, "geteuid") or os.geteuid() != 0):
        raise NotHere("only root may do this")


def call(command: Iterable[str | Path], limit: float = 3600, **variables: str) -> str:
    """Run a command in the course's folder; returns what it printed, or raises Failed with the end of it."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        cwd=ROOT,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=limit,
    )
    if done.returncode:
        raise Failed(f"{' '.join(words)[:300]}\nended with {done.returncode}:\n{done.stdout[-4000:]}")
    return done.stdout


def cut_off(command: Iterable[str | Path]) -> list[str]:
    """Return the command as it runs without any network but the machine's own loopback.

    In namespaces of its own: what it mounts, and what it leaves running, is gone when it ends.
    """
    namespaces = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    words = [str(word) for word in command]
    return [*namespaces, "bash", "-c", 'ip link set lo up && exec "$@"', "cut-off", *words]


def sessions(reports: Sequence[Mapping]) -> list[Result]:
    """Return what a report of tools/execute.py holds: versions, seconds of each notebook; or raise Failed."""
    for report in reports:
        if report["problem"]:
            raise Failed(f"{report['notebook']}: {report['problem'][-3000:]}")
    versions = [Result(name, reports[0][name.lower()]) for name in ("Python", "torch")]
    return [*versions, *(Result(report["notebook"], report["seconds"], "s") for report in reports)]


def execute(python: Path | str, report: Path, *arguments: str | Path) -> list[str]:
    """Return the command that runs notebooks by another Python, with tools/execute.py."""
    return [str(word) for word in (python, ROOT / "tools/execute.py", "--report", report, *arguments)]


def fresh_environment(folder: Path, python: str = sys.executable) -> Path:
    """Make a virtual environment; returns its Python."""
    call([python, "-m", "venv", "--clear", folder])
    return folder / "bin" / "python"
