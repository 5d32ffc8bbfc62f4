"""Which atoms of a structure are alike, so that a symmetry operation may exchange them."""

import numpy as np
from ase import Atoms
from jaxtyping import Int

from tutorial_utils.structures import has_own


def kinds(atoms: Atoms) -> Int[np.ndarray, "atoms"]:
    """Number the kinds of atoms: alike are those of one element, mass, charge and magnetic moment.

    So CH3D is C3v, not Td; drop what should not count by ``atoms.set_masses(None)`` and the like. Moments
    count as numbers: an operation may not exchange spin up and spin down, nor does it turn them.

    Raises:
        ValueError: where magnetic moments are vectors, which would turn with the structure.
    """
    labels = [atoms.numbers.astype(float)]
    if has_own(atoms, "masses"):
        labels.append(atoms.get_masses().round(3))
    if has_own(atoms, "charges"):
        labels.append(atoms.get_initial_charges().round(6))
    if has_own(atoms, "magnetic_moments"):
        moments = atoms.get_initial_magnetic_moments()
        if moments.ndim > 1:
            raise ValueError(
                "atoms: magnetic moments that are vectors cannot be used here; give their projections on one "
                "axis, or set_initial_magnetic_moments(None)"
            )
        labels.append(moments.round(6))
    rows = np.stack(labels, axis=1)
    return np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1) + 1
