"""How often geometry comes back from invariants: random environments, a map of failures, symmetric sites.

Makes src/tutorial_utils/datasets/bundled/recovery.json (dataset `recovery`). Run with

    OMP_NUM_THREADS=1 python reference_data/recovery.py

It saves as it goes: stopped and started again it continues.
One row for each environment: of its starts, how many end in the right geometry (within 0.05 Å), how many in
a wrong one with the same invariants (too little information), and how many are stuck before (optimisation).
"""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from files import fill_table

from tutorial_utils.descriptors import SphericalBessel, recovery

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/recovery.json"
COLUMNS = ("experiment", "site", "neighbours", "seed", "invariants", "lmax", "size", "starts")
RESULTS = ("right", "wrong", "stuck", "rmsd", "steps")
CUTOFF, RANGE = 3.0, {"shortest": 1.0, "longest": 2.5}  # Å
STEPS = 100
LOOKED_AT = {"sites": 4096, "table": 4096, "map": 1024}
STARTS = {"sites": 64, "table": 64, "map": 16}
SAME = 1e-6  # relative residual: nearer than that the invariants are called equal
SIGNS = np.array(list(itertools.product((1, 0, -1), repeat=3)), dtype=float)
SITES = {  # Å
    "CH4": 1.09 / 3**0.5 * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]),
    "square pyramid": np.array([[1.6, 0, 0.4], [-1.6, 0, 0.4], [0, 1.6, 0.4], [0, -1.6, 0.4], [0, 0, -1.5]]),
    "SF6": 1.56 * SIGNS[np.abs(SIGNS).sum(1) == 1],
    "bcc": 2.48 / 3**0.5 * SIGNS[np.abs(SIGNS).sum(1) == 3],
    "fcc": 2.55 / 2**0.5 * SIGNS[np.abs(SIGNS).sum(1) == 2],
}


def tasks() -> Iterator[tuple]:
    """Yield what to compute, in the order of COLUMNS; the quick and important rows first."""
    for site, starts in itertools.product(SITES, ("symmetric", "random")):
        yield "sites", site, len(SITES[site]), 0, "both", 4, 3, starts
    for site in SITES:
        yield "sites", site, len(SITES[site]), 0, "both", 6, 3, "symmetric"
    for neighbours, seed in itertools.product(range(4, 9), range(10)):
        yield "table", "random", neighbours, seed, "both", 4, 3, "random"
    for seed, order, lmax, size in itertools.product(range(20), ("both", "power"), (2, 4, 6), (1, 2, 3)):
        yield "map", "random", 6, seed, order, lmax, size, "random"


def compute(
    experiment: str, site: str, neighbours: int, seed: int, order: str, lmax: int, size: int, kind: str
) -> list[tuple]:
    """Return the results of one row, in the order of RESULTS."""
    rng = np.random.default_rng([neighbours, seed])
    if site == "random":
        wanted = recovery.random_starts(1, neighbours, **RANGE, rng=rng)[0]
    else:
        wanted = torch.tensor(SITES[site])
    radial = SphericalBessel(size, CUTOFF)

    def describe(vectors: torch.Tensor) -> torch.Tensor:
        return recovery.spectra(vectors, radial, lmax, third_order=order == "both")

    target, stretch = describe(wanted), {"shortest": 1.0, "longest": 2.7}
    if kind == "symmetric":
        starts = recovery.symmetric_starts(STARTS[experiment], neighbours, **stretch, rng=rng)
    else:
        candidates = recovery.random_starts(LOOKED_AT[experiment], neighbours, **RANGE, rng=rng)
        starts = recovery.closest(describe, target, candidates, STARTS[experiment])
    stop = {"sites": None, "map": 4, "table": 1}[experiment]
    found = recovery.recover(describe, target, starts, steps=STEPS, stop=stop)
    distances = np.array([recovery.rmsd(x, wanted) for x in found.vectors])
    right, equal = distances < 0.05, (found.residuals < SAME).numpy()
    fates = right.sum(), (equal & ~right).sum(), (~equal & ~right).sum()
    return [(*map(int, fates), float(f"{distances[0]:.2g}"), found.steps)]


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    fill_table(OUTPUT, (*COLUMNS, *RESULTS), list(tasks()), compute)
