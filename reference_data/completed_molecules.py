"""Are molecules that the network of session 9 completes valid? An independent method relaxes them.

Makes src/tutorial_utils/datasets/bundled/completed_molecules.json (dataset `completed_molecules`). Run with

    OMP_NUM_THREADS=1 python reference_data/completed_molecules.py

It takes about three minutes on one free core, and saves as it goes: stopped and started again it continues.

Molecules of molecules_hf are dealt into parts; a network trained on the other parts puts the hydrogens on the
bare heavy atoms of each molecule. GFN2-xTB then minimises the energy, to forces below 0.02 eV/Å. Beside it
stand directions drawn from the uniform density, and the geometry of the data set itself, which is distorted:
this is what a perfect generator would give.
"""

import itertools
import math
from functools import cache
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.build import minimize_rotation_and_translation
from ase.neighborlist import natural_cutoffs, neighbor_list
from ase.optimize import BFGS
from files import fill_table
from tblite.ase import TBLite

from tutorial_utils import datasets, training
from tutorial_utils.generation import hydrogens

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/completed_molecules.json"
COLUMNS = ("source", "molecule", "draw", "valid", "moved", "above")
NETWORK, UNIFORM, DATA = "network", "uniform", "data"
DRAWS = {DATA: 1, NETWORK: 3, UNIFORM: 3}
FORCE, STEPS, REACH = 0.02, 300, 1.25  # eV/Å; steps; a bond's length over the sum of the covalent radii


@cache
def molecules() -> datasets.Dataset:
    return datasets.load("molecules_hf")


@cache
def network(fold: int) -> hydrogens.HydrogenNetwork:
    """Train on all molecules but those of one part."""
    data = molecules()
    held_out = np.isin(data["name"], hydrogens.folds(data)[fold])
    train = hydrogens.fragments([data.structures[i] for i in np.flatnonzero(~held_out)], each=6)
    torch.manual_seed(0)
    model = hydrogens.HydrogenNetwork(3)
    training.fit(model, hydrogens.loss, train=train, valid=[], **hydrogens.TRAINING)
    return model


def sorted_molecule(name: str) -> tuple[Atoms, int]:
    """Return the first geometry of a molecule, hydrogens last, and the number of its heavy atoms."""
    atoms = molecules().structures[np.flatnonzero(molecules()["name"] == name)[0]]
    parent = hydrogens.parents(atoms)
    heavy = np.flatnonzero(atoms.numbers > 1)
    order = [*heavy, *(i for focus in heavy for i in np.flatnonzero(parent == focus))]
    return atoms[order], len(heavy)


def wanted(atoms: Atoms, heavy: int) -> list[int]:
    """Return how many hydrogens each heavy atom has."""
    return np.bincount(hydrogens.parents(atoms)[heavy:], minlength=heavy).tolist()


def candidate(source: str, name: str, draw: int) -> Atoms:
    """Return a molecule as one of the sources makes it."""
    atoms, heavy = sorted_molecule(name)
    if source == DATA:
        return atoms
    (fold,) = (k for k, names in enumerate(hydrogens.folds(molecules())) if name in names)
    model = network(fold) if source == NETWORK else lambda graph: torch.zeros(1, 1)
    return hydrogens.place(model, atoms[:heavy], wanted(atoms, heavy), seed=draw)


def bonds(atoms: Atoms) -> set[tuple[int, int]]:
    """Return pairs of bonded atoms."""
    i, j = neighbor_list("ij", atoms, natural_cutoffs(atoms, mult=REACH))
    return {(int(a), int(b)) for a, b in zip(i, j, strict=True) if a < b}


def relaxed(atoms: Atoms) -> Atoms:
    """Return the molecule at the next minimum of its energy."""
    atoms = atoms.copy()
    atoms.calc = TBLite(method="GFN2-xTB", verbosity=0)
    if not BFGS(atoms, logfile=None).run(fmax=FORCE, steps=STEPS):
        raise RuntimeError("the forces do not vanish")
    return atoms


@cache
def reference(name: str) -> Atoms:
    return relaxed(sorted_molecule(name)[0])


def measure(source: str, name: str, draw: int) -> list[tuple[bool, float, float]]:
    """Return whether bonds survive, how far atoms move (rms, Å), and the energy over the original (meV)."""
    start = candidate(source, name, draw)
    try:
        end = relaxed(start)
    except RuntimeError as error:  # no self-consistent charges, or no minimum
        print(f"{source}, {name}: {error}")
        return [(False, math.nan, math.nan)]
    valid = bonds(end) == bonds(reference(name))
    above = 1000 * (end.get_potential_energy() - reference(name).get_potential_energy())
    minimize_rotation_and_translation(start, end)
    moved = np.sqrt(((end.positions - start.positions) ** 2).sum(axis=1).mean())
    return [(valid, round(float(moved), 4), round(float(above), 1))]


def run() -> None:
    """Measure what is missing; write the table once it is complete."""
    names = [name for name in np.unique(molecules()["name"]) if sum(wanted(*sorted_molecule(name))) > 1]
    points = [
        (source, str(name), draw)
        for source, name in itertools.product(DRAWS, names)
        for draw in range(DRAWS[source])
    ]
    fill_table(OUTPUT, COLUMNS, points, measure)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float32)
    run()
