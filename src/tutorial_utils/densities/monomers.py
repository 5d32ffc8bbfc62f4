"""Densities of the molecules of a cluster when each of them is alone, by PySCF."""

from typing import Any

import torch
from ase import Atoms

from tutorial_utils.densities.clusters import assembled, molecules
from tutorial_utils.densities.density import Density
from tutorial_utils.densities.fitting import converged, fit


def isolated(atoms: Atoms, *, whole_basis: bool = False, **basis: Any) -> Density:
    """Return the sum of the densities that the molecules have when each is alone, in its place.

    Args:
        atoms: positions in Å.
        whole_basis: lend each molecule the functions of all others (as ghosts): the counterpoise correction.
            What is then left between the cluster and this sum is what the molecules do to each other;
            without it, a part is only that the cluster has more functions (basis-set superposition).
        basis: of orbitals and density, as `fitting.mean_field` takes them.

    Returns:
        A density in the functions of the cluster.
    """
    parts = molecules(atoms)
    if not whole_basis:
        return assembled(atoms, parts, [fit(atoms[part], converged(atoms[part], **basis)) for part in parts])
    everyone = set(range(len(atoms)))
    fits = [fit(atoms, converged(atoms, ghosts=everyone - set(part), **basis)) for part in parts]
    return fits[0].with_coefficients(torch.stack([part.coefficients for part in fits]).sum(0))
