"""The one check of operations of point groups: orthogonal, all different, and a group.

Everything that takes operations passes them through `checked`, so that all of the package refuses the same
sets for the same reasons and computes with matrices that form a group to round-off.
"""

import numpy as np
from jaxtyping import Float, Real

from tutorial_utils.groups.finite import Table, multiplication_table

Operations = Float[np.ndarray, "order 3 3"]

# How far R Rᵀ may be from 1: more than what rounding and relaxing leave, less than any wrong basis.
TOLERANCE = 0.01
_EXACT = 1e-10  # what is closer than this is left as it is


def orthogonal(
    R: Real[np.ndarray, "*batch 3 3"], *, name: str = "R", tolerance: float = TOLERANCE
) -> Float[np.ndarray, "*batch 3 3"]:
    """Return the orthogonal matrices nearest to the given ones (polar decomposition).

    Args:
        R: one matrix or several, rotations or rotations with inversion.
        name: of the argument, for the message.
        tolerance: largest difference between R Rᵀ and 1 that counts as round-off or distortion.

    Raises:
        ValueError: where R is not orthogonal; the message tells a lattice's basis from a distortion.
    """
    if not isinstance(tolerance, int | float) or not tolerance > 0:
        raise ValueError(f"tolerance: expected a number above 0, for entries of R Rᵀ - 1, got {tolerance!r}")
    try:
        R = np.asarray(R, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: expected orthogonal matrices (..., 3, 3), got {R!r}") from None
    if R.shape[-2:] != (3, 3) or not R.size or not np.isfinite(R).all():
        finite = "" if np.isfinite(R).all() else " with entries that are not finite"
        raise ValueError(f"{name}: expected orthogonal matrices (..., 3, 3), got shape {R.shape}{finite}")
    error = np.abs(R @ np.swapaxes(R, -1, -2) - np.eye(3)).max()
    if error > tolerance:
        raise ValueError(
            f"{name}: expected orthogonal matrices (..., 3, 3), but R Rᵀ differs from 1 by {error:.2g}. "
            + _fault(R, error, name)
        )
    if error < _EXACT:
        return R
    return _nearest(R)


def checked(
    operations: Operations, *, name: str = "operations", tolerance: float = TOLERANCE
) -> tuple[Operations, Table]:
    """Return operations that form a group exactly, nearest to those given, and their multiplication table.

    * Each becomes orthogonal.
    * All are different, and no product of two is missing; the identity is then among them.
    * What distortion or noise has left of g h = gh is averaged away: g becomes the mean of (gh) h⁻¹.

    Args:
        operations: Cartesian matrices, (3, 3) each.
        name: of the argument, for the message.
        tolerance: largest entry of R Rᵀ - 1, and half the largest by which a product may miss.

    Raises:
        ValueError: where they are not orthogonal, occur twice, or are no group.
    """
    R = orthogonal(operations, name=name, tolerance=tolerance)
    if R.ndim != 3:
        raise ValueError(f"{name}: expected all operations of a group, (order, 3, 3), got shape {R.shape}")
    table = multiplication_table(R, name=name, tolerance=2 * tolerance)
    return symmetrised(R, table), table


def symmetrised(operations: Operations, table: Table) -> Operations:
    """Return the orthogonal matrices nearest to the given ones that multiply as the table says."""
    R = orthogonal(operations, tolerance=np.inf)
    for _ in range(20):  # each round squares what is left; four are the rule
        if np.abs(R[:, None] @ R - R[table]).max() < _EXACT:
            break
        R = _nearest(np.mean(R[table] @ np.swapaxes(R, 1, 2), axis=1))  # over h: (gh) h⁻¹
    return R


def _nearest(R: Float[np.ndarray, "*batch 3 3"]) -> Float[np.ndarray, "*batch 3 3"]:
    U, _, V = np.linalg.svd(R)
    return U @ V


def _fault(R: Float[np.ndarray, "*batch 3 3"], error: float, name: str) -> str:
    """Say whether a basis or a distortion makes matrices other than orthogonal."""
    cartesian = (
        "become Cartesian by A W A⁻¹, columns of A the lattice vectors; `groups.operations(atoms)` gives "
        "Cartesian ones at once"
    )
    if np.abs(R - R.round()).max() < 1e-6:
        return f"The basis is at fault: spglib's whole numbers belong to a lattice's basis, and {cartesian}"
    if error < 0.1:
        return (
            "So little means a distorted or rounded structure, not a wrong basis: relax or symmetrise it, or "
            f"accept the distortion with tolerance={error * 1.1:.2g}"
        )
    if np.abs(np.abs(np.linalg.det(R)) - 1).max() > 0.05:
        return f"The determinants are not 1 or -1, so {name} holds no rotations in any basis"
    return f"The basis is at fault: matrices in a lattice's basis {cartesian}"
