"""How many random rotations of the training data replace a built-in symmetry: the grid of session 1.

Makes src/tutorial_utils/datasets/bundled/augmentation.json (dataset `augmentation`). Run with

    OMP_NUM_THREADS=1 python reference_data/augmentation.py

It takes about half an hour on one thread. It saves as it goes: stopped and started again it continues.
Models and rules stand in tutorial_utils/augmentation.py.
"""

import hashlib
import itertools
import json
import os
import time
from pathlib import Path

import torch

from tutorial_utils import augmentation, datasets

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/augmentation.json"
GEOMETRIES = (30, 100, 300, 1000)
ROTATIONS = (1, 10, 100, 500)
SEEDS = (0, 1, 2)
COLUMNS = ("model", "n", "k", "longer", "seed", "error")


def points() -> list[tuple[str, int, int, int, int]]:
    """List model, n, k, factor on the steps and seed of all points, one whole seed after the other."""
    found = []
    for seed in SEEDS:
        grid = itertools.product((augmentation.COORDINATES,), GEOMETRIES, ROTATIONS, (1,), (seed,))
        others = [model for model in augmentation.MODELS if model != augmentation.COORDINATES]
        once = itertools.product(others, GEOMETRIES, (1,), (1,), (seed,))
        # was the number of steps large enough, where the network sees most?
        patience = [(augmentation.COORDINATES, n, 500, 4, seed) for n in (100, 1000)]
        found += [*grid, *once, *patience]
    return found


def read(path: Path) -> dict[tuple, float]:
    """Return the errors (eV/Å) of the points that are done."""
    if not path.exists():
        return {}
    table = json.loads(path.read_text(encoding="utf-8"))
    return {tuple(row[:-1]): row[-1] for row in zip(*(table[name] for name in COLUMNS), strict=True)}


def write(path: Path, done: dict[tuple, float]) -> None:
    """Write the table, column by column, in one go."""
    rows = [(*point, done[point]) for point in points() if point in done]
    columns = [f' "{name}": {json.dumps([row[i] for row in rows])}' for i, name in enumerate(COLUMNS)]
    temporary = path.with_suffix(".tmp")
    temporary.write_text("{\n" + ",\n".join(columns) + "\n}\n", encoding="utf-8")
    os.replace(temporary, path)


def main() -> None:
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    torch.use_deterministic_algorithms(True)
    partial = OUTPUT.with_suffix(".partial.json")
    ethanol, done = datasets.load("ethanol_xtb"), read(partial)
    for point in points():
        if point in done:
            continue
        model, n, k, longer, seed = point
        start = time.process_time()
        error = augmentation.measure(ethanol, model, n=n, k=k, seed=seed, longer=longer)
        done[point] = round(error, 4)
        write(partial, done)
        seconds = time.process_time() - start
        print(f"{model}: n {n}, k {k}, seed {seed}: {error:.3f} eV/Å, {seconds:.0f} s", flush=True)
    write(OUTPUT, done)
    partial.unlink(missing_ok=True)
    print(f"{OUTPUT.name}: sha256 {hashlib.sha256(OUTPUT.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
