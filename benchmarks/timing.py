"""How the scripts of this folder take times, what they say about the machine, and how they store both."""

import json
import platform
import time
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path

import numpy as np

from tutorial_utils.datasets import cards


def seconds(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Processor time of the shortest run of each; they take turns, so that all meet the same load."""
    best = dict.fromkeys(calls, np.inf)
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.process_time()
            call()
            best[name] = min(best[name], time.process_time() - start)
    return best


def rounded(value: float) -> float:
    """Three digits: the fourth differs from run to run."""
    return float(f"{value:.3g}")


def machine() -> str:
    """Name of the processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def version(package: str) -> str | None:
    """Give the version of what is installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def store(table: Path, names: tuple[str, ...], rows: list[tuple], result: Mapping) -> None:
    """Write the table that a session shows, a line for each column, and put its checksum on the card.

    Machine and date of the result become columns, too.
    """
    columns = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    columns |= {name: [result[name]] * len(rows) for name in ("machine", "date")}
    lines = [f' "{name}": {json.dumps(values, ensure_ascii=False)}' for name, values in columns.items()]
    table.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"{table.name}: sha256 {cards.seal(table)}")
