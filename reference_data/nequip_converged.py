"""Learning curves of ethanol's forces, each model trained until it no longer improves.

    OMP_NUM_THREADS=1 python reference_data/nequip_converged.py

Makes src/tutorial_utils/datasets/bundled/nequip_converged.json (dataset `nequip_converged`).
Stopped and started again it continues; more frames, seeds and models of NEQUIP add rows.

Frames, splits, elements and tests are those of nequip_learning.py. The rule is the same for all: the
validation error is looked at every CHECK steps; when it has not improved PATIENCE times in a row the learning
rate is halved, and training ends when it has not improved in STOP looks, or after MOST steps. The weights
with the best validation error are kept. `steps` says when it ended.

The recommended model is that of NequIP's own configurations: 3 layers, 32 features, 5 Å, a radial network of
two layers of 64. The small one is the model of the session.
"""

import itertools
import os
import shutil
import tempfile
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
    split,
    train_plain,
)

from tutorial_utils import graphs, nn, training
from tutorial_utils.descriptors.radial import SphericalBessel
from tutorial_utils.molecular_dynamics import nequip
from tutorial_utils.molecular_dynamics.baselines import AngularNetwork

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/nequip_converged.json"
COLUMNS = ("model", "frames", "seed", "energy_mae", "force_mae", "weights", "steps", "seconds")
FRAMES, SEEDS = (100,), (0,)
CHECK, PATIENCE, STOP, MOST = 100, 2, 6, 4_000  # steps, looks, looks, steps
RATE, ANGULAR_RATE, HALF = 0.01, 2e-3, 0.5
SMALL = {"layers": 2, "features": 16, "cutoff": 4.0}
RECOMMENDED = {"layers": 3, "features": 32, "cutoff": 5.0}
RADIAL = {"radial_mlp_depth": 2, "radial_mlp_width": 64}
WIDE = "angles, wide"  # as far and as wide as the recommended model
NEQUIP = {
    "NequIP recommended, l ≤ 2": ({**RECOMMENDED, "l_max": 2}, RADIAL),
    "NequIP small, l ≤ 2": ({**SMALL, "l_max": 2}, {}),
    "NequIP small, l = 0, wide": ({**SMALL, "features": 64, "l_max": 0}, {}),
    "NequIP recommended, l = 0": ({**RECOMMENDED, "l_max": 0}, RADIAL),
    "NequIP recommended, l ≤ 1": ({**RECOMMENDED, "l_max": 1}, RADIAL),
    "NequIP small, l ≤ 1": ({**SMALL, "l_max": 1}, {}),
    "NequIP small, l = 0": ({**SMALL, "l_max": 0}, {}),
}
MODELS = (ZERO, PAIRS, *list(NEQUIP)[:2], ANGLES)  # of those that compute() knows


def config(model: str, paths: list[Path], frames: int, seed: int) -> dict:
    """Write a configuration that follows the rule."""
    settings, radial = NEQUIP[model]
    epoch = frames // BATCH  # steps
    looks = max(1, CHECK // epoch)  # epochs between two looks
    found = nequip.config(
        *paths,
        elements=ELEMENTS,
        batch_size=BATCH,
        learning_rate=RATE,
        seed=seed,
        epochs=MOST // epoch,
        **settings,
    )
    found["training_module"]["model"] |= radial
    watched = {"monitor": "val0_epoch/weighted_sum"}
    found["training_module"]["lr_scheduler"] = {
        "scheduler": {
            "_target_": "torch.optim.lr_scheduler.ReduceLROnPlateau",
            "factor": HALF,
            "patience": PATIENCE,
        },
        **watched,
        "interval": "epoch",
        "frequency": looks,
    }
    found["trainer"] |= {"check_val_every_n_epoch": looks, "log_every_n_steps": 100}
    found["trainer"]["callbacks"].append(
        {"_target_": "lightning.pytorch.callbacks.EarlyStopping", "patience": STOP, **watched}
    )
    return found


def train_nequip(model: str, parts: list[list], seed: int) -> dict[str, float]:
    """Train by NequIP's own commands; return errors on the test frames."""
    folder = Path(tempfile.mkdtemp(prefix="nequip-"))
    train, valid, test = parts
    paths = [nequip.write_frames(folder / f"{n}.xyz", p) for n, p in (("train", train), ("valid", valid))]
    checkpoint = nequip.train(config(model, paths, len(train), seed), folder / "run")
    steps = (int(nequip.metrics(folder / "run").index.max()) + 1) * (len(train) // BATCH)
    calculator = nequip.calculator(checkpoint)
    weights = sum(p.numel() for p in calculator.model.parameters())
    found = nequip.errors(calculator, test)
    shutil.rmtree(folder)
    return {"energy_mae": found["energy"], "force_mae": found["forces"], "weights": weights, "steps": steps}


def train_angles(model: str, parts: list[list], seed: int) -> dict[str, float]:
    """Train the network of angles by the same rule."""
    torch.manual_seed(seed)
    wide = model == WIDE
    cutoff = (RECOMMENDED if wide else SMALL)["cutoff"]
    train, valid, test = (as_graphs(part, cutoff) for part in parts)
    radial, hidden = SphericalBessel(8 if wide else 5, cutoff), (128, 128) if wide else (64, 64)
    potential = AngularNetwork(ELEMENTS, radial, hidden=hidden)
    potential.standardise(graphs.batch(train))
    steps = follow_rule(potential, train, valid, seed)
    batch = graphs.batch(test)
    weights = sum(p.numel() for p in potential.parameters())
    energy, forces = potential(batch)[:, 0].detach(), nn.forces(potential, batch).detach()
    return errors(energy, forces, batch, weights) | {"steps": steps}


def follow_rule(potential: AngularNetwork, train: list, valid: list, seed: int) -> int:
    """Train until the validation error no longer improves; return the number of steps."""

    def loss(model, batch):
        difference = (nn.forces(model, batch) - batch.forces) / model.scale
        energy = (model(batch)[:, 0] - batch.energy) / 9 / model.scale
        return difference.square().mean() + energy.square().mean()

    held = graphs.batch(valid)
    best, kept, rate, waited, looks = float("inf"), potential.state_dict(), ANGULAR_RATE, 0, 0
    while waited < STOP and looks * CHECK < MOST:
        looks += 1
        options = {"max_steps": CHECK, "epochs": CHECK, "batch_size": BATCH, "learning_rate": rate}
        training.fit(potential, loss, train=train, valid=[], seed=1000 * seed + looks, quiet=True, **options)
        with torch.enable_grad():
            error = loss(potential, held).item()
        waited = 0 if error < best else waited + 1
        if error < best:
            best, kept = error, {name: value.clone() for name, value in potential.state_dict().items()}
        elif waited % PATIENCE == 0:
            rate *= HALF
    potential.load_state_dict(kept)
    return looks * CHECK


def compute(model: str, parts: list[list], seed: int) -> dict[str, float]:
    """Train one model; return a row's numbers."""
    if model in NEQUIP:
        return train_nequip(model, parts, seed)
    if model in (ANGLES, WIDE):
        return train_angles(model, parts, seed)
    return train_plain(model, parts, seed) | {"steps": 0}


def measure(model: str, number: int, seed: int) -> list[tuple]:
    """Train one model; return the rest of its row, with seconds of this process and those it started."""
    start = sum(os.times()[:4])
    parts = [[labelled()[i] for i in part] for part in split(len(labelled()), number, seed)]
    found = compute(model, parts, seed)
    return [(*(found[key] for key in COLUMNS[3:7]), round(sum(os.times()[:4]) - start))]


def table(rows: list[list]) -> None:
    """Print the mean force error over seeds, eV/Å, and the number of seeds."""
    print(f"{'force MAE, eV/Å (seeds)':28}" + "".join(f"{n:>12}" for n in FRAMES))
    for model in MODELS:
        cells = []
        for n in FRAMES:
            each = [row[4] for row in rows if row[:2] == [model, n]]
            cells.append(f"{np.mean(each):.4f} ({len(each)})" if each else "-")
        print(f"{model:28}" + "".join(f"{cell:>12}" for cell in cells))


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    order = itertools.product(SEEDS, FRAMES, MODELS)
    fill_table(OUTPUT, COLUMNS, [(model, number, seed) for seed, number, model in order], measure)
    table(read_table(OUTPUT, COLUMNS))
