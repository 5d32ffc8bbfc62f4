"""The symmetry of a crystal, found by spglib and given as Cartesian orthogonal matrices."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import spglib
from ase import Atoms
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from tutorial_utils.groups.alike import kinds
from tutorial_utils.groups.checks import symmetrised
from tutorial_utils.groups.finite import multiplication_table
from tutorial_utils.groups.point_groups import Operations, crystallographic
from tutorial_utils.structures import plain


@dataclass(frozen=True, eq=False)
class SpaceGroup:
    """All operations that leave a crystal as it is, x -> W x + w, translations among them.

    Attributes:
        number: of the International Tables, 1 to 230.
        symbol: Hermann–Mauguin, "P6_3mc".
        point_group: Hermann–Mauguin, one of `CRYSTALLOGRAPHIC`.
        rotations: (operations, 3, 3) | Cartesian, orthogonal; equal ones for different translations.
        translations: (operations, 3) | in lattice vectors.
        permutations: (operations, atoms) | which atom each atom is brought to.
    """

    number: int
    symbol: str
    point_group: str
    rotations: Float[np.ndarray, "operations 3 3"]
    translations: Float[np.ndarray, "operations 3"]
    permutations: Int[np.ndarray, "operations atoms"]


def space_group(atoms: Atoms, *, tolerance: float = 1e-3) -> SpaceGroup:
    """Find the operations that leave a crystal as it is (spglib), Cartesian, in the axes of its cell.

    A cell that is slightly distorted, rounded to a few digits say, still gives orthogonal matrices that form
    a group: those of the nearest undistorted one.

    Args:
        atoms: a crystal, periodic along all axes; any cell of it. Own masses, charges and magnetic moments
            tell atoms apart, see `groups.alike.kinds`; partial occupancy is refused.
        tolerance: how far from its partner an atom may end up, Å; also for the ends of lattice vectors.

    Raises:
        ValueError: for a molecule or a slab, or where spglib finds no group at this tolerance.
    """
    found, rotations, places = _found(atoms, tolerance)
    return SpaceGroup(
        found.number,
        found.international,
        found.pointgroup,
        rotations,
        found.translations,
        _permutations(places, found.rotations, found.translations),
    )


def _found(
    atoms: Atoms, tolerance: float
) -> tuple[Any, Float[np.ndarray, "operations 3 3"], Float[np.ndarray, "atoms 3"]]:
    """Return what spglib finds, its rotations in Cartesian axes, and where the atoms lie in the cell."""
    atoms = plain(atoms)
    cell, places = _lattice(atoms, tolerance), atoms.get_scaled_positions()
    crystal: tuple[Any, ...] = (cell, places, kinds(atoms))
    found = spglib.get_symmetry_dataset(crystal, symprec=tolerance)
    if found is None:
        raise ValueError(
            f"atoms: spglib finds no space group within tolerance={tolerance} Å. Do atoms overlap? "
            "Else try a smaller tolerance"
        )
    W, which = np.unique(found.rotations, axis=0, return_inverse=True)
    R = cell.T @ W @ np.linalg.inv(cell.T)
    rotations = symmetrised(R, multiplication_table(W.astype(float), name="atoms"))
    return found, rotations[which.reshape(-1)], places


def operations(
    atoms: Atoms, *, tolerance: float = 1e-3, axes: Literal["cell", "IEEE"] = "cell"
) -> Operations:
    """Return the point group of a crystal: Cartesian, orthogonal, each operation once, the identity first.

    >>> from ase.build import bulk
    >>> len(operations(bulk("Cu", cubic=True)))
    48

    Args:
        atoms: a crystal, periodic along all axes; any cell of it. For molecules: `symmetry.stabiliser`.
        tolerance: how far from its partner an atom may end up, Å.
        axes: "cell", the axes in which the cell is given, or "IEEE", those of `crystallographic`, in which
            property tensors are tabulated.

    Raises:
        ValueError: for a molecule or a slab, or where spglib finds no group at this tolerance.
    """
    if axes not in ("cell", "IEEE"):
        raise ValueError(f'axes: expected "cell" or "IEEE", got {axes!r}')
    found, rotations, _ = _found(atoms, tolerance)
    if axes == "IEEE":
        return crystallographic(found.pointgroup)
    unique = rotations[np.unique(rotations.round(6) + 0.0, axis=0, return_index=True)[1]]
    return unique[np.abs(unique - np.eye(3)).sum(axis=(1, 2)).argsort(kind="stable")]


def _lattice(atoms: Atoms, tolerance: float) -> Float[np.ndarray, "3 3"]:
    """Return the cell of a crystal, rows in Å, once the arguments are what they should be."""
    if not isinstance(tolerance, int | float) or not tolerance > 0:
        raise ValueError(f"tolerance: expected a positive length in Å, got {tolerance!r}")
    if not atoms.pbc.all() or not len(atoms) or abs(atoms.cell.volume) < 1e-6:
        raise ValueError(
            f"atoms: expected a crystal, periodic along all axes with a cell, got {len(atoms)} atoms with "
            f"pbc {atoms.pbc.tolist()} and a cell of {abs(atoms.cell.volume):.3g} Å³; for a molecule take "
            "symmetry.stabiliser"
        )
    return atoms.cell.array


def _permutations(
    places: Float[np.ndarray, "atoms 3"],
    rotations: Int[np.ndarray, "operations 3 3"],
    translations: Float[np.ndarray, "operations 3"],
) -> Int[np.ndarray, "operations atoms"]:
    """Return where each operation brings each atom.

    A large cell has thousands of operations, but each is a translation after one of at most 48. Partners are
    looked for under these and under the translations; all else is two permutations, one after the other.
    """
    tree = cKDTree(_inside(places), boxsize=1.0)

    def partners(number: int, points: Float[np.ndarray, "points 3"]) -> Int[np.ndarray, "points"]:
        moved = points @ rotations[number].T + translations[number]
        return tree.query(_inside(moved), p=1)[1]

    unmoved = np.flatnonzero((rotations == np.eye(3, dtype=int)).all(axis=(1, 2)))
    shifts = np.array([partners(int(number), places) for number in unmoved])
    first = np.unique(rotations, axis=0, return_index=True, return_inverse=True)
    turns = np.array([partners(number, places) for number in first[1]])
    found = np.empty((len(rotations), len(places)), dtype=int)
    for number, turn in enumerate(turns[first[2].reshape(-1)]):
        one = partners(number, places[:1])[0]  # no two translations bring an atom to one place
        found[number] = shifts[np.flatnonzero(shifts[:, turn[0]] == one)[0], turn]
    return found


def _inside(places: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    """Return the same places in the cell, coordinates from 0 to below 1."""
    found = places % 1.0
    return np.where(found < 1.0, found, 0.0)  # -1e-17 % 1 is 1
