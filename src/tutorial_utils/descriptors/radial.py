"""Radial functions that are orthonormal in a ball: ∫ R_nl(r) R_ml(r) r² dr = δ_nm from 0 to the cutoff.

Times the spherical harmonics of degree l they are an orthonormal basis of functions on that ball, smooth
also at its centre; outside they are zero.
"""

from functools import lru_cache, partial
from itertools import pairwise
from math import pi, prod, sqrt
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Real
from scipy.optimize import brentq
from scipy.special import spherical_jn
from torch import Tensor, nn

from tutorial_utils.conventions import floating

NODES = 256  # of the Gauss-Legendre rule: exact to round-off for the smooth functions here


def quadrature(cutoff: float, *, nodes: int = NODES) -> tuple[Float[Tensor, "nodes"], Float[Tensor, "nodes"]]:
    """Return distances r (Å) and weights w (Å³) with Σ w f(r) = ∫ f(r) r² dr from 0 to the cutoff (Å)."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    r = 0.5 * cutoff * (x + 1)
    return torch.from_numpy(r), torch.from_numpy(0.5 * cutoff * w * r**2)


def smooth_cutoff(r: Float[Tensor, "..."], cutoff: float) -> Float[Tensor, "..."]:
    """Return (1 + cos πr/r_c)/2, which ends at the cutoff (Å) without a step and without a kink.

    Source: J. Behler, M. Parrinello, doi:10.1103/PhysRevLett.98.146401.
    """
    return torch.where(r < cutoff, 0.5 * (1 + torch.cos(pi * r / cutoff)), 0.0)


class Radial(nn.Module):
    """A set of orthonormal radial functions for each degree; those that follow say which.

    Attributes:
        size: how many functions for each degree.
        cutoff: Å, where they end.
    """

    def __init__(self, size: int, cutoff: float):
        super().__init__()
        if size < 1 or size != int(size):
            raise ValueError(f"size: expected 1 or more radial functions, got {size}")
        if not cutoff > 0:
            raise ValueError(f"cutoff: expected a length above 0 Å, got {cutoff}")
        self.size, self.cutoff = int(size), float(cutoff)

    def functions(self, r: Float[Tensor, "..."], lmax: int) -> Float[Tensor, "... degrees size"]:
        """Return R_nl(r) (Å^-3/2) inside the ball."""
        raise NotImplementedError

    def forward(self, r: Real[Tensor, "..."], lmax: int) -> Float[Tensor, "... degrees size"]:
        """Return R_nl(r) (Å^-3/2) for distances r (Å) and degrees 0 … lmax, zero beyond the cutoff."""
        r = floating(r)
        return self.functions(r, lmax) * (r <= self.cutoff)[..., None, None]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, cutoff={self.cutoff!r})"


class SphericalBessel(Radial):
    """R_nl(r) = N_nl j_l(z_nl r/r_c), n = 1, 2, …: the standing waves of a ball.

    * z_nl is the n-th zero of j_l: each function is zero at the cutoff, but its slope is not.
    * N_nl = √(2/r_c³)/|j_{l+1}(z_nl)| makes them orthonormal, for each degree by itself.
    * Near the centre R_nl ~ r^l, and so R_nl Y_lm is smooth there: with another power, it would depend on
      the direction from which a neighbour comes to the centre.
    * Fewer functions are the first of more functions. For l = 0 they are √(2/r_c) sin(nπ r/r_c)/r.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, chapter 10.
    """

    def functions(self, r: Float[Tensor, "..."], lmax: int) -> Float[Tensor, "... degrees size"]:
        """Return R_nl(r) (Å^-3/2)."""
        zeros, norms = (torch.from_numpy(table).to(r) for table in _bessel_tables(self.size, lmax))
        waves = spherical_bessel(tuple(range(lmax + 1)), r[..., None, None] / self.cutoff * zeros)
        return waves * norms / self.cutoff**1.5


@lru_cache
def _bessel_tables(size: int, lmax: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the zeros z_nl and √2/|j_{l+1}(z_nl)|, both (lmax+1, size)."""
    zeros = [np.arange(1, size + lmax + 1) * pi]
    for l in range(1, lmax + 1):  # a zero of j_l lies between two of j_{l-1}
        pairs = pairwise(zeros[-1])
        zeros.append(np.array([brentq(partial(spherical_jn, l), a, b, xtol=1e-14) for a, b in pairs]))
    table = np.stack([row[:size] for row in zeros])
    degrees = np.arange(1, lmax + 2)[:, None]
    return table, sqrt(2) / np.abs(spherical_jn(degrees, table))


def spherical_bessel(degrees: tuple[int, ...], x: Float[Tensor, "... degrees size"]) -> Tensor:
    """Return j_l(x) for x >= 0, one degree for each row of x, differentiable as often as needed, at 0 too."""
    return _SphericalBessel.apply(x, degrees)


class _SphericalBessel(torch.autograd.Function):
    """j_l(x), with the derivative (l j_{l-1} - (l+1) j_{l+1})/(2l+1) instead of one through the sums.

    Below l + 1 the power series x^l/(2l+1)!! Σ_k (-x²/2)^k / (k! (2l+3)(2l+5)…(2l+2k+1)), summed from its
    smallest term; above it the recurrence j_{l+1} = (2l+1)/x j_l - j_{l-1}, which loses digits only near 0.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, degrees: tuple[int, ...]) -> Tensor:
        l = torch.tensor(degrees).to(x.device)[:, None]
        small = x < l + 1
        near, far = torch.where(small, x, 0.0), torch.where(small, 1.0, x)
        half, series = near**2 / 2, torch.ones_like(near)
        for k in range(10 + max(degrees), 0, -1):
            series = 1 - half * series / (k * (2 * l + 2 * k + 1))
        odd = torch.tensor([prod(range(1, 2 * l + 2, 2)) for l in degrees]).to(x)[:, None]
        before, now = far.cos() / far, far.sin() / far
        found = now
        for degree in range(max(degrees)):
            before, now = now, (2 * degree + 1) / far * now - before
            found = torch.where(l == degree + 1, now, found)
        return torch.where(small, near**l / odd * series, found)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, tuple[int, ...]], output: Tensor) -> None:
        x, ctx.degrees = inputs
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad * _slope(ctx.degrees, *ctx.saved_tensors), None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, _: None) -> Tensor:
        return tangent * _slope(ctx.degrees, *ctx.saved_tensors)


def _slope(degrees: tuple[int, ...], x: Tensor) -> Tensor:
    """Return the derivative of j_l, row by row."""
    l = torch.tensor(degrees).to(x.device)[:, None]
    lower, higher = [max(degree - 1, 0) for degree in degrees], [degree + 1 for degree in degrees]
    both = spherical_bessel((*lower, *higher), torch.cat([x, x], dim=-2))  # one call: half the overhead
    below, above = both.split(len(degrees), dim=-2)
    return (l * below - (l + 1) * above) / (2 * l + 1)


def overlap(first: Radial, second: Radial, lmax: int) -> Float[Tensor, "degrees n m"]:
    """Return ∫ first_nl(r) second_ml(r) r² dr over the smaller ball, for each degree, in float64.

    Unit matrices for a basis with itself; between two bases they carry coefficients from one to the other.
    """
    r, w = quadrature(min(first.cutoff, second.cutoff))
    return torch.einsum("r,rln,rlm->lnm", w, first(r, lmax), second(r, lmax))
