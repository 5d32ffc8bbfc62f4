"""The operations that leave a molecule as it is: its stabiliser, found from positions alone."""

from itertools import permutations

import numpy as np
from ase import Atoms
from jaxtyping import Float


def stabiliser(atoms: Atoms, *, tolerance: float = 1e-3) -> Float[np.ndarray, "operations 3 3"]:
    """Find all rotations and reflections about the centre that bring every atom to the place of a like atom.

    An operation is known once one knows where it takes two atoms that are not in line with the centre,
    and whether it is a rotation or a reflection. All pairs are tried.

    Args:
        atoms: a molecule or cluster, not periodic and not linear, of a few dozen atoms at most.
        tolerance: how far from its partner an atom may end up, Å.

    Returns:
        Orthogonal matrices; the identity is always among them.

    Raises:
        ValueError: for a periodic structure, or one whose atoms lie on a line or a point.
    """
    if atoms.pbc.any():
        raise ValueError("atoms: expected a molecule, got a periodic structure; for those use spglib")
    r = atoms.positions - atoms.positions.mean(axis=0)
    pairs = list(permutations(r, 2))
    a, b = max(pairs, key=lambda pair: np.linalg.norm(np.cross(*pair)), default=np.zeros((2, 3)))
    if np.linalg.norm(np.cross(a, b)) < tolerance:
        raise ValueError("atoms: all on one line or point, where infinitely many rotations change nothing")
    frame = np.array([a, b, np.cross(a, b)])
    found = []
    for c, d in pairs:
        for sign in (1, -1):  # a reflection also flips the cross product
            U, stretch, V = np.linalg.svd(np.linalg.solve(frame, np.array([c, d, sign * np.cross(c, d)])).T)
            if np.allclose(stretch, 1, atol=0.1) and _alike(atoms, r, r @ (U @ V).T, tolerance):
                found.append(U @ V)
    return np.array(found)


def _alike(
    atoms: Atoms, r: Float[np.ndarray, "atoms 3"], moved: Float[np.ndarray, "atoms 3"], tolerance: float
) -> bool:
    """Tell whether each moved atom stands where a like atom stood."""
    near = np.linalg.norm(moved[:, None] - r, axis=-1) < tolerance
    return bool((near & (atoms.numbers[:, None] == atoms.numbers)).any(axis=1).all())
