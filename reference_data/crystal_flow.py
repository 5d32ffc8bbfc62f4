"""Flow matching on the torus for the small crystals of session 7, and its opponents: a table of session 9.

Makes src/tutorial_utils/datasets/bundled/crystal_flow.json (dataset `crystal_flow`). Run with

    OMP_NUM_THREADS=1 python reference_data/crystal_flow.py

It takes about ten minutes of a free core, and saves as it goes: stopped and started again it continues.
A row: one crystal of the part that was held out, and how many of the tries with its elements were right.
"""

import itertools
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.data import covalent_radii
from files import fill_table

from tutorial_utils import training
from tutorial_utils.generation import torus

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/crystal_flow.json"
COPY, UNIFORM, FLOW = "nearest prototype", "uniform positions", "flow"
SEEDS, PARTS, TRIES, STEPS = (0, 1, 2), 5, 10, 20
TIGHT, LOOSE = 0.1, 0.3  # of the cube root of an atom's volume; the second is a common default
COLUMNS = (
    "model", "seed", "part", "name", "kind", "tries", "right", "loose", "copies", "apart", "size",
)  # fmt: skip


def points() -> list[tuple[str, int, int]]:
    """List model, seed and part held out; what is not trained has one seed."""
    opponents = itertools.product((COPY, UNIFORM), SEEDS[:1], range(PARTS))
    return [*opponents, *itertools.product((FLOW,), SEEDS, range(PARTS))]


def trained(known: list[Atoms], prior: torus.Prior, seed: int) -> torch.nn.Module:
    """Train a field."""
    torch.manual_seed(seed)
    field = torus.CrystalField()
    lines = torus.lines(known, prior, seed=seed)
    training.fit(field, torus.loss, train=lines, valid=[], seed=seed, **torus.TRAINING)
    return field


def apart(atoms: Atoms) -> bool:
    """Say whether no two atoms are closer than half the sum of their covalent radii, images included."""
    around = atoms.repeat(3)
    d = around.get_all_distances() + np.diag(np.full(len(around), np.inf))
    r = covalent_radii[around.numbers]
    return bool((d > (r[:, None] + r) / 2).all())


def scores(crystal: Atoms, tries: list[Atoms], prototypes: list[Atoms]) -> list[int]:
    """Count tries that are right, nearly right, copies of a known arrangement, apart, of the right size."""
    far = np.array([torus.distance(crystal, one) for one in tries])
    copy = [min(torus.distance(one, p, elements=False) for p in prototypes) < TIGHT for one in tries]
    edge = np.array([one.get_volume() / crystal.get_volume() for one in tries]) ** (1 / 3)
    counts = (far < TIGHT, far < LOOSE, copy, [apart(one) for one in tries], np.abs(edge - 1) < 0.05)
    return [int(np.sum(count)) for count in counts]


def run() -> None:
    """Measure what is missing; write the table once it is complete."""
    crystals, kinds, parts = torus.crystals()

    def measure(model: str, seed: int, part: int) -> list[list]:
        test = parts[part]
        seen = [n for n in range(len(crystals)) if n not in set(test)]
        known = [crystals[n] for n in seen]
        prototypes = list({kinds[n]: crystals[n] for n in seen}.values())  # one of each kind
        prior, rng = torus.Prior(known), np.random.default_rng(100 + seed)
        noise = [prior.sample(crystals[n], rng) for n in test for _ in range(TRIES)]
        if model == COPY:
            found = [torus.nearest_copy(crystals[n], known) for n in test]
        elif model == UNIFORM:
            found = noise
        else:
            found = torus.generate(trained(known, prior, seed), noise, steps=STEPS)[-1]
        each = len(found) // len(test)
        rows = []
        for i, n in enumerate(test):
            counts = scores(crystals[n], found[each * i :][:each], prototypes)
            rows.append([str(crystals[n].symbols), kinds[n], each, *counts])
        return rows

    fill_table(OUTPUT, COLUMNS, points(), measure)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float32)
    run()
