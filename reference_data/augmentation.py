"""What random rotations of the training data are worth beside a built-in symmetry: the table of session 1.

Makes src/tutorial_utils/datasets/bundled/augmentation.json (dataset `augmentation`). Run with

    OMP_NUM_THREADS=1 python reference_data/augmentation.py

It takes about a quarter of an hour on one free core. It saves as it goes: stopped and started again it
continues.
Models and rules stand in tutorial_utils/studies/augmentation.py.
"""

import itertools
from pathlib import Path

import torch
from files import fill_table

from tutorial_utils import datasets
from tutorial_utils.studies import augmentation

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/augmentation.json"
ROTATIONS = {30: (1, 500), 100: (1, 10, 100, 500), 300: (1, 500)}  # n -> k
SEEDS = (0, 1, 2)
WHOLE = 100  # the n for the second rung in all orientations, and for four times the steps
KERNEL_SIZE = 1000  # the largest number of turned geometries that go into a kernel matrix
COLUMNS = ("model", "n", "k", "seed", "steps", "error")

Point = tuple[str, int, int, int, int]  # model, n, k, seed, steps (0 where nothing is trained step by step)


def points() -> list[Point]:
    """List all points."""
    steps, wanted = augmentation.STEPS, []
    for n, seed in itertools.product(ROTATIONS, SEEDS):
        for fit in (augmentation.RIDGE, augmentation.KERNEL):
            wanted += [(fit, n, k, seed, 0) for k in (0, 1, 10) if n * k <= KERNEL_SIZE]
        wanted += [(rung, n, 1, seed, steps) for rung in augmentation.RUNGS[1:]]
        wanted += [(augmentation.COORDINATES, n, k, seed, steps) for k in ROTATIONS[n]]
    for seed in SEEDS:
        wanted += [(augmentation.COORDINATES, WHOLE, 0, seed, steps)]
        wanted += [(augmentation.ARROWS, WHOLE, k, seed, steps) for k in (0, 10, 100)]
        # would more steps have changed the verdict?
        wanted += [(augmentation.EQUIVARIANT, WHOLE, 1, seed, 4 * steps)]
        wanted += [(augmentation.COORDINATES, WHOLE, ROTATIONS[WHOLE][-1], seed, 4 * steps)]
    return wanted


def run() -> None:
    """Measure what is missing; write the table once it is complete."""
    ethanol = datasets.load("ethanol_xtb")

    def measure(model: str, n: int, k: int, seed: int, steps: int) -> list[tuple[float]]:
        return [(round(augmentation.measure(ethanol, model, n=n, k=k, seed=seed, steps=steps), 4),)]

    fill_table(OUTPUT, COLUMNS, points(), measure)


if __name__ == "__main__":
    torch.set_num_threads(1)
    # Twice as fast as float64, and the spread between seeds is far larger than round-off.
    torch.set_default_dtype(torch.float32)
    torch.use_deterministic_algorithms(True)
    run()
