"""The molecules that a cluster is made of."""

from collections.abc import Sequence

import numpy as np
import torch
from ase import Atoms
from ase.data import covalent_radii
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from tutorial_utils.densities.density import Density, check_cluster

_STRETCH = 1.25  # atoms nearer than this times the sum of their covalent radii are bonded


def molecules(atoms: Atoms) -> list[np.ndarray]:
    """Return the numbers of the atoms of each molecule, in the order of the structure.

    Args:
        atoms: positions in Å; atoms are bonded up to 1.25 times the sum of their covalent radii.

    Raises:
        ValueError: for a periodic structure or two atoms at one place.
    """
    check_cluster(atoms)
    radii = covalent_radii[atoms.numbers]
    pairs = cKDTree(atoms.positions).query_pairs(2 * _STRETCH * radii.max(), output_type="ndarray")
    i, j = pairs.T
    bonded = np.linalg.norm(atoms.positions[i] - atoms.positions[j], axis=1) < _STRETCH * (
        radii[i] + radii[j]
    )
    i, j = i[bonded], j[bonded]
    bonds = coo_matrix((np.ones(len(i)), (i, j)), shape=(len(atoms), len(atoms)))
    count, labels = connected_components(bonds, directed=False)
    return [np.flatnonzero(labels == n) for n in range(count)]


def assembled(atoms: Atoms, parts: Sequence[np.ndarray], densities: Sequence[Density]) -> Density:
    """Return the sum of densities of molecules as a density of the whole.

    Args:
        atoms: the cluster.
        parts: numbers of the atoms of each molecule, in the order in which its density has them.
        densities: one for each molecule.
    """
    basis = densities[0].basis
    pieces = [torch.empty(0)] * len(atoms)
    for part, density in zip(parts, densities, strict=True):
        for n, place in zip(part, basis.slices(density.atoms.numbers), strict=True):
            pieces[n] = density.coefficients[..., place]
    return Density(atoms, torch.cat(pieces, -1), basis)
