"""Radial functions that are orthonormal in a ball: ∫ R_n(r) R_m(r) r² dr = δ_nm from 0 to the cutoff.

Times the spherical harmonics they are an orthonormal basis of functions on that ball; outside they are zero.
"""

from collections.abc import Callable
from math import pi, sqrt

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

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
    """A set of orthonormal radial functions; those that follow say which.

    Attributes:
        size: how many functions.
        cutoff: Å, where they end.
    """

    def __init__(self, size: int, cutoff: float):
        super().__init__()
        if size < 1:
            raise ValueError(f"size: expected 1 or more radial functions, got {size}")
        if not cutoff > 0:
            raise ValueError(f"cutoff: expected a length above 0 Å, got {cutoff}")
        self.size, self.cutoff = int(size), float(cutoff)

    def functions(self, r: Float[Tensor, "..."]) -> Float[Tensor, "... size"]:
        """Return R_n(r) (Å^-3/2) inside the ball."""
        raise NotImplementedError

    def forward(self, r: Float[Tensor, "..."]) -> Float[Tensor, "... size"]:
        """Return R_n(r) (Å^-3/2) for distances r (Å), zero beyond the cutoff."""
        return self.functions(r) * (r <= self.cutoff).unsqueeze(-1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, cutoff={self.cutoff!r})"


def sinc(x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Return sin(x)/x; unlike torch.sinc it has second derivatives at 0, which training on forces needs."""
    small = x.abs() < 1e-2
    far = torch.where(small, 1.0, x)
    return torch.where(small, 1 - x**2 / 6 + x**4 / 120, far.sin() / far)


class SphericalBessel(Radial):
    """R_n(r) = sqrt(2/r_c) sin(nπ r/r_c)/r, n = 1, 2, …: the standing waves of the ball with l = 0.

    * Each is zero at the cutoff, but its slope is not.
    * At the centre R_n(0) = sqrt(2/r_c) nπ/r_c, with slope zero.
    * Fewer functions are the first of more functions.

    Source: the radial basis of DimeNet, arXiv:2003.03123.
    """

    def functions(self, r: Float[Tensor, "..."]) -> Float[Tensor, "... size"]:
        """Return R_n(r) (Å^-3/2)."""
        n = torch.arange(1, self.size + 1, dtype=r.dtype, device=r.device)
        return sqrt(2 / self.cutoff) * n * pi / self.cutoff * sinc(r.unsqueeze(-1) * n * pi / self.cutoff)


class OrthonormalGaussians(Radial):
    """Gaussians on a row of shells, made orthonormal symmetrically: R = S^-1/2 g.

    * g_n(r) = exp(-(r - r_n)²/2σ²), r_n = (n + 1/2) d, σ = d/√2, with the spacing d = r_c/size.
    * S_nm = ∫ g_n g_m r² dr; S^-1/2 changes each function as little as possible (Löwdin).
    * They do not end at zero: an atom that crosses the cutoff needs a smooth weight.
    """

    centres: Tensor
    mixing: Tensor

    def __init__(self, size: int, cutoff: float):
        super().__init__(size, cutoff)
        self.width = self.cutoff / self.size / sqrt(2)  # Å
        centres = (torch.arange(self.size, dtype=torch.float64) + 0.5) * self.cutoff / self.size
        r, w = quadrature(self.cutoff)
        g = torch.exp(-((r.unsqueeze(-1) - centres) ** 2) / (2 * self.width**2))
        values, vectors = torch.linalg.eigh(torch.einsum("r,rn,rm->nm", w, g, g))
        self.register_buffer("centres", centres, persistent=False)
        self.register_buffer("mixing", vectors / values.sqrt() @ vectors.T, persistent=False)

    def functions(self, r: Float[Tensor, "..."]) -> Float[Tensor, "... size"]:
        """Return R_n(r) (Å^-3/2)."""
        centres, mixing = self.centres.to(r), self.mixing.to(r)
        return torch.exp(-((r.unsqueeze(-1) - centres) ** 2) / (2 * self.width**2)) @ mixing


def overlap(
    first: Callable[[Tensor], Tensor], second: Callable[[Tensor], Tensor], *, cutoff: float
) -> Float[Tensor, "n m"]:
    """Return ∫ first_n(r) second_m(r) r² dr from 0 to the cutoff (Å), in float64.

    The unit matrix for a basis with itself; between two bases it carries coefficients from one to the other.
    """
    r, w = quadrature(cutoff)
    return torch.einsum("r,rn,rm->nm", w, first(r), second(r))
