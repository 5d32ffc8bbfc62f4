"""Where does the missing hydrogen go? Densities on the sphere of degree 1 to 3: the table of session 9.

Makes src/tutorial_utils/datasets/bundled/hydrogens.json (dataset `hydrogens`). Run with

    OMP_NUM_THREADS=1 python reference_data/hydrogens.py

It takes about ten minutes on one free core, and saves as it goes: stopped and started again it continues.
The model stands in tutorial_utils/generation/hydrogens.py.
"""

import itertools
from pathlib import Path

import numpy as np
import torch
from files import fill_table

from tutorial_utils import datasets, graphs, training
from tutorial_utils.generation import hydrogens, sphere

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/hydrogens.json"
DEGREES, FOLDS, SEEDS = (1, 2, 3), 5, (0, 1, 2)
COLUMNS = ("lmax", "fold", "seed", "nll", "angle")


def measure(molecules: datasets.Dataset, lmax: int, *, fold: int, seed: int) -> tuple[float, float]:
    """Train on four fifths of the molecules and test on the others.

    Returns:
        mean of -log p, nats; median angle between the most probable direction and the hydrogen where one
        hydrogen is missing, degrees.
    """
    held_out = np.isin(molecules["name"], hydrogens.folds(molecules, parts=FOLDS)[fold])
    of = {part: [molecules.structures[i] for i in np.flatnonzero(held_out == part)] for part in (True, False)}
    train = hydrogens.fragments(of[False], each=6, seed=seed)
    test = graphs.batch(hydrogens.fragments(of[True], each=6, seed=1000))
    single = graphs.batch(hydrogens.fragments(of[True], each=2, seed=1001, most=1))
    torch.manual_seed(seed)
    model = hydrogens.HydrogenNetwork(lmax)
    training.fit(model, hydrogens.loss, train=train, valid=[], seed=seed, **hydrogens.TRAINING)
    with torch.no_grad():
        nll = hydrogens.loss(model, test).item()
        cosines = (sphere.mode(model(single)) * single.direction).sum(dim=-1).clamp(-1, 1)
    return nll, torch.rad2deg(torch.arccos(cosines)).median().item()


def run() -> None:
    """Measure what is missing; write the table once it is complete."""
    molecules = datasets.load("molecules_hf")

    def each(lmax: int, fold: int, seed: int) -> list[tuple[float, float]]:
        nll, angle = measure(molecules, lmax, fold=fold, seed=seed)
        return [(round(nll, 4), round(angle, 2))]

    points = [(lmax, fold, seed) for seed, lmax, fold in itertools.product(SEEDS, DEGREES, range(FOLDS))]
    fill_table(OUTPUT, COLUMNS, points, each)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float32)
    torch.use_deterministic_algorithms(True)
    run()
