"""Force constants by moving atoms: as few as the symmetry of the crystal leaves.

One atom of each kind of equivalent ones moves, in so few directions that the operations which leave it in
its place turn them into three independent ones. All else follows: Φ_g(j)g(i) = R Φ_ji Rᵀ for g = (R, t).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from ase import Atoms
from jaxtyping import Float, Int

from tutorial_utils import groups, structures
from tutorial_utils.phonons.lattice import ForceConstants, from_supercell, kinds

SYMMETRY_TOLERANCE = 1e-4  # Å
Forces = Callable[[Atoms], Float[np.ndarray, "sites 3"]]


@dataclass(frozen=True, eq=False)
class Symmetry:
    """Operations of a supercell, translations among them.

    Attributes:
        rotations: (operations, 3, 3) | Cartesian matrices.
        permutations: (operations, sites) | where each atom goes.
    """

    rotations: Float[np.ndarray, "operations 3 3"]
    permutations: Int[np.ndarray, "operations sites"]


def symmetry(supercell: Atoms) -> Symmetry:
    """Find the operations that leave a crystal as it is, its magnetic moments and charges among it.

    Raises:
        ValueError: if there is none, as where atoms overlap, or for moments that are vectors.
    """
    moments = supercell.get_initial_magnetic_moments()
    if moments.ndim > 1:
        raise ValueError(
            "atoms: magnetic moments that are vectors are not supported; give one number an atom"
        )
    labels = np.stack([supercell.numbers, moments, supercell.get_initial_charges()], axis=1).round(6)
    labelled = Atoms(
        numbers=1 + np.unique(labels, axis=0, return_inverse=True)[1].reshape(-1),
        positions=supercell.positions,
        cell=supercell.cell,
        pbc=True,
    )
    found = groups.space_group(labelled, tolerance=SYMMETRY_TOLERANCE)
    return Symmetry(found.rotations, found.permutations)


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
            if np.linalg.eigvalsh(turned.T @ turned)[0] > 0.01:
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


def force_constants(
    atoms: Atoms, repeats: int | tuple[int, int, int], forces: Forces, *, step: float = 0.01
) -> ForceConstants:
    """Compute force constants by finite displacements in a supercell.

    Args:
        atoms: primitive cell, at rest. Its masses, magnetic moments and charges are kept, constraints such
            as FixAtoms are left out: any atom of a crystal can move.
        repeats: edges of the supercell, in edges of the cell: one number, or one for each.
        forces: gives the forces (eV/Å) on all atoms of a structure.
        step: how far an atom is moved, Å.

    Returns:
        As computed: see `ForceConstants.acoustic` for the sum rule.

    Raises:
        ValueError: for a molecule or a slab, sites shared by elements, repeats below 1, a step that is not
            positive, or forces that are not finite or of another shape.
    """
    atoms = structures.plain(atoms)
    if not atoms.pbc.all():
        raise ValueError(f"atoms: a crystal is periodic along all axes, got pbc {atoms.pbc.tolist()}")
    if not step > 0:
        raise ValueError(f"step: expected a positive length in Å, got {step}")
    edges = np.atleast_1d(repeats)
    if edges.shape not in ((1,), (3,)) or edges.dtype.kind != "i" or edges.min() < 1:
        raise ValueError(f"repeats: expected a whole number from 1 on, or three of them, got {repeats!r}")
    supercell = atoms.repeat(tuple(np.broadcast_to(edges, 3).tolist()))
    operations = symmetry(supercell)
    responses = []
    for atom, d in displacements(operations, range(len(atoms))):
        moved = supercell.copy()
        moved.positions[atom] += step * d
        responses.append((atom, step * d, forces(moved)))
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
        supercell: begins with one image of each atom of the primitive cell.
        operations: of the supercell.
        responses: (moved atom, how far (3,) in Å, forces on all atoms (sites, 3) in eV/Å).

    Returns:
        The force constants of all atoms of the primitive cell.

    Raises:
        ValueError: for forces of another shape or not finite, or where these moves do not say enough.
    """
    responses = [(n, u, structures.check_forces(F, len(supercell))) for n, u, F in responses]
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
    missing = [i for i in range(len(atoms)) if i not in columns]
    if missing:
        raise ValueError(f"responses: neither the atoms {missing} of the cell nor equivalent ones were moved")
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
    solution, _, rank, _ = np.linalg.lstsq(np.array(moves), -np.array(answers), rcond=1e-3)  # (3, sites * 3)
    if rank < 3:
        raise ValueError(f"responses: atom {atom} moves in {rank} independent directions, with symmetry")
    return solution.reshape(3, -1, 3).transpose(1, 2, 0)


def from_forces(
    atoms: Atoms, supercell: Atoms, responses: list[tuple[int, np.ndarray, np.ndarray]]
) -> ForceConstants:
    """Solve for force constants from forces that somebody else computed, in whatever order of atoms.

    Args:
        atoms: primitive cell, at rest.
        supercell: a repetition of it, of any shape and in any order (phonopy's, for example).
        responses: (moved atom, how far (3,) in Å, forces on all atoms (sites, 3) in eV/Å), as numbered in
            `supercell`. One of each kind of equivalent atoms has to be moved, as `displacements` says.

    Raises:
        ValueError: if the supercell is none of this cell, or the moves do not say enough.
    """
    atoms, supercell = structures.plain(atoms), structures.plain(supercell, argument="supercell")
    order = cell_first(atoms, supercell)
    place = np.argsort(order)
    for atom, _, F in responses:
        if not 0 <= atom < len(supercell) or np.shape(F) != (len(supercell), 3):
            raise ValueError(
                f"responses: expected atoms 0 to {len(supercell) - 1} and forces ({len(supercell)}, 3) "
                f"in eV/Å, got atom {atom} and forces {np.shape(F)}"
            )
    ours = [(int(place[atom]), np.asarray(u), np.asarray(F)[order]) for atom, u, F in responses]
    return assemble(atoms, supercell[order], symmetry(supercell[order]), ours)


def cell_first(atoms: Atoms, supercell: Atoms) -> Int[np.ndarray, " sites"]:
    """Return the order of a supercell's atoms that begins with one image of each atom of the cell."""
    kind = kinds(atoms, supercell)
    first = np.unique(kind, return_index=True)[1]
    return np.concatenate([first, np.delete(np.arange(len(supercell)), first)])
