"""The density network: how time and memory grow with the number of water molecules.

Molecules stand on a lattice at the density of the liquid, turned at random: as many edges as in water, though
not its structure. Run it with ``make bench`` or ``python benchmarks/densities.py``; it stores its result
beside itself. With --store it also writes the table that session 6 shows (dataset `density_speed`). Processor
time of the second of two runs; memory is the peak above that before the first, each
size in a process of its own.
"""

import argparse
import json
import multiprocessing
import os
import time
from datetime import date
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # read when the libraries are loaded

import numpy as np
import torch
from ase import Atoms
from ase.build import molecule
from scipy.spatial.transform import Rotation
from timing import machine, rounded, store

from tutorial_utils.densities import network

SIDES = (4, 6, 8, 10, 12)  # molecules along an edge: 64 to 1728
SPACING = 3.107  # Å, 0.997 g/cm³
TABLE = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/density_speed.json"


def lattice(side: int) -> Atoms:
    """Return side³ molecules of water, turned at random."""
    whole, one = Atoms(), molecule("H2O")
    turns = Rotation.random(side**3, random_state=0)
    for turn, place in zip(turns, np.ndindex(side, side, side), strict=True):
        positions = turn.apply(one.positions - one.positions[0])
        whole += Atoms(one.numbers, positions + SPACING * np.array(place))
    return whole


def measure(side: int) -> tuple[int, float, float]:
    """Return the number of molecules, seconds, and MB."""
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    model, atoms = network.DensityNetwork(), lattice(side)
    network.density_of(model, lattice(2))  # compiles
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of memory so far
    before = memory("VmRSS")
    network.density_of(model, atoms)
    peak = memory("VmHWM") - before
    start = time.process_time()
    network.density_of(model, atoms)
    return side**3, rounded(time.process_time() - start), round(peak)


def memory(name: str) -> float:
    """Memory of the process in MB: VmRSS now, VmHWM at its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", action="store_true", help="write the table of session 6")
    rows, options = [], parser.parse_args()
    for side in SIDES:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            rows.append(pool.apply(measure, (side,)))
        print("{:6d} molecules  {:7.2f} s  {:5d} MB".format(*rows[-1]))
    molecules, seconds, megabytes = (list(column) for column in zip(*rows, strict=True))
    exponent = float(np.polyfit(np.log(molecules), np.log(seconds), 1)[0])
    print(f"time grows as molecules^{exponent:.2f}")
    result = {
        "machine": f"{machine()}, 1 thread",
        "date": date.today().isoformat(),
        "molecules": molecules,
        "s": seconds,
        "peak_MB": megabytes,
        "exponent": round(exponent, 3),
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    if options.store:
        store(TABLE, ("molecules", "seconds", "peak_MB"), rows, result)


if __name__ == "__main__":
    main()
