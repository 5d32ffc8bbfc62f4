"""Densities on the sphere: p(n) ∝ exp Σ_lm c_lm Y_lm(n), the way in which Symphony chooses a direction.

The coefficients are irreps, 0e + 1o + 2e + …: if they turn with a molecule, the density turns with it.
Sampling then chooses one of several equivalent directions, which no equivariant function can.

Harmonics are e3nn's, of mean square 1 ("component"). Source: Symphony, arXiv:2311.16199.
"""

import math
from functools import cache

import numpy as np
import torch
from e3nn import o3
from jaxtyping import Float, Real
from torch import Tensor

from tutorial_utils.arguments import explain
from tutorial_utils.conventions import floating

UNIFORM = math.log(4 * math.pi)  # -log p of the uniform density, nats
RINGS = 20  # of the grid of integration, enough for the logarithms of densities up to l = 4 met here


def irreps(lmax: int) -> o3.Irreps:
    """Return what the coefficients up to a degree are: 0e + 1o + 2e and so on."""
    if not isinstance(lmax, int) or lmax < 0:
        raise ValueError(f"lmax: expected a degree, a whole number of 0 or more, got {lmax!r}")
    return o3.Irreps.spherical_harmonics(lmax)


def directions(rings: int = RINGS) -> tuple[Float[Tensor, "points 3"], Float[Tensor, " points"]]:
    """Return directions spread over the sphere and their solid angles, which add up to 4π.

    Gauss–Legendre nodes along y, twice as many equal steps around it: exact for polynomials of degree
    below 2 * rings.
    """
    y, weight = np.polynomial.legendre.leggauss(rings)
    around = 2 * np.pi * (np.arange(2 * rings) + 0.5) / (2 * rings)
    radius = np.sqrt(1 - y**2)[:, None]
    points = np.stack(
        [radius * np.sin(around), np.broadcast_to(y[:, None], (rings, 2 * rings)), radius * np.cos(around)],
        axis=-1,
    )
    areas = np.repeat(weight * np.pi / rings, 2 * rings)
    dtype = torch.get_default_dtype()
    return torch.tensor(points.reshape(-1, 3), dtype=dtype), torch.tensor(areas, dtype=dtype)


@cache
def _integration(
    lmax: int, dtype: torch.dtype
) -> tuple[Float[Tensor, "points lm"], Float[Tensor, " points"]]:
    points, areas = directions()
    Y = o3.spherical_harmonics(irreps(lmax), points, True, "component")
    return Y.to(dtype), areas.log().to(dtype)


def log_density(
    coefficients: Real[Tensor, "*batch lm"], n: Real[Tensor, "*batch 3"]
) -> Float[Tensor, "*batch"]:
    """Return log p(n), p per solid angle.

    Args:
        coefficients: c_lm in e3nn's order, (l + 1)² of them.
        n: directions, of any length.

    Raises:
        ValueError: for a number of coefficients that is no square.
    """
    coefficients = floating(coefficients)
    lmax = degree(coefficients)
    Y, log_areas = _integration(lmax, coefficients.dtype)
    log_Z = torch.logsumexp(coefficients @ Y.to(coefficients).T + log_areas.to(coefficients), dim=-1)
    at_n = o3.spherical_harmonics(irreps(lmax), n, True, "component")
    return (coefficients * at_n).sum(dim=-1) - log_Z


def degree(coefficients: Float[Tensor, "*batch lm"]) -> int:
    """Return the l up to which coefficients go."""
    lmax = math.isqrt(coefficients.shape[-1]) - 1
    if lmax < 0 or (lmax + 1) ** 2 != coefficients.shape[-1]:
        raise ValueError(
            f"coefficients: expected (l + 1)² along the last axis (1, 4, 9, …), "
            f"got the shape {tuple(coefficients.shape)}"
        )
    return lmax


def sample(
    coefficients: Float[Tensor, " lm"], number: int, *, generator: torch.Generator, rings: int = 60
) -> Float[Tensor, "number 3"]:
    """Draw directions from a density; they lie on a grid of 180° / rings.

    Args:
        coefficients: of one density.
        number: of directions.
        generator: of random numbers.
        rings: of the grid; 60 makes steps of 3°.
    """
    points, areas = directions(rings)
    points = points.to(coefficients)
    log_p = log_density(coefficients.detach().expand(len(points), -1), points)
    chosen = torch.multinomial(log_p.exp() * areas.to(log_p), number, replacement=True, generator=generator)
    return points[chosen]


def mode(coefficients: Real[Tensor, "*batch lm"], *, rings: int = 60) -> Float[Tensor, "*batch 3"]:
    """Return the most probable direction, on a grid of 180° / rings."""
    coefficients, (points, _) = floating(coefficients), directions(rings)
    points = points.to(coefficients)
    Y = o3.spherical_harmonics(irreps(degree(coefficients)), points, True, "component")
    return points[(coefficients @ Y.T).argmax(dim=-1)]


explain(globals())
