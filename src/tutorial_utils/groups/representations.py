"""Representations of a finite group: one matrix for each element, multiplied as the elements are."""

import numpy as np
from ase import Atoms
from jaxtyping import Complex, Float

from tutorial_utils.groups.alike import kinds
from tutorial_utils.groups.checks import orthogonal
from tutorial_utils.groups.finite import Matrices, Table, checked_table, identity, inverses, square
from tutorial_utils.structures import plain

OtherMatrices = Float[np.ndarray, "order m m"] | Complex[np.ndarray, "order m m"]
Products = Float[np.ndarray, "order nm nm"] | Complex[np.ndarray, "order nm nm"]


def is_representation(matrices: Matrices, table: Table, *, tolerance: float = 1e-8) -> bool:
    """Tell whether D(g) D(h) = D(gh) for all pairs; `tolerance` is on each entry."""
    matrices, table = square(matrices, "matrices"), checked_table(table)
    identity(table)  # refuses numbers of no element
    if len(matrices) != len(table):
        raise ValueError(f"matrices: expected {len(table)}, one for each element, got {len(matrices)}")
    return all(
        np.abs(D @ matrices - matrices[row]).max() < tolerance for D, row in zip(matrices, table, strict=True)
    )


def regular(table: Table) -> Float[np.ndarray, "order order order"]:
    """Return the regular representation: each element permutes the elements, L(g)|h⟩ = |gh⟩."""
    identity(table)  # refuses what is no table of a group
    return np.swapaxes(np.eye(len(table))[checked_table(table)], 1, 2)


def permutation(atoms: Atoms, operations: Float[np.ndarray, "order 3 3"]) -> Float[np.ndarray, "order n n"]:
    """Return how operations about the centre exchange atoms: P[moved, atom] = 1.

    Args:
        atoms: a molecule of n atoms, in Å.
        operations: orthogonal matrices, each of which maps the molecule onto itself.

    Raises:
        ValueError: if an operation brings an atom to no like atom.
    """
    atoms = plain(atoms)
    operations = orthogonal(operations, name="operations").reshape(-1, 3, 3)
    r = atoms.positions - atoms.positions.mean(axis=0)
    moved = np.einsum("gij,aj->gai", operations, r)
    distance = np.linalg.norm(moved[:, None] - r[:, None], axis=-1)  # (order, to, from)
    alike = kinds(atoms)
    distance[:, alike[:, None] != alike] = np.inf
    if distance.min(axis=1).max() > 0.1:
        number = int(distance.min(axis=1).max(axis=1).argmax())
        raise ValueError(f"operations: number {number} does not bring every atom to the place of a like atom")
    return np.swapaxes(np.eye(len(r))[distance.argmin(axis=1)], 1, 2)


def tensor_product(first: Matrices, second: OtherMatrices) -> Products:
    """Return D(g) ⊗ D'(g) for each g, in the order of numpy.kron."""
    first, second = square(first, "first"), square(second, "second")
    if len(first) != len(second):
        raise ValueError(f"second: expected {len(first)} matrices, as many as in first, got {len(second)}")
    product = np.einsum("gij,gkl->gikjl", first, second)
    n = first.shape[1] * second.shape[1]
    return product.reshape(len(first), n, n)


def average(first: Matrices, M: np.ndarray, second: OtherMatrices, table: Table) -> np.ndarray:
    """Average a matrix over a group: the mean of D(g) M D'(g)⁻¹, which intertwines D and D'.

    * The result A obeys D(g) A = A D'(g) for all g.
    * Schur's lemma: zero for two different irreps; a multiple of 1 for one complex irrep with itself.

    Args:
        first: D, (order, n, n).
        M: any (n, m) matrix.
        second: D', (order, m, m).
        table: the group's multiplication table.
    """
    first, second, back = square(first, "first"), square(second, "second"), inverses(table)
    if not len(first) == len(second) == len(back):
        raise ValueError(
            f"first, second: expected {len(back)} matrices each, got {len(first)} and {len(second)}"
        )
    if np.shape(M) != (first.shape[1], second.shape[1]):
        raise ValueError(f"M: expected ({first.shape[1]}, {second.shape[1]}), got shape {np.shape(M)}")
    return np.mean(first @ M @ second[back], axis=0)


def unitarise(matrices: Matrices) -> Matrices:
    """Return an equivalent representation by unitary matrices (orthogonal ones for real matrices).

    The mean of D(g)† D(g) is a scalar product S that the group respects; in a basis orthonormal for S,
    S^{1/2} D S^{-1/2}, all matrices are unitary.
    """
    matrices = square(matrices, "matrices")
    S = np.mean(matrices.conj().swapaxes(1, 2) @ matrices, axis=0)
    s, U = np.linalg.eigh(S)
    if s[0] < 1e-12 * max(s[-1], 1e-300):
        raise ValueError("matrices: their mean square is singular, so they cannot all have inverses")
    root = (U * np.sqrt(s)) @ U.conj().T
    return root @ matrices @ np.linalg.inv(root)
