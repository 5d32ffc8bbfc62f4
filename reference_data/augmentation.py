"""How many random rotations of the training data replace a built-in symmetry: the grid of session 1.

Makes src/tutorial_utils/datasets/bundled/augmentation.json (dataset `augmentation`). Run with

    OMP_NUM_THREADS=1 python reference_data/augmentation.py

It takes about half an hour on one thread, and saves as it goes: stopped and started again it continues.
With --seeds, one process for each seed may run side by side; the last one to end gathers them.
Models and rules stand in tutorial_utils/augmentation.py.
"""

import argparse
import itertools
import time
from pathlib import Path

import torch
from files import read_table, report, write_table

from tutorial_utils import augmentation, datasets

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/augmentation.json"
GEOMETRIES = (30, 100, 300)
ROTATIONS = (1, 10, 100, 500)
SEEDS = (0, 1, 2)
COLUMNS = ("model", "n", "k", "seed", "error", "steps")


Point = tuple[str, int, int, int]  # model, n, k, seed


def points(seed: int) -> list[Point]:
    """List all points of one seed."""
    once = (augmentation.NEVER, augmentation.SCALARS, augmentation.EQUIVARIANT)
    return [
        *itertools.product(once, GEOMETRIES, (1,), (seed,)),
        *itertools.product((augmentation.COORDINATES,), GEOMETRIES, ROTATIONS, (seed,)),
        # how far would the largest point go, if nobody stopped it?
        (augmentation.PATIENT, GEOMETRIES[-1], ROTATIONS[-1], seed),
    ]


def partial(seed: int) -> Path:
    """Return the file that holds what is done of one seed."""
    return OUTPUT.with_suffix(f".seed{seed}.partial.json")


def read(path: Path) -> dict[Point, tuple[float, int]]:
    """Return error (eV/Å) and steps of the points that are done."""
    return {tuple(row[:4]): tuple(row[4:]) for row in read_table(path, COLUMNS)}


def write(path: Path, done: dict[Point, tuple[float, int]]) -> None:
    """Write what is done."""
    write_table(path, COLUMNS, [[*point, *result] for point, result in done.items()])


def run(seed: int) -> None:
    """Measure what is missing of one seed."""
    ethanol, done = datasets.load("ethanol_xtb"), read(partial(seed))
    for point in points(seed):
        if point in done:
            continue
        model, n, k, _ = point
        start = time.process_time()
        result = augmentation.measure(ethanol, model, n=n, k=k, seed=seed)
        done[point] = (round(result.error, 4), result.steps)
        write(partial(seed), done)
        seconds = time.process_time() - start
        print(f"{point}: {result.error:.3f} eV/Å, {result.steps} steps, {seconds:.0f} s", flush=True)


def gather() -> None:
    """Put the seeds together, once all are complete."""
    done = [read(partial(seed)) for seed in SEEDS]
    if any(set(part) != set(points(seed)) for seed, part in zip(SEEDS, done, strict=True)):
        print("other seeds are not complete yet")
        return
    write(OUTPUT, {point: part[point] for part in done for point in part})
    for seed in SEEDS:
        partial(seed).unlink()
    report(OUTPUT)


if __name__ == "__main__":
    torch.set_num_threads(1)
    # Twice as fast as float64, and the spread between seeds is far larger than round-off.
    torch.set_default_dtype(torch.float32)
    torch.use_deterministic_algorithms(True)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, choices=SEEDS)
    for seed in parser.parse_args().seeds:
        run(seed)
    gather()
