"""Speed of three products of features with an edge's direction or with each other, by the largest degree L.

The Clebsch-Gordan product of e3nn with every path, the same map by an SO(2) layer (with the Wigner matrices
of every edge), and the Gaunt product on a grid, which has the even paths only. Run it with ``make bench`` or
``python benchmarks/scaling.py``; it prints exponents and costs, and stores them beside itself. With --store
it also writes the table that session 8 shows (dataset `scaling_speed`).
Processor time of one thread; the shortest of rounds in which all variants take turns. Forward pass, float32.
"""

import argparse
import json
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is loaded

import e3nn
import torch
from timing import machine, rounded, seconds, store

from tutorial_utils.scaling import stopwatch

DEGREES = range(1, 7)
EDGES, CHANNELS, ROUNDS = 500, 16, 7
TABLE = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/scaling_speed.json"


def calls() -> dict[str, Callable[[], object]]:
    """Prepare every product for every L; the first call of each allocates."""
    torch.set_default_dtype(torch.float32)
    found = {}
    for lmax in DEGREES:
        for name, call in stopwatch.products(lmax, edges=EDGES, channels=CHANNELS).items():
            call()
            found[f"{name} {lmax}"] = call
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", action="store_true", help="write the table that the course shows")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    times = seconds(calls(), ROUNDS)
    rows = []
    for key, t in times.items():
        name, lmax = key.rsplit(" ", 1)
        outputs = stopwatch.outputs(name, int(lmax))
        rows.append((name, int(lmax), rounded(1e3 * t), outputs))
    result = {
        "machine": f"{machine()}, 1 thread",
        "date": date.today().isoformat(),
        "versions": {"e3nn": e3nn.__version__, "torch": torch.__version__},
        "edges": EDGES,
        "channels": CHANNELS,
        "products": [
            dict(zip(("product", "L", "milliseconds", "outputs"), row, strict=True)) for row in rows
        ],
    }
    for name in stopwatch.NAMES:
        mine = [row for row in rows if row[0] == name]
        _, degrees, milliseconds, _ = zip(*mine, strict=True)
        fitted = stopwatch.exponent(degrees[1:], milliseconds[1:])
        times_text = ", ".join(f"{t:g}" for t in milliseconds)
        print(f"{name}: {times_text} ms; exponent {fitted[0]:.2f} ± {fitted[1]:.2f} over L = 2 … 6")
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    if arguments.store:
        store(TABLE, ("product", "L", "milliseconds", "outputs"), rows, result)


if __name__ == "__main__":
    main()
