"""Force constants by moving atoms: as few as the symmetry of the crystal leaves.

One atom of each kind of equivalent ones moves, in so few directions that the operations which leave it in
its place turn them into three independent ones. All else follows: Φ_g(j)g(i) = R Φ_ji Rᵀ for g = (R, t).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import spglib
from ase import Atoms
from jaxtyping import Float, Int

from tutorial_utils.phonons.lattice import ForceConstants, from_supercell

SYMMETRY_TOLERANCE = 1e-4  # Å
Forces = Callable[[Atoms], Float[np.ndarray, "sites 3"]]


@dataclass(frozen=True)
class Symmetry:
    """Operations of a supercell, translations among them.

    Attributes:
        rotations: (operations, 3, 3) | Cartesian matrices.
        permutations: (operations, sites) | where each atom goes.
    """

    rotations: Float[np.ndarray, "operations 3 3"]
    permutations: Int[np.ndarray, "operations sites"]


def symmetry(supercell: Atoms) -> Symmetry:
    """Find the operations that leave a crystal as it is (spglib).

    Raises:
        ValueError: if spglib finds no symmetry, as where atoms overlap.
    """
    cell, places = supercell.cell.array, supercell.get_scaled_positions()
    found = spglib.get_symmetry((cell, places, supercell.numbers), symprec=SYMMETRY_TOLERANCE)
    if found is None:
        raise ValueError("supercell: spglib finds no symmetry; do atoms overlap?")
    rotations, permutations = [], []
    for W, w in zip(found["rotations"], found["translations"], strict=True):
        moved = places @ W.T + w
        apart = moved[:, None] - places
        permutations.append(np.abs(apart - apart.round()).sum(axis=-1).argmin(axis=1))
        rotations.append(cell.T @ W @ np.linalg.inv(cell.T))
    return Symmetry(np.array(rotations), np.array(permutations))


def directions(operations: Symmetry, atom: int) -> Float[np.ndarray, "n 3"]:
    """Return the fewest directions to move an atom in; the others follow from them.

    Candidates are the edges, face and body diagonals of a cube: as a rule one is enough in cubic crystals.
    """
    R = operations.rotations[operations.permutations[:, atom] == atom]
    cube = np.array([d for d in np.ndindex(3, 3, 3) if d != (1, 1, 1)]) - 1.0
    cube = cube[np.argsort((cube**2).sum(axis=1), kind="stable")]
    cube = cube[[tuple(d) > (0, 0, 0) for d in cube]]  # one of each pair of opposite ones
    cube /= np.linalg.norm(cube, axis=1, keepdims=True)
    for count in (1, 2, 3):
        for chosen in combinations(cube, count):
            turned = np.concatenate([R @ d for d in chosen])
            if np.linalg.svd(turned, compute_uv=False)[2] > 0.1:
                return np.array(chosen)
    raise AssertionError("three directions that are not in a plane always do")


def displacements(operations: Symmetry, atoms: Iterable[int]) -> list[tuple[int, np.ndarray]]:
    """Return (atom, unit vector) of all moves: also backwards, unless symmetry makes that the same.

    Args:
        operations: of the supercell.
        atoms: those whose force constants are wanted; one of each kind of equivalent ones moves.
    """
    moves, done = [], set[int]()
    for atom in atoms:
        if atom in done:
            continue
        done |= set(operations.permutations[:, atom].tolist())
        R = operations.rotations[operations.permutations[:, atom] == atom]
        for d in directions(operations, atom):
            moves.append((atom, d))
            if np.abs(R @ d + d).sum(axis=1).min() > 1e-6:
                moves.append((atom, -d))
    return moves


def force_constants(atoms: Atoms, repeats: int, forces: Forces, *, step: float = 0.01) -> ForceConstants:
    """Compute force constants by finite displacements in a supercell.

    Args:
        atoms: primitive cell, at rest.
        repeats: edges of the supercell, in edges of the cell.
        forces: gives the forces (eV/Å) on all atoms of a structure.
        step: how far an atom is moved, Å.

    Returns:
        As computed: see `ForceConstants.acoustic` for the sum rule.

    Raises:
        ValueError: for a molecule or a slab, or a step that is not positive.
    """
    if not atoms.pbc.all():
        raise ValueError(f"atoms: a crystal is periodic along all axes, got pbc {atoms.pbc.tolist()}")
    if not step > 0:
        raise ValueError(f"step: expected a positive length in Å, got {step}")
    supercell = atoms.repeat(repeats)
    operations = symmetry(supercell)
    moves = displacements(operations, range(len(atoms)))
    responses = []
    for atom, d in moves:
        moved = supercell.copy()
        moved.positions[atom] += step * d
        responses.append((atom, step * d, np.asarray(forces(moved))))
    return assemble(atoms, supercell, operations, responses)


def assemble(
    atoms: Atoms,
    supercell: Atoms,
    operations: Symmetry,
    responses: list[tuple[int, np.ndarray, np.ndarray]],
) -> ForceConstants:
    """Solve for force constants.

    Args:
        atoms: primitive cell.
        supercell: begins with the atoms of the primitive cell.
        operations: of the supercell.
        responses: (moved atom, how far (3,) in Å, forces on all atoms (sites, 3) in eV/Å).

    Returns:
        The force constants of all atoms of the primitive cell.
    """
    columns: dict[int, np.ndarray] = {}
    for source in dict.fromkeys(atom for atom, _, _ in responses):
        own = [(u, F) for atom, u, F in responses if atom == source]
        column = _column(operations, source, own)
        for R, permutation in zip(operations.rotations, operations.permutations, strict=True):
            target = int(permutation[source])
            if target < len(atoms) and target not in columns:
                turned = np.empty_like(column)
                turned[permutation] = R @ column @ R.T
                columns[target] = turned
    values = np.array([columns[i].swapaxes(1, 2) for i in range(len(atoms))])
    return from_supercell(atoms, supercell, values)


def _column(
    operations: Symmetry, atom: int, responses: list[tuple[np.ndarray, np.ndarray]]
) -> Float[np.ndarray, "sites 3 3"]:
    """Return Φ_j,atom for all j from F_j = -Φ_j,atom u, with all that symmetry says of u and F."""
    fixed = np.flatnonzero(operations.permutations[:, atom] == atom)
    moves, answers = [], []
    for u, F in responses:
        for R, permutation in zip(operations.rotations[fixed], operations.permutations[fixed], strict=True):
            turned = np.empty_like(F)
            turned[permutation] = F @ R.T
            moves.append(R @ u)
            answers.append(turned.reshape(-1))
    solution = np.linalg.lstsq(np.array(moves), -np.array(answers), rcond=None)[0]  # (3, sites * 3)
    return solution.reshape(3, -1, 3).transpose(1, 2, 0)


def from_forces(
    atoms: Atoms, supercell: Atoms, responses: list[tuple[int, np.ndarray, np.ndarray]]
) -> ForceConstants:
    """Solve for force constants from forces that somebody else computed, in whatever order of atoms.

    Args:
        atoms: primitive cell, at rest.
        supercell: a cube of such cells, in any order (phonopy's, for example).
        responses: (moved atom, how far (3,) in Å, forces on all atoms (sites, 3) in eV/Å), as numbered in
            `supercell`. One of each kind of equivalent atoms has to be moved, as `displacements` says.

    Raises:
        ValueError: if the supercell is none of this cell.
    """
    wanted, order = in_order(atoms, supercell)
    place = np.argsort(order)
    ours = [(int(place[atom]), np.asarray(u), np.asarray(F)[order]) for atom, u, F in responses]
    return assemble(atoms, wanted, symmetry(wanted), ours)


def in_order(atoms: Atoms, supercell: Atoms) -> tuple[Atoms, Int[np.ndarray, " sites"]]:
    """Return the repeated cell in ASE's order, and where each of its atoms stands in `supercell`.

    Raises:
        ValueError: if the supercell is no cube of such cells.
    """
    size = round((len(supercell) / len(atoms)) ** (1 / 3))
    wanted = atoms.repeat(size)
    apart = (wanted.positions[:, None] - supercell.positions) @ np.linalg.inv(wanted.cell.array)
    distance = np.abs(apart - apart.round()).max(axis=-1)
    order = distance.argmin(axis=1)
    if len(wanted) != len(supercell) or distance.min(axis=1).max() > 1e-3 or len(set(order)) < len(order):
        raise ValueError(f"supercell: its {len(supercell)} atoms are not {size}³ cells of {len(atoms)} atoms")
    return wanted, order
