"""Learning curves of ethanol's forces: NequIP with l = 0, 1, 2, a wide l = 0, and plain potentials.

Makes src/tutorial_utils/datasets/bundled/nequip_learning.json (dataset `nequip_learning`). Run with

    OMP_NUM_THREADS=1 python reference_data/nequip_learning.py

It saves as it goes, in reference_data/raw: stopped and started again it continues.

All NequIP models see the same frames in the same number of steps; test frames are the same for all. The wide
model has l = 0 and four times the features, and with them more weights than l = 2.
"""

import itertools
import shutil
import tempfile
import time
from functools import cache
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from files import fill_table

from tutorial_utils import datasets, graphs, nn, training
from tutorial_utils.descriptors.radial import SphericalBessel
from tutorial_utils.molecular_dynamics import nequip
from tutorial_utils.molecular_dynamics.baselines import AngularNetwork, PairPotential

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "src/tutorial_utils/datasets/bundled/nequip_learning.json"
COLUMNS = ("model", "frames", "seed", "energy_mae", "force_mae", "weights", "seconds")
FRAMES, SEEDS = (10, 30, 100, 300), (0, 1, 2)
ELEMENTS, CUTOFF, STEPS, BATCH, RATE = ["C", "H", "O"], 4.0, 2000, 5, 0.05
TEST, VALID = 100, 20  # frames
NEQUIP = {
    "NequIP, l = 0": {"l_max": 0, "features": 16},
    "NequIP, l = 0, wide": {"l_max": 0, "features": 64},
    "NequIP, l ≤ 1": {"l_max": 1, "features": 16},
    "NequIP, l ≤ 2": {"l_max": 2, "features": 16},
}
ZERO, PAIRS, ANGLES = "mean force", "pairs of atoms", "distances and angles"


def split(count: int, number: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Choose training, validation and test frames; the test frames do not depend on the seed."""
    order = np.random.default_rng(0).permutation(count)
    rest = np.random.default_rng(seed + 1).permutation(order[TEST + VALID :])
    if len(rest) < number:
        raise ValueError(f"number: expected up to {len(rest)} training frames, got {number}")
    return rest[:number], order[TEST : TEST + VALID], order[:TEST]


def train_nequip(
    parts: list[list],
    seed: int,
    *,
    steps: int = STEPS,
    rate: float = RATE,
    model: dict | None = None,
    **settings,
) -> dict[str, float]:
    """Train by NequIP's own commands; return errors on the test frames.

    `settings` are those of `nequip.config`; what goes beyond them stands in `model`, in NequIP's own words.
    """
    folder = Path(tempfile.mkdtemp(prefix="nequip-"))
    train, valid, test = parts
    paths = [nequip.write_frames(folder / f"{n}.xyz", p) for n, p in (("train", train), ("valid", valid))]
    settings |= {
        "batch_size": BATCH,
        "learning_rate": rate,
        "seed": seed,
        "epochs": steps * BATCH // len(train),
    }
    config = nequip.config(*paths, elements=ELEMENTS, **settings)
    config["training_module"]["model"] |= model or {}
    config["trainer"]["log_every_n_steps"] = 100
    calculator = nequip.calculator(nequip.train(config, folder / "run"))
    weights = sum(p.numel() for p in calculator.model.parameters())
    found = nequip.errors(calculator, test)
    shutil.rmtree(folder)
    return {"energy_mae": found["energy"], "force_mae": found["forces"], "weights": weights}


def as_graphs(some: list, cutoff: float = CUTOFF) -> list:
    """Return graphs with energy and forces."""
    return [
        graphs.to_graph(
            atoms,
            cutoff,
            system={"energy": torch.tensor(atoms.get_potential_energy())},
            atom={"forces": torch.tensor(atoms.get_forces())},
        )
        for atoms in some
    ]


def train_plain(model: str, parts: list[list], seed: int) -> dict[str, float]:
    """Fit one of the plain potentials."""
    torch.manual_seed(seed)
    train, valid, test = (as_graphs(part) for part in parts)
    batch, known = graphs.batch(test), graphs.batch(train)
    if model == ZERO:
        energy, forces = known.energy.mean().expand(len(test)), torch.zeros_like(batch.forces)
        return errors(energy, forces, batch, 0)
    if model == PAIRS:
        potential = PairPotential(ELEMENTS, SphericalBessel(16, CUTOFF))
        potential.fit(known)
    else:
        potential = AngularNetwork(ELEMENTS, SphericalBessel(5, CUTOFF))
        potential.standardise(known)
        follow_forces(potential, train, valid, seed)
    weights = sum(p.numel() for p in potential.parameters())
    return errors(potential(batch)[:, 0].detach(), nn.forces(potential, batch).detach(), batch, weights)


def loss(model, batch) -> torch.Tensor:
    """Squared errors of forces and of the energy an atom, in units of a typical force."""
    difference = (nn.forces(model, batch) - batch.forces) / model.scale
    energy = (model(batch)[:, 0] - batch.energy) / 9 / model.scale
    return difference.square().mean() + energy.square().mean()


def follow_forces(potential: AngularNetwork, train: list, valid: list, seed: int) -> None:
    """Train on energies and forces, as many steps as NequIP."""
    for rate, share in ((2e-3, 0.7), (2e-4, 0.3)):
        training.fit(
            potential,
            loss,
            train=train,
            valid=valid,
            epochs=STEPS,
            max_steps=round(share * STEPS),
            batch_size=BATCH,
            learning_rate=rate,
            seed=seed,
            quiet=True,
        )


def errors(energy, forces, batch, weights: int) -> dict[str, float]:
    """Return mean absolute errors: energy (eV an atom), forces (eV/Å a component)."""
    return {
        "energy_mae": ((energy - batch.energy).abs().mean() / 9).item(),
        "force_mae": (forces - batch.forces).abs().mean().item(),
        "weights": weights,
    }


@cache
def labelled() -> list[Atoms]:
    return nequip.labelled(datasets.load("ethanol_pbe0"))


def measure(model: str, number: int, seed: int) -> list[tuple]:
    """Train one model; return the row's errors (eV an atom, eV/Å), weights and seconds."""
    start = time.time()
    parts = [[labelled()[i] for i in part] for part in split(len(labelled()), number, seed)]
    if model in NEQUIP:
        found = train_nequip(parts, seed, cutoff=CUTOFF, **NEQUIP[model])
    else:
        found = train_plain(model, parts, seed)
    return [(*(found[key] for key in COLUMNS[3:6]), round(time.time() - start))]


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    order = itertools.product(SEEDS, FRAMES, (ZERO, PAIRS, ANGLES, *NEQUIP))
    fill_table(OUTPUT, COLUMNS, [(model, number, seed) for seed, number, model in order], measure)
