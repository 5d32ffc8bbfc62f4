"""The operations that leave a molecule as it is: its stabiliser, found from positions alone."""

from collections.abc import Iterator
from itertools import permutations

import numpy as np
from ase import Atoms
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from tutorial_utils.groups.alike import kinds
from tutorial_utils.groups.checks import symmetrised
from tutorial_utils.structures import plain

# One operation: its matrix, where each atom goes (a permutation), and how far the worst one misses (Å).
_Found = tuple[Float[np.ndarray, "3 3"], Int[np.ndarray, "atoms"], float]


def stabiliser(atoms: Atoms, *, tolerance: float = 1e-3) -> Float[np.ndarray, "operations 3 3"]:
    """Find all rotations and reflections about the centre that bring every atom to the place of a like atom.

    * An operation is known once one knows where it takes two atoms that are not in line with the centre,
      and whether it is a rotation or a reflection. All pairs are tried.
    * Each is then fitted to all atoms, and together they are made to multiply exactly as their
      permutations of the atoms do: the group of the nearest undistorted molecule.

    Args:
        atoms: a molecule or cluster, not periodic and not linear, of a few dozen atoms at most. Own
            masses, charges and magnetic moments tell atoms apart (CH3D is C3v), see `groups.alike.kinds`.
        tolerance: how far from its partner an atom may end up, Å.

    Returns:
        Orthogonal matrices; the identity is always among them.

    Raises:
        ValueError: for a periodic structure, one whose atoms lie on a line or a point, or where the
            operations within this tolerance are no group; the message names a tolerance at which they are.
    """
    atoms = plain(atoms)
    r, a, b = _frame(atoms, tolerance)
    alike = kinds(atoms)
    found: dict[tuple, _Found] = {}
    for R in _candidates(r, alike, (a, b), tolerance):
        operation = _fitted(r, alike, R)
        if operation is not None and operation[2] < 3 * tolerance:
            found.setdefault((*operation[1].tolist(), np.linalg.det(operation[0]) > 0), operation)
    for limit in [tolerance, *sorted(miss for _, _, miss in found.values() if miss >= tolerance)]:
        chosen = {key: each for key, each in found.items() if each[2] < tolerance or each[2] <= limit}
        table = _table(list(chosen))
        if table is not None and limit == tolerance:
            return symmetrised(np.array([R for R, _, _ in chosen.values()]), table)
        if table is not None:
            raise ValueError(
                f"tolerance: the operations within {tolerance} Å are no group, some just miss it; raise the "
                f"tolerance to {1.01 * limit:.3g} Å"
            )
    raise ValueError(f"tolerance: the operations within {tolerance} Å are no group; give a smaller tolerance")


def _frame(atoms: Atoms, tolerance: float) -> tuple[Float[np.ndarray, "atoms 3"], int, int]:
    """Return positions from the centre, and two atoms that span the largest triangle with it."""
    if not isinstance(tolerance, int | float) or not tolerance > 0:
        raise ValueError(f"tolerance: expected a positive length in Å, got {tolerance!r}")
    if atoms.pbc.any():
        raise ValueError(
            "atoms: expected a molecule, got a periodic structure; for those take groups.operations"
        )
    r = atoms.positions - atoms.positions.mean(axis=0)
    pairs = cKDTree(r).query_pairs(tolerance)
    if pairs:
        i, j = sorted(pairs)[0]
        raise ValueError(
            f"atoms: {atoms.symbols[i]} {i} and {atoms.symbols[j]} {j} are closer than "
            f"tolerance={tolerance:g} Å; remove one of them, or give a smaller tolerance"
        )
    size = np.linalg.norm(np.cross(r[:, None], r), axis=-1)
    a, b = np.unravel_index(size.argmax(), size.shape)
    if size[a, b] < tolerance:
        raise ValueError("atoms: all on one line or point, where infinitely many rotations change nothing")
    return r, int(a), int(b)


def _candidates(
    r: Float[np.ndarray, "atoms 3"], numbers: np.ndarray, pair: tuple[int, int], tolerance: float
) -> Iterator[Float[np.ndarray, "3 3"]]:
    """Give the operations that bring two atoms near to two like atoms, in the same distances."""
    a, b = pair
    length, apart = np.linalg.norm(r, axis=1), np.linalg.norm(r[:, None] - r, axis=-1)
    frame = np.array([r[a], r[b], np.cross(r[a], r[b])])
    near = 6 * tolerance
    first = (numbers == numbers[a]) & (np.abs(length - length[a]) < near)
    second = (numbers == numbers[b]) & (np.abs(length - length[b]) < near)
    for c, d in permutations(range(len(r)), 2):
        if first[c] and second[d] and abs(apart[c, d] - apart[a, b]) < 2 * near:
            for sign in (1, -1):  # a reflection also flips the cross product
                to = np.array([r[c], r[d], sign * np.cross(r[c], r[d])])
                U, _, V = np.linalg.svd(np.linalg.solve(frame, to).T)
                yield U @ V


def _fitted(
    r: Float[np.ndarray, "atoms 3"], numbers: np.ndarray, R: Float[np.ndarray, "3 3"]
) -> _Found | None:
    """Fit an operation to all atoms, once it is known where each goes; None where two go to one place."""
    sign = np.linalg.det(R)
    for _ in range(2):  # the better fit may tell better where the atoms go
        distance = np.linalg.norm((r @ R.T)[:, None] - r, axis=-1)
        distance[numbers[:, None] != numbers] = np.inf
        to = distance.argmin(axis=1)
        if len(set(to.tolist())) < len(r):
            return None
        U, _, V = np.linalg.svd(r[to].T @ r)  # Kabsch
        R = U @ np.diag([1, 1, np.sign(sign * np.linalg.det(U @ V))]) @ V
    return R, to, float(np.linalg.norm(r @ R.T - r[to], axis=1).max())


def _table(keys: list[tuple]) -> Int[np.ndarray, "order order"] | None:
    """Return the multiplication table of permutations with a sign; None where a product is missing."""
    number = {key: n for n, key in enumerate(keys)}
    table = np.empty((len(keys), len(keys)), dtype=int)
    for i, (*g, g_proper) in enumerate(keys):
        for j, (*h, h_proper) in enumerate(keys):
            product = (*(g[atom] for atom in h), g_proper == h_proper)
            if product not in number:
                return None
            table[i, j] = number[product]
    return table
