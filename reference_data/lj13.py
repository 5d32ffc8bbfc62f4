"""Samples of thirteen Lennard-Jones particles, by Markov chain Monte Carlo: reference and training data.

Makes src/tutorial_utils/datasets/bundled/lj13.npz (dataset `lj13`), in half a minute of a free core. Run with

    OMP_NUM_THREADS=1 python reference_data/lj13.py

Chains start at an icosahedron, which melts; the first half of each is thrown away.
"""

from pathlib import Path

import numpy as np
import torch
from files import report, write_npz

from tutorial_utils.generation import clusters

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/lj13.npz"
CHAINS, SWEEPS, EVERY = 1024, 1600, 160
UNIT = 1e-4  # of the whole numbers in the file, in units of the distance at the bottom of the well


def run() -> None:
    """Sample, and say how well the halves of what is kept agree."""
    x, accepted = clusters.sample(CHAINS, SWEEPS, every=EVERY, seed=0)
    means = clusters.energy(x).mean(dim=1).tolist()
    print(f"accepted {accepted:.2f}; mean energies in time:", *(f"{E:.2f} kT" for E in means))
    # the samples of a chain side by side: if they resemble each other, they must not be split between parts
    x = x.transpose(0, 1).flatten(0, 1)
    whole = (x / UNIT).round().numpy().astype(np.int16)
    write_npz(OUTPUT, {"coordinates": whole})
    report(OUTPUT)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float32)
    run()
