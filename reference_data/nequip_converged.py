"""Learning curves of ethanol's forces, all models trained for equally many steps.

    OMP_NUM_THREADS=1 python reference_data/nequip_converged.py

Makes src/tutorial_utils/datasets/bundled/nequip_converged.json (dataset `nequip_converged`).
Stopped and started again it continues; more frames, seeds and models of NEQUIP add rows.

Frames, splits, elements and tests are those of nequip_learning.py. All take STEPS steps of Adam, five frames
each, at a rate that falls to zero along a cosine, and keep the weights with the best validation error.
How much the last steps still take off is measured: SHORTER, rows of seed 0 with FEWER steps.

The recommended model is of a size that NequIP's documentation speaks well of: 3 layers, 32 features,
l ≤ 2, 5 Å, a radial network of two layers of 64. The small one is that of the session.
"""

import os
from pathlib import Path

import numpy as np
import torch
from files import fill_table, read_table
from nequip_learning import (
    ANGLES,
    BATCH,
    ELEMENTS,
    PAIRS,
    ZERO,
    as_graphs,
    errors,
    labelled,
    loss,
    split,
    train_nequip,
    train_plain,
)

from tutorial_utils import graphs, nn, training
from tutorial_utils.descriptors.radial import SphericalBessel
from tutorial_utils.molecular_dynamics.baselines import AngularNetwork

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/nequip_converged.json"
COLUMNS = ("model", "frames", "seed", "steps", "energy_mae", "force_mae", "weights", "seconds")
FRAMES, SEEDS, STEPS, FEWER = (100, 30, 300), (0, 1, 2), 8_000, 5_000
RATE, ANGULAR_RATE = 0.01, 2e-3
SMALL = {"layers": 2, "features": 16, "cutoff": 4.0}
RECOMMENDED = {"layers": 3, "features": 32, "cutoff": 5.0}
RADIAL = {"radial_mlp_depth": 2, "radial_mlp_width": 64}
COMPILED = {"compile_mode": "compile"}  # takes minutes, and halves the time of what is large
NEQUIP = {
    "NequIP recommended, l ≤ 2": ({**RECOMMENDED, "l_max": 2}, RADIAL | COMPILED),
    "NequIP recommended, l = 0": ({**RECOMMENDED, "l_max": 0}, RADIAL | COMPILED),
    "NequIP small, l ≤ 2": ({**SMALL, "l_max": 2}, {}),
}
LEARNERS = (*NEQUIP, ANGLES)
CURVES = (ANGLES, *list(NEQUIP)[:2])  # the others are trained on FRAMES[0] only
POINTS = [(model, FRAMES[0], seed, STEPS) for seed in SEEDS for model in LEARNERS]
POINTS += [(model, n, seed, STEPS) for seed in SEEDS for n in FRAMES[1:] for model in CURVES]
SHORTER = [(model, FRAMES[0], 0, FEWER) for model in LEARNERS]
FITTED = [(model, n, seed, 0) for n in FRAMES for seed in SEEDS for model in (ZERO, PAIRS)]


def train_angles(parts: list[list], seed: int, steps: int) -> dict[str, float]:
    """Train the network of angles alike."""
    torch.manual_seed(seed)
    train, valid, test = (as_graphs(part, SMALL["cutoff"]) for part in parts)
    potential = AngularNetwork(ELEMENTS, SphericalBessel(5, SMALL["cutoff"]))
    potential.standardise(graphs.batch(train))
    epochs = steps * BATCH // len(train)
    options = {"batch_size": BATCH, "learning_rate": ANGULAR_RATE, "decay": 1e-3, "seed": seed, "quiet": True}
    training.fit(potential, loss, train=train, valid=valid, epochs=epochs, **options)
    batch = graphs.batch(test)
    weights = sum(p.numel() for p in potential.parameters())
    return errors(potential(batch)[:, 0].detach(), nn.forces(potential, batch).detach(), batch, weights)


def measure(model: str, number: int, seed: int, steps: int) -> list[tuple]:
    """Train one model; return the rest of its row, with seconds of this process and those it started."""
    start = sum(os.times()[:4])
    parts = [[labelled()[i] for i in part] for part in split(len(labelled()), number, seed)]
    if model in NEQUIP:
        settings, more = NEQUIP[model]
        found = train_nequip(parts, seed, steps=steps, rate=RATE, model=more, **settings)
    elif model == ANGLES:
        found = train_angles(parts, seed, steps)
    else:
        found = train_plain(model, parts, seed)
    return [(*(found[key] for key in COLUMNS[4:7]), round(sum(os.times()[:4]) - start))]


def table(rows: list[list]) -> None:
    """Print the mean force error over seeds, eV/Å, and the number of seeds; last that of fewer steps."""
    columns = [(n, steps) for steps in (STEPS, FEWER) for n in sorted(FRAMES)]
    print(f"{'force MAE, eV/Å (seeds)':28}" + "".join(f"{n:>6} × {steps:<6}" for n, steps in columns))
    for model in (ZERO, PAIRS, *LEARNERS):
        cells = []
        for n, steps in columns:
            each = [row[5] for row in rows if row[:2] == [model, n] and row[3] in (0, steps)]
            cells.append(f"{np.mean(each):.4f} ({len(each)})" if each else "-")
        print(f"{model:28}" + "".join(f"{cell:>15}" for cell in cells))


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    fill_table(OUTPUT, COLUMNS, FITTED + POINTS + SHORTER, measure)
    table(read_table(OUTPUT, COLUMNS))
