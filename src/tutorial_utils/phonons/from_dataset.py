"""Force constants and fields of crystals that were computed before, from what a dataset keeps."""

import numpy as np

from tutorial_utils.datasets import Dataset
from tutorial_utils.phonons.displacements import from_forces
from tutorial_utils.phonons.lattice import Field, ForceConstants, from_supercell


def load_constants(dataset: Dataset, name: str) -> ForceConstants:
    """Return the force constants of a crystal, which cost nothing to move as a whole.

    Args:
        dataset: `crystals_pbesol` (forces in displaced supercells) or `alloy_metals` (force constants).
        name: of the crystal, as in the dataset's array ``name``.

    Raises:
        ValueError: for a crystal that the dataset does not hold.
    """
    n = _number(dataset, name)
    atoms = dataset.structures[n]
    if "constants" in dataset.arrays:
        cell = atoms[:4]  # the first cubic cell of a face-centred box
        cell.set_cell(atoms.cell / round((len(atoms) / 4) ** (1 / 3)))
        return from_supercell(cell, atoms, dataset["constants"][n]).acoustic()
    supercell = atoms.repeat(int(dataset["repeats"][n]))
    moves, forces = dataset["displacement"][n], dataset["forces"][n, :, : len(supercell)]
    responses = [
        (int(move[0]), move[1:], F) for move, F in zip(moves, forces, strict=True) if np.isfinite(move[0])
    ]
    return from_forces(atoms, supercell, responses).acoustic()


def load_field(dataset: Dataset, name: str) -> Field:
    """Return Born charges, made neutral, and dielectric constant of a crystal of `crystals_pbesol`.

    Raises:
        ValueError: for a crystal that the dataset does not hold, or whose Born charges were not computed.
    """
    n = _number(dataset, name)
    charges, dielectric = dataset["born"][n, : len(dataset.structures[n])], dataset["dielectric"][n]
    if not np.isfinite(dielectric):
        there = ", ".join(dataset["name"][np.isfinite(dataset["dielectric"])])
        raise ValueError(f"name: no Born charges of {name} were computed, only of {there}")
    return Field(charges[:, None, None] * np.eye(3), dielectric * np.eye(3)).neutral()


def _number(dataset: Dataset, name: str) -> int:
    names = dataset["name"].tolist()
    if name not in names:
        raise ValueError(f"name: {dataset.card.name} holds no {name!r}, but {', '.join(names)}")
    return names.index(name)
