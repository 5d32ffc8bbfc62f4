"""Rotations by hand: generators, Wigner D, spherical harmonics, Clebsch–Gordan, in the conventions of e3nn.

Components of degree l run from m = -l to l with the polar axis y, so l = 1 is (x, y, z): see `conventions`.
"""

from functools import cache
from math import factorial
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from scipy.linalg import expm
from scipy.spatial.transform import Rotation
from scipy.special import lpmv

from tutorial_utils.groups.checks import orthogonal

if TYPE_CHECKING:
    from e3nn import o3
    from torch import Tensor


LARGEST = 80  # degree up to which scipy's Legendre functions are finite, and right to 1e-15


def generators(l: int) -> Float[np.ndarray, "3 {2*l+1} {2*l+1}"]:
    """Return the real, antisymmetric matrices of infinitesimal rotations about x, y and z.

    * [X_x, X_y] = X_z and cyclic.
    * -(X_x² + X_y² + X_z²) = l(l + 1).
    * exp(angle · X_y) turns about y; for l = 1 it is the rotation matrix itself.

    Args:
        l: degree, 0 or more.
    """
    _check_degree(l)
    m = np.arange(-l, l + 1)
    raising = np.diag(np.sqrt(l * (l + 1) - m[:-1] * m[1:]), -1)  # J₊|m⟩ = √(l(l+1) - m(m+1)) |m+1⟩
    J = np.array([(raising + raising.T) / 2, (raising - raising.T) / 2j, np.diag(m)])
    Q = _real_from_complex(l)
    X = (-1j * Q.conj() @ J @ Q.T).real  # |real⟩ = Q|complex⟩, so matrix elements take Q* and Qᵀ
    return X[[1, 2, 0]]  # physicists' polar axis z is e3nn's y


def _real_from_complex(l: int) -> np.ndarray:
    """Return the unitary matrix from complex to real harmonics: sines (m < 0), then cosines (m > 0)."""
    Q = np.zeros((2 * l + 1, 2 * l + 1), dtype=complex)
    Q[l, l] = 1
    for m in range(1, l + 1):
        Q[l + m, [l - m, l + m]] = np.array([1, (-1) ** m]) / np.sqrt(2)
        Q[l - m, [l - m, l + m]] = np.array([1, -((-1) ** m)]) * 1j / np.sqrt(2)
    return Q


def wigner_D(
    l: int, R: Float[np.ndarray, "*batch 3 3"], *, parity: int | None = None
) -> Float[np.ndarray, "*batch {2*l+1} {2*l+1}"]:
    """Return the matrix by which degree l turns: the exponential of angle times generators.

    * D(R S) = D(R) D(S), D orthogonal; for l = 1 and odd parity D is R itself.
    * -1 gives `parity` times the unit matrix.

    Args:
        l: degree.
        R: orthogonal matrices, rotations or rotations times the inversion.
        parity: 1 (even) or -1 (odd); that of the spherical harmonics, (-1)^l, if left out.

    Raises:
        ValueError: if R is not orthogonal.
    """
    _check_degree(l)
    if parity not in (None, 1, -1):
        raise ValueError(f"parity: expected 1 (even), -1 (odd) or None, got {parity!r}")
    R = orthogonal(R)
    det = np.sign(np.linalg.det(R))[..., None, None]
    turns = Rotation.from_matrix((R * det).reshape(-1, 3, 3)).as_rotvec()  # axis times angle
    D = expm(np.einsum("ai,imn->amn", turns, generators(l))).reshape(*R.shape[:-2], 2 * l + 1, 2 * l + 1)
    return D * np.where(det < 0, (-1) ** l if parity is None else parity, 1)


def D(irreps: "o3.Irreps | str", R: "Tensor") -> "Tensor":
    """Return the matrices of any irreps for R, (..., 3, 3) -> (..., dim, dim), and differentiable in R.

    * In the dtype and on the device of R; the same as e3nn's ``irreps.D_from_matrix``.
    * D_l is a polynomial in R: the part of R ⊗ D_{l-1} that the Clebsch–Gordan coefficients couple to l. So
      there is no angle to be found, and gradients are finite everywhere, at the identity too.
    * Improper R = -(-R): D is that of -R, times the parity of each irrep.

    Args:
        irreps: "0e + 2x1o", or e3nn's.
        R: orthogonal matrices, rotations or rotations times the inversion, of floating dtype.

    Raises:
        ValueError: if R is not a tensor of orthogonal matrices, or the irreps cannot be read.
    """
    import torch
    from e3nn import o3

    try:
        irreps = o3.Irreps(irreps)
    except (ValueError, TypeError, AssertionError):
        raise ValueError(f'irreps: expected irreps such as "0e + 2x1o", got {irreps!r}') from None
    if not isinstance(R, torch.Tensor) or not R.is_floating_point() or R.shape[-2:] != (3, 3):
        raise ValueError(f"R: expected a tensor of orthogonal matrices (..., 3, 3), got {type(R).__name__}")
    orthogonal(R.detach().double().cpu().numpy())
    proper = torch.linalg.det(R.detach().double()).sign().to(R)[..., None, None]
    blocks = [torch.ones_like(R[..., :1, :1]), R * proper]
    for l in range(2, max([ir.l for _, ir in irreps], default=0) + 1):
        C = torch.as_tensor(_step(l)).to(R)
        blocks.append(torch.einsum("abm,...ac,...bd,cdn->...mn", C, blocks[1], blocks[-1], C))
    matrix = R.new_zeros(*R.shape[:-2], irreps.dim, irreps.dim)
    begin = 0
    for ir in (ir for mul, ir in irreps for _ in range(mul)):
        end = begin + ir.dim
        matrix[..., begin:end, begin:end] = blocks[ir.l] * (1 if ir.p == 1 else proper)
        begin = end
    return matrix


@cache
def _step(l: int) -> Float[np.ndarray, "3 {2*l-1} {2*l+1}"]:
    """Return what couples degrees 1 and l - 1 to unit vectors of degree l."""
    return clebsch_gordan(1, l - 1, l) * (2 * l + 1) ** 0.5


def _check_degree(l: int, name: str = "l") -> None:
    if not isinstance(l, int | np.integer) or l < 0:
        raise ValueError(f"{name}: expected a degree, a whole number of 0 or more, got {l!r}")


def spherical_harmonics(l: int, r: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch {2*l+1}"]:
    """Return real spherical harmonics of the direction of r, with mean square 1 ("component" in e3nn).

    Y_lm = N_lm P_l^|m|(cos θ) · (√2 sin |m|φ, 1, √2 cos mφ for m <, =, > 0),
    θ from the axis y, φ from z to x.

    Args:
        l: degree.
        r: vectors that are not zero; their length does not matter.

    Raises:
        ValueError: for a vector without direction, or a degree beyond double precision (more than 80).
    """
    _check_degree(l)
    r = np.asarray(r)
    if r.dtype.kind not in "iuf" or r.shape[-1:] != (3,):
        raise ValueError(f"r: expected vectors (..., 3), got shape {r.shape}")
    if l > LARGEST:
        raise ValueError(
            f"l: Legendre's functions of so high a degree leave double precision, {l} > {LARGEST}"
        )
    if not (np.linalg.norm(r, axis=-1) > 0).all():
        raise ValueError("r: a vector is zero or not a number, it has no direction")
    x, y, z = np.moveaxis(r / np.linalg.norm(r, axis=-1, keepdims=True), -1, 0)
    φ = np.arctan2(x, z)
    columns = []
    for m in range(-l, l + 1):
        k = abs(m)
        N = (-1) ** k * np.sqrt((2 * l + 1) * factorial(l - k) / factorial(l + k))
        around = 1.0 if m == 0 else np.sqrt(2) * (np.sin(k * φ) if m < 0 else np.cos(k * φ))
        columns.append(N * lpmv(k, l, np.clip(y, -1, 1)) * around)  # lpmv has its own (-1)^m, N takes it back
    return np.stack(columns, axis=-1)


def clebsch_gordan(l1: int, l2: int, l3: int) -> Float[np.ndarray, "{2*l1+1} {2*l2+1} {2*l3+1}"]:
    """Return the coefficients that couple degrees l1 and l2 to l3.

    * C is the same for all observers: no rotation of its three indices together changes it. So the generators
      annihilate it, and that determines C but for a factor.
    * ΣC² = 1, as in e3nn's `wigner_3j`; coupled components of unit length need √(2 l3 + 1) C.
    * Sign: the first coefficient that is not zero is positive. e3nn's sign comes from Racah's formula, so the
      two agree up to one sign for each (l1, l2, l3).

    Args:
        l1: first degree.
        l2: second degree.
        l3: coupled degree, from |l1 - l2| to l1 + l2.

    Raises:
        ValueError: if l3 is out of that range.
    """
    for name, l in (("l1", l1), ("l2", l2), ("l3", l3)):
        _check_degree(l, name)
    if not abs(l1 - l2) <= l3 <= l1 + l2:
        raise ValueError(f"l3: expected a degree from {abs(l1 - l2)} to {l1 + l2}, got {l3}")
    one, two = np.eye(2 * l1 + 1), np.eye(2 * l2 + 1)
    both = np.array(
        [np.kron(X, two) + np.kron(one, Y) for X, Y in zip(generators(l1), generators(l2), strict=True)]
    )
    size, vectors = np.linalg.eigh(-np.einsum("iab,ibc->ac", both, both))  # l(l + 1) of the sum
    V = vectors[:, np.abs(size - l3 * (l3 + 1)) < 1e-6]  # degree l3, but in a basis of eigh's choice
    same = np.eye(2 * l3 + 1)
    turned = V.T @ both @ V
    gap = [np.kron(A, same) - np.kron(same, X.T) for A, X in zip(turned, generators(l3), strict=True)]
    S = np.linalg.svd(np.concatenate(gap))[2][-1]  # turned S = S X: S leads to our basis
    C = V @ S.reshape(2 * l3 + 1, 2 * l3 + 1)
    C *= np.sign(C[np.abs(C) > 1e-6][0]) / np.linalg.norm(C)
    return C.reshape(2 * l1 + 1, 2 * l2 + 1, 2 * l3 + 1)
