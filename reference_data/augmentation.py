"""How many random rotations of the training data replace a built-in symmetry: the table of session 1.

Makes src/tutorial_utils/datasets/bundled/augmentation.json (dataset `augmentation`). Run with

    OMP_NUM_THREADS=1 python reference_data/augmentation.py

It takes about a quarter of an hour on one free core. It saves as it goes: stopped and started again it
continues.
Models and rules stand in tutorial_utils/augmentation.py.
"""

import itertools
import time
from pathlib import Path

import torch
from files import read_table, report, write_table

from tutorial_utils import augmentation, datasets

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/augmentation.json"
PARTIAL = Path(__file__).parent / "raw/augmentation.json"
ROTATIONS = {30: (1, 500), 100: (1, 10, 100, 500), 300: (1, 500)}  # n -> k
SEEDS = (0, 1, 2)
WHOLE = 100  # the n for all models, and for the ends of the ladder with four times the steps
KERNEL_SIZE = 1000  # the largest number of turned geometries that go into a kernel matrix
COLUMNS = ("model", "n", "k", "seed", "steps", "error")

Point = tuple[str, int, int, int, int]  # model, n, k, seed, steps (0 where nothing is trained step by step)


def points() -> list[Point]:
    """List all points."""
    steps, wanted = augmentation.STEPS, []
    for n, seed in itertools.product(ROTATIONS, SEEDS):
        for fit in (augmentation.RIDGE, augmentation.KERNEL):
            wanted += [(fit, n, k, seed, 0) for k in (0, 1, 10) if n * k <= KERNEL_SIZE]
        wanted += [(augmentation.EQUIVARIANT, n, 1, seed, steps)]
        wanted += [(augmentation.COORDINATES, n, k, seed, steps) for k in ROTATIONS[n]]
    for seed in SEEDS:
        wanted += [(augmentation.COORDINATES, WHOLE, 0, seed, steps)]
        wanted += [(augmentation.INVARIANT, WHOLE, 1, seed, steps)]
        wanted += [(augmentation.ARROWS, WHOLE, k, seed, steps) for k in ROTATIONS[WHOLE][:3]]
        # would more steps have changed the verdict?
        wanted += [(augmentation.EQUIVARIANT, WHOLE, 1, seed, 4 * steps)]
        wanted += [(augmentation.COORDINATES, WHOLE, ROTATIONS[WHOLE][-1], seed, 4 * steps)]
    return wanted


def read(path: Path) -> dict[Point, float]:
    """Return the error (eV/Å) of the points that are done."""
    return {tuple(row[:5]): row[5] for row in read_table(path, COLUMNS)}


def write(path: Path, done: dict[Point, float]) -> None:
    """Write what is done."""
    write_table(path, COLUMNS, [[*point, error] for point, error in done.items()])


def run() -> None:
    """Measure what is missing; write the table once it is complete."""
    PARTIAL.parent.mkdir(exist_ok=True)
    ethanol, done = datasets.load("ethanol_xtb"), read(PARTIAL)
    for point in points():
        if point in done:
            continue
        model, n, k, seed, steps = point
        start = time.process_time()
        error = augmentation.measure(ethanol, model, n=n, k=k, seed=seed, steps=steps)
        done[point] = round(error, 4)
        write(PARTIAL, done)
        print(f"{point}: {error:.3f} eV/Å, {time.process_time() - start:.0f} s", flush=True)
    write(OUTPUT, {point: done[point] for point in points()})
    PARTIAL.unlink()
    report(OUTPUT)


if __name__ == "__main__":
    torch.set_num_threads(1)
    # Twice as fast as float64, and the spread between seeds is far larger than round-off.
    torch.set_default_dtype(torch.float32)
    torch.use_deterministic_algorithms(True)
    run()
