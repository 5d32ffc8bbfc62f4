"""Irreducible representations found numerically, from nothing but a multiplication table."""

import numpy as np
from jaxtyping import Complex, Float

from tutorial_utils.groups.finite import Matrices, Table, checked_table, inverses, square


def find_irreps(table: Table, *, real: bool = False, seed: int = 0) -> list[Matrices]:
    """Find all irreps of a finite group in its regular representation.

    * w(a⁻¹ b) with random weights w is a matrix that commutes with every L(g).
    * Made Hermitian, it has eigenspaces that no L(g) leaves, and with random weights none is larger than it
      must be: each is one irrep (Schur's lemma). An irrep of dimension d turns up d times.
    * Complex weights give complex irreps, with Σ d² = order. Real weights give the irreps over the real
      numbers: pairs of complex conjugates stay together, and Σ d² may exceed the order (C3: 1 + 4).

    Args:
        table: multiplication table.
        real: irreps over the real numbers, as e3nn has them.
        seed: of the weights.

    Returns:
        For each irrep unitary matrices (order, d, d), sorted by d, the trivial irrep first.

    Source:
        J. D. Dixon, Mathematics of Computation 24, 707 (1970), doi.org/10.1090/S0025-5718-1970-0280611-6,
        who splits any representation by a matrix that commutes with it.
    """
    rng = np.random.default_rng(seed)
    back, table = inverses(table), checked_table(table)
    w = rng.normal(size=len(table)) + (0 if real else 1j * rng.normal(size=len(table)))
    H = w[table[back]]  # w(a⁻¹ b)
    levels, vectors = np.linalg.eigh(H + H.conj().T)
    edges = np.flatnonzero(np.diff(levels) > 1e-8 * np.abs(levels).max()) + 1
    found: list[Matrices] = []
    for V in np.split(vectors, edges, axis=1):
        D = V.conj().T @ V[table[back]]  # V† L(g) V, as L(g) only permutes the rows
        if not any(abs(overlap(characters(D), characters(other))) > 0.5 for other in found):
            found.append(D)
    return sorted(found, key=_canonical)


def characters(matrices: Matrices) -> Complex[np.ndarray, "order"] | Float[np.ndarray, "order"]:
    """Return the trace of each matrix."""
    return np.trace(square(matrices, "matrices"), axis1=1, axis2=2)


def overlap(first: np.ndarray, second: np.ndarray) -> complex:
    """Return the scalar product of two characters, the mean of χ(g)* χ'(g) over the group.

    1 for a complex irrep with itself, 0 for two different ones. Over the real numbers an irrep with itself
    gives 1, 2 or 4: real, complex or quaternionic.
    """
    return np.mean(np.conj(first) * second)


def projector(matrices: Matrices, character: np.ndarray) -> np.ndarray:
    """Project on everything in a representation that transforms by one irrep.

    P = d/|G| Σ χ(g)* D(g); for the merged character of a conjugate pair, d is half the value at the identity.

    Args:
        matrices: a representation D, (order, n, n).
        character: χ of the irrep, one number for each element in the same order.

    Returns:
        An (n, n) projector, of rank d times the irrep's multiplicity; real where D and χ are.
    """
    matrices, character = square(matrices, "matrices"), np.asarray(character)
    if character.shape != matrices.shape[:1] or character.dtype.kind not in "iufc":
        raise ValueError(
            f"character: expected {len(matrices)} numbers, one for each matrix, got {character.dtype} of "
            f"shape {character.shape}"
        )
    d = np.abs(character).max() / overlap(character, character).real
    return d * np.einsum("g,gij->ij", np.conj(character), matrices) / len(matrices)


def image(P: np.ndarray, *, tolerance: float = 1e-6) -> np.ndarray:
    """Return an orthonormal basis of a projector's image, as columns."""
    U, s, _ = np.linalg.svd(square(np.asarray(P)[None], "P")[0])
    return U[:, s > tolerance]


def _canonical(D: Matrices) -> tuple:
    """Sort by dimension, then by characters: large before small, and positive imaginary before negative."""
    χ = characters(D)
    return D.shape[1], tuple(-χ.real.round(6) + 0.0), tuple(-χ.imag.round(6) + 0.0)
