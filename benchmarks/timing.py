"""How the scripts of this folder take times, and what they say about the machine."""

import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np


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
