"""Products of functions on the sphere: fast, since they are taken point by point, and half of all products.

Features of degrees up to L are read as coefficients of a function, A(r̂) = Σ a_lm Y_lm(r̂), with harmonics
of mean square 1. Two products of functions are equivariant:

* `pointwise`, A B, the Gaunt product: every path with l1 + l2 + l3 even, and no other (arXiv:2401.10216);
* `bracket`, r̂ · (∇A × ∇B), the Poisson bracket: every path with l1 + l2 + l3 odd, and no other
  (the idea: arXiv:2605.15073).
"""

from functools import lru_cache, reduce

import numpy as np
import torch
from e3nn import o3
from jaxtyping import Float, Real
from torch import Tensor

from tutorial_utils import groups
from tutorial_utils.conventions import floating


@lru_cache
def grid(degree: int) -> tuple[Float[Tensor, "points 3"], Float[Tensor, " points"]]:
    """Return directions and weights that take the mean of every polynomial up to a degree exactly.

    Gauss and Legendre's points along the axis y, even steps around it.

    Args:
        degree: of the polynomial; a product of functions up to degrees L1 and L2 has degree L1 + L2.
    """
    height, weights = np.polynomial.legendre.leggauss(degree // 2 + 1)
    around = 2 * np.pi * np.arange(degree + 1) / (degree + 1)
    h, φ = np.repeat(height, degree + 1), np.tile(around, len(height))
    radius = np.sqrt(1 - h**2)
    points = torch.tensor(np.stack([radius * np.sin(φ), h, radius * np.cos(φ)], axis=1))
    return points, torch.tensor(np.repeat(weights, degree + 1) / (2 * (degree + 1)))


@lru_cache
def transforms(
    lmax: int, degree: int
) -> tuple[Float[Tensor, "{(lmax+1)**2} points"], Float[Tensor, "points n"]]:
    """Return the matrices from coefficients to values on `grid(degree)`, and back, in float64."""
    points, weights = grid(degree)
    Y = o3.spherical_harmonics(range(lmax + 1), points, True, normalization="component")
    return Y.T.contiguous(), weights[:, None] * Y


def degree_of(c: Float[Tensor, "... lm"]) -> int:
    """Return lmax, read from the last axis.

    Raises:
        ValueError: if it is no (lmax+1)².
    """
    lmax = round(c.shape[-1] ** 0.5) - 1 if c.ndim else -1
    if lmax < 0 or (lmax + 1) ** 2 != c.shape[-1]:
        raise ValueError(f"coefficients: expected (..., (lmax+1)²), got shape {tuple(c.shape)}")
    return lmax


def pointwise(
    *factors: Real[Tensor, "... _"], lmax: int, degree: int | None = None
) -> Float[Tensor, "... {(lmax+1)**2}"]:
    """Return the coefficients of a product of functions, point by point.

    Args:
        factors: coefficients of two or more functions, each (..., (l+1)²) of its own l.
        lmax: up to which degree to return.
        degree: of polynomials that the grid integrates exactly; None: as high as this product needs. A lower
            one is faster, and breaks the symmetry.
    """
    factors = tuple(floating(c) for c in factors)
    highest = [degree_of(c) for c in factors]
    degree = sum(highest) + lmax if degree is None else degree
    on_grid = [c @ transforms(l, degree)[0].to(c) for c, l in zip(factors, highest, strict=True)]
    values = reduce(torch.mul, on_grid)
    return values @ transforms(lmax, degree)[1].to(values)


@lru_cache
def turning(lmax: int) -> Float[Tensor, "3 {(lmax+1)**2} {(lmax+1)**2}"]:
    """Return the generators of rotations about x, y and z, for all degrees up to lmax side by side."""
    X = torch.zeros(3, (lmax + 1) ** 2, (lmax + 1) ** 2, dtype=torch.float64)
    for l in range(lmax + 1):
        X[:, l**2 : (l + 1) ** 2, l**2 : (l + 1) ** 2] = torch.tensor(groups.generators(l))
    return X


def bracket(
    a: Real[Tensor, "... n"], b: Real[Tensor, "... m"], *, lmax: int
) -> Float[Tensor, "... {(lmax+1)**2}"]:
    """Return the coefficients of r̂ · (∇A × ∇B), up to degree lmax.

    A small rotation of a function adds (r × ∇)A to it. On the sphere r × ∇A is ∇A turned by 90° about r̂, so
    the two cross products agree, and generators stand in for derivatives.

    Args:
        a: coefficients of A.
        b: coefficients of B.
        lmax: up to which degree to return.
    """
    a, b = floating(a), floating(b)
    la, lb = degree_of(a), degree_of(b)
    degree = la + lb + lmax + 1  # r̂ is one more factor
    points, _ = grid(degree)
    turned = []
    for c, l in ((a, la), (b, lb)):
        Xc = torch.einsum("xij,...j->...xi", turning(l).to(c), c)
        turned.append(Xc @ transforms(l, degree)[0].to(c))  # (..., 3, points)
    cross = torch.linalg.cross(*turned, dim=-2)
    values = (cross * points.T.to(cross)).sum(dim=-2)
    return values @ transforms(lmax, degree)[1].to(values)
