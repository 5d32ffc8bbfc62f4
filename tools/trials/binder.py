"""Binder gives a notebook about 2 GB: the one that takes most runs in a control group that has no more."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import ROOT, NotHere, Result, call, execute, need, sessions

WHERE = "2 GB of memory, as on Binder (control group)"
LIMIT = 2 * 10**9  # bytes, of all processes together
SYSTEM = Path("/sys/fs/cgroup")


def measured(path: Path) -> float:
    """Return the memory that a notebook's last complete run took, in GB."""
    return json.loads(path.read_text(encoding="utf-8"))["metadata"]["course"]["measured"]["memory_gb"]


@contextmanager
def limited() -> Iterator[Path]:
    """Give a control group with the limit, of version 2 or 1, for as long as it is needed."""
    second = (SYSTEM / "cgroup.controllers").exists()
    place = (SYSTEM if second else SYSTEM / "memory") / "course-trial"
    try:
        place.mkdir()
        (place / ("memory.max" if second else "memory.limit_in_bytes")).write_text(str(LIMIT))
    except OSError as error:
        raise NotHere(f"no control group can be made: {error}") from None
    try:
        yield place
    finally:
        place.rmdir()


def run(folder: Path) -> list[Result]:
    """Run the notebook within the limit."""
    need(root=True)
    report = folder / "report.json"
    largest = max((ROOT / "notebooks").glob("*.ipynb"), key=measured)
    with limited() as group:
        enter = ["bash", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', group]
        call([*enter, *execute(sys.executable, report, largest)], CUDA_VISIBLE_DEVICES="")
    found = json.loads(report.read_text())
    return [*sessions(found), Result("peak memory", found[0]["memory_gb"], "GB")]
